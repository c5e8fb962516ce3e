import { posix } from "node:path";

import { type BackupError } from "../../format/backup-error.ts";
import { type Clock } from "../../format/clock.ts";
import { type Digest } from "../../format/chunk/digest.ts";
import { FormatError } from "../../format/format-error.ts";
import { verifyStateOf } from "../../format/manifest/manifest-summary.ts";
import { type SnapshotId } from "../../format/snapshot/snapshot-id.ts";
import { type ChunkVerifier } from "../store/accepted-blob.ts";
import { type Datastore } from "../store/datastore.ts";
import { isRegularIndexPath } from "../store/find-indexes.ts";
import { type SnapshotReader } from "../store/snapshot-reader.ts";
import { StoreError } from "../store/store-error.ts";
import { groupPath, parseSnapshotPath, snapshotPath } from "../store/store-path.ts";
import { newVerifyMemory, type VerifyMemory } from "../store/verify-memory.ts";
import { type SnapshotFault } from "../store/verify-snapshot.ts";
import { type Task } from "../tasks/task.ts";
import { parseUpid } from "../tasks/upid.ts";
import { type PlacedGroup } from "./prune-groups.ts";

const DAY_SEC = 86_400;
const MIB = 1024 * 1024;
/** Chunks whose users are looked for at the end of a run; more than that is not a matter of single chunks. */
const NAMED_CHUNKS_MAX = 10_000;

/** Which snapshots a run passes over (spec retention-gc-verify-sync.md §4.2). */
export interface VerifyFilter {
  readonly verified: "verify" | "skip";
  /** Days after which a result counts no longer; results never age without it. */
  readonly outdatedAfterDays: number | undefined;
}

/** What a verification works with. */
export interface VerifyRunOptions {
  readonly datastore: Datastore;
  readonly verifier: ChunkVerifier;
  readonly filter: VerifyFilter;
  readonly clock: Clock;
  /** 32 random bits. */
  readonly seed: number;
}

/**
 * Verifies snapshots one after another, each chunk once in the whole run, and writes the results into their manifests
 * (spec retention-gc-verify-sync.md §4.3).
 *
 * Corrupt chunks are set aside, so that the next backup brings them again, and named at the end with every index that
 * needs them; the snapshots of those indexes count as failed, looked at or not. What cannot be read now, or is missing, is a failure of the snapshot and stays where it is. A snapshot that
 * is being written or removed is passed over.
 */
export class VerifyRun {
  readonly #options: VerifyRunOptions;
  readonly #task: Task;
  readonly #memory: VerifyMemory;
  readonly #failed: string[] = [];
  readonly #corrupt = new Set<Digest>();
  #newSeals = 0;
  #unsealed = 0;

  constructor(options: VerifyRunOptions, task: Task) {
    this.#options = options;
    this.#task = task;
    this.#memory = newVerifyMemory(options.seed);
  }

  /** Verifies groups in the order given, the newest snapshots first. */
  async verifyGroups(groups: readonly PlacedGroup[]): Promise<void> {
    this.#task.log(`found ${groups.length} groups`);
    for (const [index, place] of groups.entries()) {
      await this.#verifyGroup(place, { index, total: groups.length });
    }
  }

  /** Verifies one group. */
  async verifyGroup(place: PlacedGroup): Promise<void> {
    await this.#verifyGroup(place, { index: 0, total: 1 });
  }

  /** Verifies one snapshot. */
  async verifySnapshot(namespace: PlacedGroup["namespace"], snapshot: SnapshotId): Promise<void> {
    await this.#verifySnapshot(namespace, snapshot);
  }

  /**
   * Ends the run: names damaged chunks and failed snapshots.
   *
   * @throws {Error} When something failed; the text is the task's result.
   */
  async finish(): Promise<void> {
    await this.#nameUsers();
    if (this.#newSeals > 0) {
      this.#task.log(`recorded the bytes of ${this.#newSeals} encrypted chunks that had no record`);
    }
    if (this.#unsealed > 0) {
      this.#task.log(`checked by CRC only: ${this.#unsealed} encrypted chunks`);
    }
    if (this.#failed.length === 0) return;
    this.#task.log("Failed to verify the following snapshots/groups:");
    for (const name of this.#failed) this.#task.log(`\t${name}`);
    throw new VerificationFailed("verification failed - please check the log for details");
  }

  async #verifyGroup(
    { namespace, group }: PlacedGroup,
    { index, total }: { readonly index: number; readonly total: number },
  ): Promise<void> {
    const { datastore } = this.#options;
    const snapshots = (await datastore.listSnapshots(namespace, group)).reverse();
    const name = `${datastore.name}:${groupPath(namespace, group)}`;
    this.#task.log(`verify group ${name} (${snapshots.length} snapshots)`);
    for (const [done, snapshot] of snapshots.entries()) {
      await this.#verifySnapshot(namespace, snapshot);
      const share = (index + (done + 1) / snapshots.length) / total;
      const isLast = done + 1 === snapshots.length;
      const where = isLast
        ? `${index + 1}/${total} groups`
        : `${index}/${total} groups, ${done + 1}/${snapshots.length} snapshots in group #${index + 1}`;
      this.#task.log(`percentage done: ${(100 * share).toFixed(2)}% (${where})`);
    }
  }

  async #verifySnapshot(namespace: PlacedGroup["namespace"], snapshot: SnapshotId): Promise<void> {
    this.#task.signal.throwIfAborted();
    const { datastore } = this.#options;
    const name = `${datastore.name}:${snapshotPath(namespace, snapshot)}`;
    let reader: SnapshotReader;
    try {
      reader = await datastore.openReader(namespace, snapshot);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#task.log(`SKIPPED: verify ${name} - could not acquire snapshot lock: ${error.message}`);
      return;
    }
    try {
      if (await this.#isSkipped(namespace, snapshot)) {
        this.#task.log(`SKIPPED: verify ${name} (recently verified)`);
        return;
      }
      this.#task.log(`verify ${name}`);
      const faults = await this.#check(namespace, snapshot);
      const state = faults.length === 0 ? "ok" : "failed";
      if (state === "failed") this.#failed.push(name);
      const isReadable = !faults.some(({ archive }) => archive === "index.json.blob");
      if (isReadable) {
        await datastore.writeVerifyState(namespace, snapshot, { upid: this.#task.upid, state });
      }
    } finally {
      await reader[Symbol.asyncDispose]();
    }
  }

  async #isSkipped(namespace: PlacedGroup["namespace"], snapshot: SnapshotId): Promise<boolean> {
    const { datastore, filter, clock } = this.#options;
    if (filter.verified === "verify") return false;
    try {
      const state = verifyStateOf(await datastore.readManifest(namespace, snapshot));
      const startSec = state && parseUpid(state.upid)?.startSec;
      if (startSec === undefined) return false;
      if (filter.outdatedAfterDays === undefined) return true;
      return Math.floor((clock.nowSec() - startSec) / DAY_SEC) <= filter.outdatedAfterDays;
    } catch {
      return false; // Whatever is wrong with the manifest, verification will say it.
    }
  }

  async #check(
    namespace: PlacedGroup["namespace"],
    snapshot: SnapshotId,
  ): Promise<readonly SnapshotFault[]> {
    const { datastore, verifier, clock } = this.#options;
    let startMs = clock.nowMs();
    const verdict = await datastore.verifySnapshot(namespace, snapshot, this.#memory, {
      verifier,
      signal: this.#task.signal,
      onFile: (archive) => {
        startMs = clock.nowMs();
        this.#task.log(`  check ${archive}`);
      },
      onVerified: ({ bytesRead, plainBytes, faultCount }) => {
        const seconds = (clock.nowMs() - startMs) / 1000;
        const speeds = [bytesRead, plainBytes].map((bytes) =>
          mib(bytes / Math.max(seconds, 0.001)),
        );
        this.#task.log(
          `  verified ${mib(bytesRead)}/${mib(plainBytes)} MiB in ${seconds.toFixed(2)} seconds, speed ${speeds.join("/")} MiB/s (${faultCount} errors)`,
        );
      },
    });
    this.#newSeals += verdict.newSeals;
    this.#unsealed += verdict.unsealed;
    for (const fault of verdict.faults) await this.#handle(fault);
    return verdict.faults;
  }

  async #handle({ archive, digest, size, isCorruptChunk, error }: SnapshotFault): Promise<void> {
    this.#task.detail(`  ${archive}: ${textOf(error)}`);
    if (!isCorruptChunk || digest === undefined || size === undefined) return;
    this.#corrupt.add(digest);
    const { datastore, verifier } = this.#options;
    if (await datastore.setAsideIfCorrupt({ digest, size }, verifier)) {
      this.#task.detail(`  corrupted chunk ${digest} was set aside`);
    }
  }

  async #nameUsers(): Promise<void> {
    const corrupt = [...this.#corrupt].slice(0, NAMED_CHUNKS_MAX);
    if (corrupt.length === 0) return;
    const { datastore } = this.#options;
    const { users } = await datastore.findChunkUsers(corrupt, this.#task.signal);
    for (const [digest, paths] of users) {
      this.#task.detail(`corrupted chunk ${digest} is needed by ${paths.length} archives:`);
      for (const path of paths) this.#task.detail(`\t${datastore.name}:${path}`);
    }
    const hurt = new Set<string>();
    for (const [digest, paths] of users) {
      if (await datastore.blobs.has(digest)) continue; // It was sound after all, or a backup has brought it again.
      for (const path of paths) if (isRegularIndexPath(path)) hurt.add(posix.dirname(path));
    }
    for (const path of hurt) await this.#markHurt(path);
  }

  /** Notes in a snapshot that was not looked at that it has lost a chunk: the next backup must not build on it. */
  async #markHurt(path: string): Promise<void> {
    const { datastore } = this.#options;
    const name = `${datastore.name}:${path}`;
    if (this.#failed.includes(name)) return;
    const { namespace, snapshot } = parseSnapshotPath(path);
    try {
      const reader = await datastore.openReader(namespace, snapshot);
      try {
        const state = { upid: this.#task.upid, state: "failed" } as const;
        await datastore.writeVerifyState(namespace, snapshot, state);
      } finally {
        await reader[Symbol.asyncDispose]();
      }
    } catch (error) {
      if (!(error instanceof StoreError || error instanceof FormatError)) throw error;
      this.#task.log(`cannot mark ${name} as failed: ${error.message}`);
      return;
    }
    this.#failed.push(name);
  }
}

/** Says that a verification found something; the log has what. */
class VerificationFailed extends Error {}

function mib(bytes: number): string {
  return (bytes / MIB).toFixed(2);
}

/** The error of a chunk names the chunk; the cause says what is wrong with it. */
function textOf(error: BackupError): string {
  return error.cause instanceof Error ? `${error.message} - ${error.cause.message}` : error.message;
}
