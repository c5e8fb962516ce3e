import { resolve } from "node:path";

import { SharedArena } from "../../chunks/shared-arena.ts";
import { type RateLimit } from "../../chunks/rate-limit.ts";
import { type BackupServer } from "../../client/session/backup-server.ts";
import { runVmBackup, type VmBackupPlan } from "../../client/vm/run-vm-backup.ts";
import { readVmConfiguration } from "../../client/vm/vm-configuration.ts";
import { pveIdOf } from "../../client/vm/vm-process.ts";
import { type VmMode, type VmState } from "../../client/vm/vm-state.ts";
import { systemClock } from "../../format/clock.ts";
import { createNativeProvider } from "../../format/crypto/native-provider.ts";
import { FIXED_CHUNK_BYTES } from "../../format/limits.ts";
import { type Namespace } from "../../format/snapshot/namespace.ts";
import { parseBackupId } from "../../format/snapshot/snapshot-id.ts";
import { BackupReport } from "../backup-report.ts";
import { startCodecPool } from "../start-codec-pool.ts";
import { type BackupCrypt, chooseBackupCrypt } from "../choose-crypt.ts";
import { CliError } from "../cli-error.ts";
import { type ConnectionOptions, type NamespaceOption } from "../connection-options.ts";
import { type CryptOptions } from "../crypt-options.ts";
import { type OutputFormatOptions } from "../output-format.ts";
import { wrappedKeyOf } from "../prepare-backup.ts";
import { type ExitCode, exitCodes } from "../run-command.ts";
import { type RateOptions } from "../transfer-options.ts";
import { wholeNumber } from "../whole-number.ts";
import { type ChosenVm, findVm, type VmChoice } from "./find-vm.ts";

/** Everything `amber backup-vm` can be told. */
export interface BackupVmOptions
  extends
    ConnectionOptions,
    NamespaceOption,
    OutputFormatOptions,
    RateOptions,
    CryptOptions,
    VmChoice {
  readonly backupId?: string;
  readonly backupTime?: string;
  readonly mode: VmMode;
  readonly config?: string;
  readonly excludeDisk: readonly string[];
  readonly fleecing: string;
  readonly stopTimeout: string;
  readonly cache: boolean;
}

/** A plan, but for what has to do with the server. */
export interface PreparedVmBackup extends Omit<VmBackupPlan, "server" | "namespace" | "rateLimit"> {
  /** What is said about the keys that are used. */
  readonly notices: readonly string[];
  /** To be called in the end. */
  readonly release: () => Promise<void>;
}

/** Longest wait for an answer of the monitor. */
const QMP_TIMEOUT_MS = 30_000;

/** Chunks of disks in memory: two per codec thread, and some between. */
const ARENA_SLOTS = 8;

/** Where PVE keeps what guests are made of. */
const PVE_FOLDER = "/etc/pve";

/**
 * Checks the arguments of `amber backup-vm` and turns them into a plan; looks at the guest's process, not at the guest.
 *
 * @throws {CliError} `CLI_USAGE`; `VmError`, `SourceError`, `FormatError`, `KeyError`.
 */
export async function prepareVmBackup(
  options: BackupVmOptions,
  signal: AbortSignal,
): Promise<PreparedVmBackup> {
  const crypt = await chooseBackupCrypt(options);
  const vm = await findVm(options);
  try {
    return await prepareFor(vm, crypt, { options, signal });
  } catch (error) {
    await vm.release();
    throw error;
  }
}

async function prepareFor(
  vm: ChosenVm,
  crypt: BackupCrypt,
  { options, signal }: { readonly options: BackupVmOptions; readonly signal: AbortSignal },
): Promise<PreparedVmBackup> {
  const id = options.backupId ?? pveIdOf(vm.process?.commandLine ?? []);
  if (id === undefined) throw new CliError("CLI_USAGE", "Cannot name the backup: give --backup-id");
  const { process, libvirtXml, ...where } = vm;
  return {
    ...where,
    notices: crypt.notices,
    snapshot: {
      type: "vm",
      id: parseBackupId(id),
      timeSec:
        options.backupTime === undefined
          ? systemClock.nowSec()
          : wholeNumber("--backup-time", options.backupTime, { min: 1, max: 253_402_300_799 }),
    },
    mode: options.mode,
    qmpTimeoutMs: QMP_TIMEOUT_MS,
    stopTimeoutMs:
      1000 * wholeNumber("--stop-timeout", options.stopTimeout, { min: 1, max: 86_400 }),
    excludedDisks: new Set(options.excludeDisk),
    configuration: await readVmConfiguration(process, {
      file: options.config === undefined ? undefined : resolve(options.config),
      libvirtXml,
      pveFolder: PVE_FOLDER,
      signal,
    }),
    fleecingFolder: resolve(options.fleecing),
    cryptMode: crypt.mode,
    key: crypt.key?.key,
    wrappedKey: wrappedKeyOf(crypt),
    noCache: !options.cache,
  };
}

/** Runs the backup and tells about it. */
export async function runBackupVm(
  prepared: PreparedVmBackup,
  {
    server,
    namespace,
    rateLimit,
    outputFormat,
    signal,
  }: OutputFormatOptions & {
    readonly server: BackupServer;
    readonly namespace: Namespace;
    readonly rateLimit: RateLimit | undefined;
    readonly signal: AbortSignal;
  },
): Promise<ExitCode> {
  await using pool = startCodecPool();
  const arena = SharedArena.create({ slotCount: ARENA_SLOTS, slotBytes: FIXED_CHUNK_BYTES });
  const report = new BackupReport({ ...prepared, namespace }, outputFormat);
  let missedCount = 0;
  report.begin();
  try {
    for (const notice of prepared.notices) report.info(notice);
    await runVmBackup(
      { ...prepared, server, namespace, rateLimit },
      {
        provider: createNativeProvider(),
        pool,
        arena,
        signal,
        events: {
          info: (text) => {
            report.info(text);
          },
          comparing: (previousSec) => {
            report.comparing(previousSec);
          },
          keyUploading: (name) => {
            report.keyUploading(name);
          },
          started: (progress) => {
            report.started(progress);
          },
          uploaded: (name, result) => {
            report.uploaded(name, result);
          },
          cut: (state) => {
            report.info(describeCut(state));
          },
          skipped: ({ name, reason, isMissed }) => {
            if (isMissed) missedCount += 1;
            report.info(`${isMissed ? "Warning: " : ""}${name} is left out: ${reason}`);
          },
        },
      },
    );
  } finally {
    report.end();
  }
  report.succeed();
  return missedCount > 0 ? exitCodes.incomplete : exitCodes.ok;
}

const consistencyTexts = {
  stopped: "the guest was shut down",
  "file-systems": "the guest's file systems held still",
  crash: "as after a power failure",
} as const;

function describeCut({
  mode,
  consistency,
  pausedMs,
  frozenMs,
}: Pick<VmState, "mode" | "consistency" | "pausedMs" | "frozenMs">): string {
  const times = [
    ...(pausedMs > 0 ? [`paused for ${pausedMs.toFixed(1)} ms`] : []),
    ...(frozenMs > 0 ? [`frozen for ${frozenMs.toFixed(0)} ms`] : []),
  ];
  const suffix = times.length === 0 ? "" : `; ${times.join(", ")}`;
  return `Point in time, mode ${mode}: ${consistency} (${consistencyTexts[consistency]})${suffix}`;
}
