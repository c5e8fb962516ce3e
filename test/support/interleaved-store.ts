import { type ArchiveName, parseArchiveName } from "../../src/format/snapshot/archive-name.ts";
import { type Digest } from "../../src/format/chunk/digest.ts";
import { DynamicIndexBuilder, parseDynamicIndex } from "../../src/format/index/dynamic-index.ts";
import { TimeZone } from "../../src/format/schedule/time-zone.ts";
import { rootNamespace } from "../../src/format/snapshot/namespace.ts";
import { type BackupGroup, type SnapshotId } from "../../src/format/snapshot/snapshot-id.ts";
import { type BackupTarget } from "../../src/server/store/backup-target.ts";
import { type Datastore } from "../../src/server/store/datastore.ts";
import { MemoryBackend } from "../../src/server/store/memory-backend.ts";
import { StoreError } from "../../src/server/store/store-error.ts";
import { newVerifyMemory } from "../../src/server/store/verify-memory.ts";
import { FakeClock } from "./fake-clock.ts";
import { Chance, Interleaver } from "./interleaver.ts";
import { begin, chunkOf, codec, datastoreOn, type MadeChunk, putManifest } from "./make-backup.ts";
import { prng } from "./prng.ts";
import { ReachableChunks, watchedBackend } from "./watched-backend.ts";
import { snapshotAt } from "./make-backup.ts";

const HOUR_SEC = 3600;
const archive: ArchiveName = parseArchiveName("root.pxar.didx");
const groups: readonly BackupGroup[] = [snapshotAt(0, "host/a"), snapshotAt(0, "host/b")];
const chunks: readonly MadeChunk[] = Array.from({ length: 6 }, (_, i) =>
  chunkOf(prng(i + 1, 20 + i)),
);
const sizes = new Map<Digest, number>(chunks.map(({ digest, size }) => [digest, size]));
const utc = new TimeZone("UTC");

/** What one run came to, for the record. */
export interface InterleavingFigures {
  readonly turns: number;
  readonly removedChunks: number;
  readonly finishedBackups: number;
  readonly restarts: number;
}

/**
 * Runs backups, prunes, removals, verifications and collections of one small datastore in an order that a seed decides,
 * with restarts and with clocks that jump.
 *
 * @throws {Error} In the moment in which a chunk is gone that an index or a running backup needs.
 */
export async function interleave(seed: number): Promise<InterleavingFigures> {
  const run = new Run(seed);
  await run.prepare();
  const restarts = run.chance.below(3);
  for (let i = 0; i <= restarts; i++) {
    await run.play(i < restarts ? 20 + run.chance.below(150) : Infinity);
  }
  return run.figures(restarts);
}

class Run {
  readonly chance: Chance;
  readonly #clock = new FakeClock();
  readonly #backend = new MemoryBackend(this.#clock);
  readonly #reachable = new ReachableChunks();
  readonly #turns: Interleaver;
  #store: Datastore;
  #nextSec = 1;
  #removedChunks = 0;
  #finishedBackups = 0;

  constructor(seed: number) {
    this.chance = new Chance(seed);
    this.#turns = new Interleaver(this.chance, this.chance.pick([0, 0.5, 0.9]));
    this.#store = this.#open();
  }

  /** Some snapshots that have rested for long. */
  async prepare(): Promise<void> {
    for (const group of groups) {
      for (let i = 1 + this.chance.below(2); i > 0; i--) {
        await this.#turns.run([this.#backUp(group)], () => "go on");
      }
    }
    this.#clock.advance(this.chance.pick([1, 30, 72]) * HOUR_SEC);
  }

  /** Lets actors work until all have ended, or the server is killed. */
  async play(turnsMax: number): Promise<void> {
    const { chance } = this;
    const actors: Promise<unknown>[] = [this.#collect()];
    for (let i = 2 + chance.below(4); i > 0; i--) {
      const group = chance.pick(groups);
      const act = chance.pick([
        () => this.#backUp(group),
        () => this.#backUpAndPrune(group),
        () => this.#prune(group),
        () => this.#forget(group),
        () => this.#verify(group),
        () => this.#collect(),
      ]);
      actors.push(tolerant(act()));
    }
    let left = turnsMax;
    await this.#turns.run(actors.map(tolerant), () => {
      if (chance.happens(0.02)) this.#clock.advance(chance.pick([1, 26, 60, -30]) * HOUR_SEC);
      return left-- > 0 ? "go on" : "stop";
    });
    if (turnsMax === Infinity) return;
    this.#turns.crash();
    this.#reachable.uploaded.clear();
    this.#store = this.#open();
    await this.#turns.run([this.#store.removeStaleUploads()], () => "go on");
  }

  figures(restarts: number): InterleavingFigures {
    return {
      turns: this.#turns.turnCount,
      removedChunks: this.#removedChunks,
      finishedBackups: this.#finishedBackups,
      restarts,
    };
  }

  #open(): Datastore {
    return datastoreOn(watchedBackend(this.#backend, this.#turns, this.#reachable), this.#clock);
  }

  async #backUp(group: BackupGroup): Promise<void> {
    const { chance } = this;
    const snapshot: SnapshotId = { ...group, timeSec: snapshotAt(this.#nextSec++).timeSec };
    const target = await begin(this.#store, snapshot);
    const uploaded = new Set<Digest>();
    this.#reachable.uploaded.set(target, uploaded);
    try {
      const reusable = await previousDigests(target);
      const id = await target.createDynamicWriter(archive);
      const index = new DynamicIndexBuilder(codec);
      const append = async (digest: Digest): Promise<void> => {
        await target.append("dynamic", id, [digest], [index.size]);
        index.append(sizes.get(digest) ?? 0, digest);
      };
      for (const digest of reusable) if (chance.happens(0.7)) await append(digest);
      for (let i = 1 + chance.below(2); i > 0; i--) {
        const chunk = chance.pick(chunks);
        await target.uploadChunk({
          writer: "dynamic",
          writerId: id,
          ...chunk,
          body: chunk.body.slice(),
        });
        uploaded.add(chunk.digest);
        await append(chunk.digest);
      }
      if (chance.happens(0.15)) return;
      const claim = { chunkCount: index.count, size: index.size, csum: index.csum() };
      await target.close("dynamic", id, claim);
      await putManifest(target, [
        { filename: archive, cryptMode: "none", size: claim.size, csum: claim.csum },
      ]);
      await target.finish();
      this.#finishedBackups++;
    } finally {
      this.#reachable.uploaded.delete(target);
      await target[Symbol.asyncDispose]();
    }
  }

  /** What hypervisors do. */
  async #backUpAndPrune(group: BackupGroup): Promise<void> {
    await this.#backUp(group);
    await this.#prune(group);
  }

  async #prune(group: BackupGroup): Promise<void> {
    const retention = { last: 1 };
    const request = { namespace: rootNamespace, group, retention, zone: utc };
    for (const { snapshot, mark } of await this.#store.planPrune(request)) {
      if (mark === "remove") await tolerant(this.#store.forgetSnapshot(rootNamespace, snapshot));
    }
  }

  async #forget(group: BackupGroup): Promise<void> {
    const snapshots = await this.#store.listSnapshots(rootNamespace, group);
    if (snapshots.length === 0) return;
    await this.#store.forgetSnapshot(rootNamespace, this.chance.pick(snapshots));
  }

  async #verify(group: BackupGroup): Promise<void> {
    for (const snapshot of await this.#store.listSnapshots(rootNamespace, group)) {
      await using reader = await this.#store.openReader(rootNamespace, snapshot);
      const memory = newVerifyMemory();
      const { faults } = await this.#store.verifySnapshot(rootNamespace, snapshot, memory);
      if (faults.length > 0)
        throw new Error(`${reader.path} is damaged`, { cause: faults[0]?.error });
      const state = { upid: "UPID:verify:", state: "ok" } as const;
      await this.#store.writeVerifyState(rootNamespace, snapshot, state);
    }
  }

  async #collect(): Promise<void> {
    const status = await this.#store.collectGarbage({ upid: "UPID:gc:", progress: {} });
    this.#removedChunks += status["removed-chunks"];
  }
}

/** Refusals are part of the game: somebody else was faster. Anything else is a failure. */
async function tolerant(action: Promise<unknown>): Promise<void> {
  try {
    await action;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
  }
}

async function previousDigests(target: BackupTarget): Promise<readonly Digest[]> {
  if (!target.base) return [];
  await using previous = await target.openPrevious(archive);
  const index = parseDynamicIndex(await previous.readAt(0, previous.size));
  return Array.from({ length: index.count }, (_, i) => index.digestAt(i));
}
