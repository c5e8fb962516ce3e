import { CodecPool } from "../chunks/codec-pool.ts";
import { type RestoreEvents, type RestorePlan, runRestore } from "../client/restore/run-restore.ts";
import { type LoadedKey } from "../client/keys/load-key.ts";
import { type SharedCounters } from "../client/shared-counters.ts";
import { type RestoreCounter, type RestoreOptions } from "../client/target/restore-request.ts";
import { systemClock } from "../format/clock.ts";
import { shortFingerprint } from "../format/crypto/fingerprint.ts";
import { createNativeProvider } from "../format/crypto/native-provider.ts";
import { type ManifestTrust } from "../format/manifest/proven-manifest.ts";
import { snapshotIdText } from "../format/snapshot/snapshot-id.ts";
import { codecThreadCount } from "./backup-tools.ts";
import { byteText } from "../format/bytes/byte-text.ts";
import { usingKeyLine } from "./choose-crypt.ts";
import { CliError } from "./cli-error.ts";
import { unsignedWarning } from "./crypt-options.ts";
import { commandLog } from "./log.ts";
import { programStyle } from "./official/personality.ts";
import { type OutputFormatOptions, renderJson } from "./output-format.ts";
import { ProgressLine } from "./progress-line.ts";
import { describeFailure } from "./run-command.ts";
import { quotedPath } from "./quoted-path.ts";

/** A restore as the command line decides on it: the key still knows where it came from. */
export interface ArchiveRestore extends Omit<RestorePlan, "key"> {
  readonly key: LoadedKey | undefined;
}

/** Runs a restore and tells on standard error how far it is. */
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
  await using pool = CodecPool.create({ workerCount: codecThreadCount() });
  const { key } = plan;
  if (key) commandLog.line("info", usingKeyLine(key));
  using report = new RestoreReport(plan);
  const provider = createNativeProvider();
  await runRestore({ ...plan, key: key?.key }, { provider, pool, signal, events: report });
  report.succeed();
  if (outputFormat === "text") return;
  const { snapshot, archive, target } = plan;
  const what = {
    snapshot: snapshotIdText(snapshot),
    namespace: snapshot.namespace,
    archive,
    target,
  };
  process.stdout.write(renderJson({ ...what, ...report.totals }, outputFormat));
}

/** What the flags of `amber restore` mean for a tree. */
export function treeOptions(flags: {
  readonly allowExistingDirs?: boolean;
  readonly overwrite?: boolean;
  readonly overwriteFiles?: boolean;
  readonly overwriteSymlinks?: boolean;
  readonly overwriteHardlinks?: boolean;
  readonly ignoreAcls?: boolean;
  readonly ignoreXattrs?: boolean;
  readonly ignoreFcaps?: boolean;
  readonly ignoreOwnership?: boolean;
  readonly ignorePermissions?: boolean;
  readonly ignoreExtractDeviceErrors?: boolean;
  readonly leaveOut?: Partial<RestoreOptions["leaveOut"]>;
  readonly sparse: boolean;
}): RestoreOptions {
  const all = flags.overwrite === true;
  return {
    existingDirectories: all || flags.allowExistingDirs === true ? "use" : "refuse",
    overwrite: {
      files: all || flags.overwriteFiles === true,
      symlinks: all || flags.overwriteSymlinks === true,
      hardLinks: all || flags.overwriteHardlinks === true,
      special: all,
    },
    ignore: {
      acls: flags.ignoreAcls === true,
      xattrs: flags.ignoreXattrs === true,
      fcaps: flags.ignoreFcaps === true,
      ownership: flags.ignoreOwnership === true,
      permissions: flags.ignorePermissions === true,
    },
    leaveOut: { devices: false, fifos: false, sockets: false, ...flags.leaveOut },
    deviceErrors: flags.ignoreExtractDeviceErrors === true ? "report" : "fail",
    zeros: flags.sparse ? "holes" : "written",
  };
}

/** What each kind of problem means, for people. */
const problemTexts = {
  owner: "the owner cannot be restored",
  mode: "permissions cannot be restored",
  time: "the time cannot be restored",
  attributes: "extended attributes cannot be restored",
  capabilities: "file capabilities cannot be restored",
  acl: "the access control list cannot be restored",
  flags: "inode flags cannot be restored",
  project: "the quota project cannot be restored",
  device: "a device, fifo or socket cannot be made",
  hardlink: "a hard link leads to a file that was not restored",
} as const;

class RestoreReport implements RestoreEvents, Disposable {
  readonly #line = new ProgressLine({ output: process.stderr, describe: () => this.#describe() });
  readonly #startedAtMs = systemClock.nowMs();
  #counters: SharedCounters<RestoreCounter> | undefined;
  readonly #plan: ArchiveRestore;
  #expectedBytes = 0;
  readonly #problems: string[] = [];

  constructor(plan: ArchiveRestore) {
    this.#plan = plan;
  }

  opened(trust: ManifestTrust): void {
    const { key, snapshot } = this.#plan;
    if (!key || trust === "unchecked") return;
    this.#line.print(() => {
      commandLog.line("info", `Fingerprint: ${shortFingerprint(key.fingerprint)}`);
      if (trust === "signed") return;
      commandLog.line("warn", unsignedWarning(snapshotIdText(snapshot)));
    });
  }

  started(counters: SharedCounters<RestoreCounter>, expectedBytes: number): void {
    this.#counters = counters;
    this.#expectedBytes = expectedBytes;
  }

  problem({ kind, path, reason }: Parameters<RestoreEvents["problem"]>[0]): void {
    this.#problems.push(kind);
    this.#line.print(() => {
      const text = `${quotedPath(path)}: ${problemTexts[kind]} (${reason}); further ones are not shown`;
      commandLog.line("warn", `Warning: ${text}`);
    });
  }

  damage({ index, path, range, cause }: Parameters<RestoreEvents["damage"]>[0]): void {
    this.#line.print(() => {
      const what = path
        ? `${quotedPath(path)} of "${index}"`
        : `bytes ${range?.start ?? 0} to ${range?.end ?? 0} of "${index}"`;
      const from = snapshotIdText(this.#plan.snapshot);
      const error = new Error(`Cannot restore ${what} in ${from}`, { cause });
      commandLog.line("error", describeFailure(error));
    });
  }

  succeed(): void {
    const counters = this.#counters;
    if (!counters) return;
    const bytes = counters.read("bytes");
    const seconds = this.#seconds();
    const speed = seconds > 0 ? `, ${byteText(Math.round(bytes / seconds))}/s` : "";
    if (programStyle() === "official") {
      this.#succeedOfficially(bytes, seconds);
      return;
    }
    this.#line.print(() => {
      commandLog.line("info", `Restored ${byteText(bytes)} in ${seconds.toFixed(2)}s${speed}`);
    });
  }

  /** The official client says nothing about trees, and this about images (spec client-cli.md §2.2). */
  #succeedOfficially(bytes: number, seconds: number): void {
    if (!/\.img(?:\.fidx)?$/.test(this.#plan.archive)) return;
    const speed = (bytes / 1_000_000 / Math.max(seconds, 0.001)).toFixed(2);
    const facts = `bytes=${bytes}, duration=${seconds.toFixed(2)}s, speed=${speed}MB/s`;
    commandLog.line("info", `restore image complete (${facts})`);
  }

  /** What was done, for programs. */
  get totals(): Readonly<Record<string, unknown>> {
    const bytes = this.#counters?.read("bytes") ?? 0;
    return { bytes, "duration-sec": this.#seconds(), problems: this.#problems };
  }

  [Symbol.dispose](): void {
    this.#line[Symbol.dispose]();
  }

  #describe(): string | undefined {
    if (programStyle() === "official" || !this.#counters || !commandLog.shows("info"))
      return undefined;
    const bytes = this.#counters.read("bytes");
    const share = this.#expectedBytes > 0 ? Math.floor((100 * bytes) / this.#expectedBytes) : 100;
    const speed = byteText(Math.round(bytes / Math.max(this.#seconds(), 0.001)));
    return `progress ${share}% (${byteText(bytes)} of ${byteText(this.#expectedBytes)}, ${speed}/s)`;
  }

  #seconds(): number {
    return (systemClock.nowMs() - this.#startedAtMs) / 1000;
  }
}
