import { hostname } from "node:os";
import { resolve } from "node:path";

import { parseBackupSources } from "../client/backup/backup-source.ts";
import { type BackupPlan } from "../client/backup/run-backup.ts";
import { systemClock } from "../format/clock.ts";
import { parseMasterPublicKey } from "../format/crypto/master-key.ts";
import { createNativeProvider } from "../format/crypto/native-provider.ts";
import { wrapKey } from "../format/crypto/wrap-key.ts";
import { parseExcludeArgument } from "../format/patterns/exclude-record.ts";
import { parseBackupId, parseBackupType } from "../format/snapshot/snapshot-id.ts";
import { type BackupCrypt, chooseBackupCrypt } from "./choose-crypt.ts";
import { CliError } from "./cli-error.ts";
import { type ConnectionOptions, type NamespaceOption } from "./connection-options.ts";
import { type CryptOptions } from "./crypt-options.ts";
import { commandLog } from "./log.ts";
import { type OutputFormatOptions } from "./output-format.ts";
import { type RateOptions } from "./transfer-options.ts";
import { wholeNumber } from "./whole-number.ts";

/** Everything `amber backup` can be told. */
export interface BackupCommandOptions
  extends ConnectionOptions, NamespaceOption, OutputFormatOptions, RateOptions, CryptOptions {
  readonly backupType: string;
  readonly backupId?: string;
  readonly backupTime?: string;
  readonly changeDetectionMode: "legacy" | "data" | "metadata";
  readonly exclude: readonly string[];
  readonly includeDev: readonly string[];
  readonly allFileSystems?: true;
  readonly skipLostAndFound?: true;
  readonly skipE2bigXattr?: true;
  readonly entriesMax: string;
  readonly chunkSize: string;
  readonly imageFormat: "auto" | "raw";
  readonly dryRun?: true;
  readonly cache: boolean;
}

/** A plan, but for what has to do with the server. */
export interface PreparedBackup extends Omit<BackupPlan, "server" | "namespace" | "rateLimit"> {
  /** What is said about the keys that are used. */
  readonly notices: readonly string[];
}

const KIB = 1024;

/**
 * Checks the arguments of `amber backup` and turns them into a plan.
 *
 * Opens the key that is used, and may ask for its passphrase.
 *
 * @throws {FormatError} `KeyError`; {@link CliError} `CLI_USAGE` for whatever cannot be used.
 */
export async function prepareBackup(
  sources: readonly string[],
  options: BackupCommandOptions,
): Promise<PreparedBackup> {
  if (options.allFileSystems && options.includeDev.length > 0) {
    throw new CliError("CLI_USAGE", "Cannot combine --include-dev with --all-file-systems");
  }
  for (const pattern of options.exclude) {
    parseExcludeArgument(Buffer.from(pattern), (reason) => {
      commandLog.line("warn", `Warning: ${reason}`);
    });
  }
  const crypt = await chooseBackupCrypt(options);
  return {
    notices: crypt.notices,
    snapshot: {
      type: parseBackupType(options.backupType),
      id: parseBackupId(options.backupId ?? hostname()),
      timeSec:
        options.backupTime === undefined
          ? systemClock.nowSec()
          : wholeNumber("--backup-time", options.backupTime, { min: 1, max: 253_402_300_799 }),
    },
    sources: parseBackupSources(sources).map((source) => ({
      ...source,
      path: resolve(source.path),
    })),
    changeDetection: options.changeDetectionMode,
    walk: {
      excludes: options.exclude,
      lostAndFound: options.skipLostAndFound ? "skip" : "pack",
      mounts: options.allFileSystems
        ? "all"
        : options.includeDev.map((path) => Buffer.from(resolve(path))),
      entriesMax: wholeNumber("--entries-max", options.entriesMax, { min: 1, max: 2 ** 31 }),
      oversizedAttributes: options.skipE2bigXattr ? "skip" : "fail",
    },
    chunkBytesAverage: chunkSize(options.chunkSize),
    cryptMode: crypt.mode,
    key: crypt.key?.key,
    wrappedKey: wrappedKeyOf(crypt),
    imageFiles: options.imageFormat === "raw" ? "as-they-are" : "as-guests-see",
    noCache: !options.cache,
  };
}

/** The key for whoever has the private master key, if there is one. */
export function wrappedKeyOf({ key, masterPublicKeyPem }: BackupCrypt): Uint8Array | undefined {
  if (!key || !masterPublicKeyPem) return undefined;
  const master = parseMasterPublicKey(new TextDecoder().decode(masterPublicKeyPem));
  const { createdSec } = key.file;
  const times = { createdSec, modifiedSec: systemClock.nowSec() };
  return wrapKey(createNativeProvider(), master, key.key, times);
}

function chunkSize(text: string): number {
  const sizeKib = wholeNumber("--chunk-size", text, { min: 64, max: 4096 });
  if ((sizeKib & (sizeKib - 1)) !== 0) {
    throw new CliError("CLI_USAGE", `Cannot use "${text}" for --chunk-size: not a power of two`);
  }
  return sizeKib * KIB;
}
