import { type RestorePlan, runRestore } from "../client/restore/run-restore.ts";
import { type LoadedKey } from "../client/keys/load-key.ts";
import { createNativeProvider } from "../format/crypto/native-provider.ts";
import { startCodecPool } from "./start-codec-pool.ts";
import { usingKeyLine } from "./choose-crypt.ts";
import { CliError } from "./cli-error.ts";
import { commandLog } from "./log.ts";
import { type OutputFormatOptions } from "./output-format.ts";
import { RestoreReport } from "./restore-report.ts";

/** A restore as the command line decides on it: the key still knows where it came from. */
export interface ArchiveRestore extends Omit<RestorePlan, "key"> {
  readonly key: LoadedKey | undefined;
}

/** Runs a restore and tells how far it is. */
export async function restoreArchive(
  plan: ArchiveRestore,
  { outputFormat, signal }: OutputFormatOptions & { readonly signal: AbortSignal },
): Promise<void> {
  if (typeof plan.target !== "string" && outputFormat !== "text") {
    throw new CliError("CLI_USAGE", "Cannot print JSON when the target is standard output");
  }
  if (typeof plan.target !== "string" && plan.patterns.length > 0) {
    throw new CliError("CLI_USAGE", "Cannot use --pattern when the target is standard output");
  }
  await using pool = startCodecPool();
  const { key } = plan;
  if (key) commandLog.line("info", usingKeyLine(key));
  const { snapshot, archive } = plan;
  const target = typeof plan.target === "string" ? plan.target : undefined;
  const subject = { snapshot, namespace: snapshot.namespace, archive, target, key };
  using report = new RestoreReport(subject, outputFormat);
  const provider = createNativeProvider();
  await runRestore({ ...plan, key: key?.key }, { provider, pool, signal, events: report });
  report.succeed();
}
