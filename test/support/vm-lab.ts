import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";

import { CodecPool } from "../../src/chunks/codec-pool.ts";
import { SharedArena } from "../../src/chunks/shared-arena.ts";
import { runRestore } from "../../src/client/restore/run-restore.ts";
import { type ArchiveUploadResult } from "../../src/client/session/archive-upload.ts";
import { type BackupServer } from "../../src/client/session/backup-server.ts";
import { type SharedCounters } from "../../src/client/shared-counters.ts";
import { runVmBackup, type VmBackupPlan } from "../../src/client/vm/run-vm-backup.ts";
import { type VmState } from "../../src/client/vm/vm-state.ts";
import { type PackCounter } from "../../src/client/archive/pack-counter.ts";
import { createNativeProvider } from "../../src/format/crypto/native-provider.ts";
import { FIXED_CHUNK_BYTES } from "../../src/format/limits.ts";
import { rootNamespace } from "../../src/format/snapshot/namespace.ts";
import { parseBackupId } from "../../src/format/snapshot/snapshot-id.ts";
import { eventually } from "./eventually.ts";
import { treeOptions } from "../../src/cli/restore-options.ts";

/** What a backup in a {@link VmLab} told. */
export interface LabBackup {
  readonly timeSec: number;
  readonly infos: readonly string[];
  /** Bytes that were read from the guest, by disk. */
  readonly readBytes: Readonly<Record<string, number>>;
  readonly results: Readonly<Record<string, ArchiveUploadResult>>;
  readonly cut: Pick<VmState, "mode" | "consistency" | "pausedMs" | "frozenMs"> | undefined;
}

/** Backs up and restores guests in this process, one snapshot a second of an invented time. */
export class VmLab implements AsyncDisposable {
  readonly #folder: string;
  readonly #server: BackupServer;
  readonly #pool: CodecPool = CodecPool.create({ workerCount: 2 });
  #timeSec = 1_717_545_600;

  constructor(server: BackupServer, folder: string) {
    this.#server = server;
    this.#folder = folder;
  }

  /** Waits until the server has noticed that a backup which failed before is over: until then its group is locked. */
  async #untilIdle(): Promise<void> {
    await eventually(async () => {
      const running = await this.#server.call("GET", "nodes/localhost/tasks", { running: true });
      return Array.isArray(running) && running.length === 0;
    });
  }

  /** Makes a snapshot of the guest behind a monitor. */
  async backUp(
    qmpPath: string,
    changes: Partial<VmBackupPlan> = {},
    hooks: {
      readonly onCut?: () => Promise<void> | void;
      readonly signal?: AbortSignal;
      readonly infos?: string[];
    } = {},
  ): Promise<LabBackup> {
    await this.#untilIdle();
    const timeSec = ++this.#timeSec;
    const infos = hooks.infos ?? [];
    const results: Record<string, ArchiveUploadResult> = {};
    const counters: Record<string, SharedCounters<PackCounter>> = {};
    let cut: LabBackup["cut"];
    await runVmBackup(
      {
        server: this.#server,
        snapshot: { type: "vm", id: parseBackupId("100"), timeSec },
        namespace: rootNamespace,
        qmpPath,
        qmpTimeoutMs: 20_000,
        agentPath: undefined,
        mode: "snapshot",
        shutdownAction: "poweroff",
        restart: undefined,
        stopTimeoutMs: 20_000,
        excludedDisks: new Set(),
        configuration: [],
        fleecingFolder: this.#folder,
        noCache: false,
        cryptMode: "none",
        key: undefined,
        wrappedKey: undefined,
        rateLimit: undefined,
        ...changes,
      },
      {
        provider: createNativeProvider(),
        pool: this.#pool,
        arena: SharedArena.create({ slotCount: 4, slotBytes: FIXED_CHUNK_BYTES }),
        signal: hooks.signal ?? new AbortController().signal,
        events: {
          info: (text) => infos.push(text),
          comparing: () => undefined,
          keyUploading: () => undefined,
          started: ({ source, counters: own }) => (counters[source.name] = own),
          uploaded: (name, result) => (results[name] = result),
          cut: async (state) => {
            cut = state;
            await hooks.onCut?.();
          },
          skipped: ({ name, reason }) => infos.push(`${name}: ${reason}`),
        },
      },
    );
    const readBytes = Object.fromEntries(
      Object.entries(counters).map(([name, own]) => [name, own.read("readBytes")]),
    );
    return { timeSec, infos, readBytes, results, cut };
  }

  /** Removes a snapshot from the server. */
  async forget({ timeSec }: Pick<LabBackup, "timeSec">): Promise<void> {
    const snapshot = { "backup-type": "vm", "backup-id": "100", "backup-time": timeSec };
    await this.#server.callStore("DELETE", "snapshots", snapshot);
  }

  /** A file of a snapshot, whole. */
  async restored({ timeSec }: Pick<LabBackup, "timeSec">, archive: string): Promise<Buffer> {
    const target = join(this.#folder, `restored-${archive}`);
    await rm(target, { force: true });
    await runRestore(
      {
        server: this.#server,
        snapshot: { namespace: rootNamespace, type: "vm", id: parseBackupId("100"), timeSec },
        archive,
        target,
        patterns: [],
        tree: treeOptions({ sparse: true }),
        preludeTarget: undefined,
        key: undefined,
        unsigned: "accepted",
        rateLimit: undefined,
      },
      {
        provider: createNativeProvider(),
        pool: this.#pool,
        signal: new AbortController().signal,
        events: {
          opened: () => undefined,
          started: () => undefined,
          problem: () => undefined,
          damage: () => undefined,
        },
      },
    );
    return await readFile(target);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool[Symbol.asyncDispose]();
  }
}
