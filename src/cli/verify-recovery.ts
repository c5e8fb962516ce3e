import { keyPassphrase } from "../client/keys/key-passphrase.ts";
import { loadKey } from "../client/keys/load-key.ts";
import { openWrappedKey } from "../client/keys/make-key.ts";
import { proveRecovery, type RecoveredFile } from "../client/restore/prove-recovery.ts";
import { type BackupServer } from "../client/session/backup-server.ts";
import { type SessionSnapshot } from "../client/session/session-snapshot.ts";
import { type CryptKey, keyFingerprint } from "../format/crypto/crypt-key.ts";
import { type Fingerprint } from "../format/crypto/fingerprint.ts";
import { snapshotIdText } from "../format/snapshot/snapshot-id.ts";
import { startCodecPool } from "./start-codec-pool.ts";
import { byteText } from "../format/bytes/byte-text.ts";
import { CliError } from "./cli-error.ts";
import { keyTools } from "./key-tools.ts";
import { type OutputFormat, renderJson } from "./output-format.ts";
import { shownOn } from "./visible-text.ts";

/** What would be left after the loss of everything else. */
export type RecoveryMeans =
  | { readonly kind: "paper key"; readonly path: string }
  | { readonly kind: "master key"; readonly path: string };

/** What to prove, and how it is told. */
export interface VerifyRecoveryOptions {
  readonly server: BackupServer;
  readonly snapshot: SessionSnapshot;
  readonly means: RecoveryMeans;
  readonly chunks: "some" | "all";
  readonly outputFormat: OutputFormat;
  readonly signal: AbortSignal;
}

/**
 * The means that the options name.
 *
 * @throws {CliError} `CLI_USAGE` unless there is exactly one.
 */
export function recoveryMeans(options: {
  readonly paperkey?: string;
  readonly masterKeyfile?: string;
}): RecoveryMeans {
  const { paperkey, masterKeyfile } = options;
  if (paperkey !== undefined && masterKeyfile === undefined) {
    return { kind: "paper key", path: paperkey };
  }
  if (masterKeyfile !== undefined && paperkey === undefined) {
    return { kind: "master key", path: masterKeyfile };
  }
  throw new CliError(
    "CLI_USAGE",
    "Cannot verify: one of --paperkey and --master-keyfile is needed",
  );
}

/**
 * Proves that a paper key or a master key alone opens a snapshot, and prints what was proven.
 *
 * Lines come as files are proven; the last one, or JSON, only when all were. No key file of this machine is looked
 * at, and none is written.
 */
export async function verifyRecovery(options: VerifyRecoveryOptions): Promise<void> {
  const { snapshot, means, chunks, outputFormat, signal } = options;
  const name = snapshotIdText(snapshot);
  const isText = outputFormat === "text";
  const say = (line: string): void => {
    if (isText) process.stdout.write(shownOn(process.stdout, `${line}\n`));
  };
  await using pool = startCodecPool();
  const tools = keyTools();
  let fingerprint: Fingerprint | undefined;
  const recoverKey = async (readWrappedKey: () => Promise<Uint8Array>): Promise<CryptKey> => {
    const key = await keyFrom(means, readWrappedKey);
    fingerprint = keyFingerprint(tools.provider, key);
    say(`The ${means.kind} '${means.path}' gives the key ${fingerprint}.`);
    return key;
  };
  const files: RecoveredFile[] = [];
  const claim = { ...options, recoverKey, chunks };
  for await (const file of proveRecovery(claim, { provider: tools.provider, pool, signal })) {
    if (files.length === 0) say(`The manifest of ${name} is signed with it.`);
    files.push(file);
    say(fileLine(file));
  }
  const isComplete = files.every(({ chunkCount, provenCount }) => chunkCount === provenCount);
  const extent = isComplete ? "every chunk was read" : "chunks of every archive were read";
  say(`Proven: the ${means.kind} alone opens ${name} (${extent}).`);
  if (isText) return;
  const what = { snapshot: name, namespace: snapshot.namespace, means: means.kind, fingerprint };
  process.stdout.write(renderJson({ ...what, isComplete, files }, outputFormat));
}

async function keyFrom(
  { kind, path }: RecoveryMeans,
  readWrappedKey: () => Promise<Uint8Array>,
): Promise<CryptKey> {
  const tools = keyTools();
  switch (kind) {
    case "paper key": {
      const { provider, config, prompts, warn } = tools;
      const passphrase = async (): Promise<Uint8Array> =>
        await keyPassphrase(config.encryptionPassword, prompts);
      return (await loadKey({ provider, passphrase, warn }, { kind: "file", path })).key;
    }
    case "master key":
      return (await openWrappedKey(tools, path, await readWrappedKey())).key;
  }
}

function fileLine({ name, mode, chunkCount, provenCount, provenBytes }: RecoveredFile): string {
  const chunks = `${provenCount} of ${chunkCount} chunks`;
  return `${name} (${mode}): ${name.endsWith(".blob") ? "whole" : chunks}, ${byteText(provenBytes)}`;
}
