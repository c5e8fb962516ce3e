import assert from "node:assert/strict";

import { type ArchiveName, parseArchiveName } from "../../src/format/snapshot/archive-name.ts";
import { type Digest } from "../../src/format/chunk/digest.ts";
import { DynamicIndexBuilder, parseDynamicIndex } from "../../src/format/index/dynamic-index.ts";
import { TimeZone } from "../../src/format/schedule/time-zone.ts";
import { rootNamespace } from "../../src/format/snapshot/namespace.ts";
import {
  type BackupGroup,
  type SnapshotId,
  snapshotIdText,
} from "../../src/format/snapshot/snapshot-id.ts";
import { inlineChunkVerifier } from "../../src/server/store/accepted-blob.ts";
import { type BackupTarget } from "../../src/server/store/backup-target.ts";
import { type Datastore } from "../../src/server/store/datastore.ts";
import { findIndexes } from "../../src/server/store/find-indexes.ts";
import { MemoryBackend } from "../../src/server/store/memory-backend.ts";
import { StoreError } from "../../src/server/store/store-error.ts";
import { snapshotPath } from "../../src/server/store/store-path.ts";
import { newVerifyMemory } from "../../src/server/store/verify-memory.ts";
import { localSource } from "../../src/server/sync/local-source.ts";
import { pullGroup } from "../../src/server/sync/pull-group.ts";
import { FakeClock } from "./fake-clock.ts";
import { Chance, Interleaver } from "./interleaver.ts";
import {
  begin,
  chunkOf,
  codec,
  datastoreOn,
  type MadeChunk,
  putDynamic,
  putManifest,
  snapshotAt,
  tester,
} from "./make-backup.ts";
import { prng } from "./prng.ts";
import { ReachableChunks, watchedBackend } from "./watched-backend.ts";

const HOUR_SEC = 3600;
const archive: ArchiveName = parseArchiveName("root.pxar.didx");
const groups: readonly BackupGroup[] = [snapshotAt(0, "host/a"), snapshotAt(0, "host/b")];
const plains: readonly Uint8Array[] = Array.from({ length: 6 }, (_, i) => prng(i + 1, 20 + i));
const chunks: readonly MadeChunk[] = plains.map((plain) => chunkOf(plain));
const sizes = new Map<Digest, number>(chunks.map(({ digest, size }) => [digest, size]));
const verifier = inlineChunkVerifier(codec);
const utc = new TimeZone("UTC");

/** What may go on beside a collection. */
const casts = {
  all: [
    ...(["back up", "back up and prune", "prune", "forget", "verify"] as const),
    ...(["damage and verify", "pull", "collect"] as const),
  ],
  /** What hypervisors do; the race of the advisory is rare among others. */
  pruning: ["back up and prune", "back up and prune", "back up"],
  healing: ["damage and verify", "back up", "pull"],
} as const;

type Deed = (typeof casts)[Cast][number];

/** Who takes part in a run. */
export type Cast = "all" | "pruning" | "healing";

/** What one run came to, for the record. */
export interface InterleavingFigures {
  /** Steps, after each of which everything was checked. */
  readonly turns: number;
  readonly removedChunks: number;
  readonly finishedBackups: number;
  /** Snapshots that were copied from another datastore, or replaced by its. */
  readonly pulled: number;
  /** Chunks that verification found damaged and set aside. */
  readonly setAside: number;
  /** How often an index was listed and then gone, while one that re-used its chunks was not in the list (PSA-2025-00019-1). */
  readonly advisoryRaces: number;
  readonly restarts: number;
}

/**
 * Runs backups, pulls, prunes, removals, verifications and collections of one small datastore in an order that a seed decides,
 * with restarts, with clocks that jump, and with a disk that damages chunks.
 *
 * @param cast Who takes part; drawn when absent.
 * @throws {Error} In the moment in which a chunk is gone that an index or a running backup needs, or a sound one is set aside;
 *   at the end when a snapshot is not whole.
 */
export async function interleave(seed: number, cast?: Cast): Promise<InterleavingFigures> {
  const run = new Run(seed, cast);
  await run.prepare();
  const restarts = run.chance.below(3);
  for (let i = 0; i <= restarts; i++) {
    await run.play(i < restarts ? 20 + run.chance.below(150) : Infinity);
  }
  await run.settle();
  return run.figures(restarts);
}

class Run {
  readonly chance: Chance;
  readonly #clock = new FakeClock();
  readonly #backend = new MemoryBackend(this.#clock);
  /** Where pulls come from: nobody else is there, so it takes no turns. */
  readonly #source = datastoreOn(new MemoryBackend(this.#clock), this.#clock);
  readonly #reachable = new ReachableChunks();
  readonly #turns: Interleaver;
  readonly #cast: Cast;
  #store: Datastore;
  #nextSec = 1;
  #removedChunks = 0;
  #finishedBackups = 0;
  #pulled = 0;
  #setAside = 0;

  constructor(seed: number, cast: Cast | undefined) {
    this.chance = new Chance(seed);
    this.#cast = cast ?? this.chance.pick(["all", "all", "pruning", "healing"]);
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

  async #act(deed: Deed, group: BackupGroup): Promise<void> {
    switch (deed) {
      case "back up":
        await this.#backUp(group);
        return;
      case "back up and prune":
        await this.#backUp(group);
        await this.#prune(group);
        return;
      case "prune":
        await this.#prune(group);
        return;
      case "forget":
        await this.#forget(group);
        return;
      case "verify":
        await this.#verify(group);
        return;
      case "damage and verify":
        await this.#damageAndVerify(group);
        return;
      case "pull":
        await this.#pull(group);
        return;
      case "collect":
        await this.#collect();
    }
  }

  /** Lets actors work until all have ended, or the server is killed. */
  async play(turnsMax: number): Promise<void> {
    const { chance } = this;
    const actors: Promise<unknown>[] = [this.#collect()];
    for (let i = 2 + chance.below(4); i > 0; i--) {
      actors.push(tolerant(this.#act(chance.pick(casts[this.#cast]), chance.pick(groups))));
    }
    let left = turnsMax;
    const jumps = chance.pick([0.005, 0.02, 0.1]);
    await this.#turns.run(actors.map(tolerant), () => {
      this.#reachable.check();
      if (chance.happens(jumps)) this.#clock.advance(chance.pick([1, 26, 60, -30, -70]) * HOUR_SEC);
      return left-- > 0 ? "go on" : "stop";
    });
    if (turnsMax === Infinity) return;
    this.#turns.crash();
    this.#reachable.uploaded.clear();
    this.#reachable.collected();
    this.#store = this.#open();
    await this.#turns.run([this.#store.removeStaleUploads()], () => "go on");
  }

  /** What is left is what was noticed to be left, and every snapshot of it is whole but for damaged chunks. */
  async settle(): Promise<void> {
    const { stored, indexes, damaged } = this.#reachable;
    const left: string[] = [];
    for await (const { digest, isBad } of this.#backend.listChunks()) if (!isBad) left.push(digest);
    assert.deepEqual(left, [...stored].sort());
    assert.deepEqual(await findIndexes(this.#backend, undefined), [...indexes.keys()].sort());
    const store = datastoreOn(this.#backend, this.#clock);
    const memory = newVerifyMemory();
    for (const group of groups) {
      for (const snapshot of await store.listSnapshots(rootNamespace, group)) {
        const { manifest } = await store.describeSnapshot(rootNamespace, snapshot);
        if (!manifest) continue;
        const { faults } = await store.verifySnapshot(rootNamespace, snapshot, memory);
        for (const { digest, archive, error } of faults) {
          if (digest !== undefined && damaged.has(digest)) continue;
          throw new Error(`${archive} of ${snapshotIdText(snapshot)} is damaged`, { cause: error });
        }
      }
    }
  }

  figures(restarts: number): InterleavingFigures {
    return {
      turns: this.#turns.turnCount,
      removedChunks: this.#removedChunks,
      finishedBackups: this.#finishedBackups,
      pulled: this.#pulled,
      setAside: this.#setAside,
      advisoryRaces: this.#reachable.advisoryRaces,
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
      const again = reusable.filter(() => chance.happens(0.7));
      for (const digest of again) await append(digest);
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
      if (target.base && again.length > 0)
        this.#reachable.reused(snapshotPath(rootNamespace, target.base));
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
    const memory = newVerifyMemory();
    for (const snapshot of await this.#store.listSnapshots(rootNamespace, group)) {
      await using reader = await this.#store.openReader(rootNamespace, snapshot);
      const { faults } = await this.#store.verifySnapshot(rootNamespace, snapshot, memory);
      for (const { digest, size, isCorruptChunk, error } of faults) {
        if (digest === undefined || !this.#reachable.damaged.has(digest)) {
          // It may have been healed since it was read: then it is there now.
          if (digest !== undefined && this.#reachable.stored.has(digest)) continue;
          throw new Error(`${reader.path} is damaged`, { cause: error });
        }
        if (!isCorruptChunk || size === undefined) continue;
        if (await this.#store.setAsideIfCorrupt({ digest, size }, verifier)) this.#setAside++;
      }
      const state = faults.length === 0 ? "ok" : "failed";
      await this.#store.writeVerifyState(rootNamespace, snapshot, { upid: "UPID:verify:", state });
    }
  }

  /** The disk changes a byte of a chunk, or loses all of it, and two look at once. */
  async #damageAndVerify(group: BackupGroup): Promise<void> {
    await this.#turns.step(this.#turns.life);
    const { damaged, stored } = this.#reachable;
    const { digest, body } = this.chance.pick(chunks);
    if (stored.has(digest)) {
      const bytes = body.slice(0, this.chance.pick([0, body.length]));
      bytes.set([(bytes.at(-1) ?? 0) ^ 1].slice(0, bytes.length), Math.max(0, bytes.length - 1));
      await this.#backend.writeChunk(digest, bytes);
      damaged.add(digest);
    }
    await Promise.all([tolerant(this.#verify(group)), tolerant(this.#verify(group))]);
  }

  /** Something new at the source comes here, or something else at the time of what came before. */
  async #pull(group: BackupGroup): Promise<void> {
    const { chance } = this;
    const last = (await this.#source.listSnapshots(rootNamespace, group)).at(-1);
    let timeSec = snapshotAt(this.#nextSec++).timeSec;
    if (last && chance.happens(0.5)) {
      await this.#source.forgetSnapshot(rootNamespace, last);
      timeSec = last.timeSec;
    }
    await using target = await begin(this.#source, { ...group, timeSec });
    const content = plains.filter(() => chance.happens(0.4));
    const files = [await putDynamic(target, archive, [chance.pick(plains), ...content])];
    await putManifest(target, files);
    await target.finish();
    const request = {
      source: localSource(this.#source, { authId: tester, scopeOf: () => "every group" }),
      ...{ target: this.#store, codec, owner: tester, transferLast: undefined },
      ...{ vanished: chance.pick(["keep", "remove"] as const), mayRemoveIn: () => true },
    };
    const task = {
      log: (line: string): void => {
        if (line.endsWith(" done")) this.#pulled++;
      },
      signal: new AbortController().signal,
    };
    await pullGroup(
      request,
      { group, from: rootNamespace, to: rootNamespace },
      {
        task,
        stats: { chunkCount: 0, bytes: 0 },
        vanished: { snapshots: 0, groups: 0, namespaces: 0 },
      },
    );
  }

  async #collect(): Promise<void> {
    const marked = (): void => {
      this.#reachable.searched();
    };
    try {
      const status = await this.#store.collectGarbage({ upid: "UPID:gc:", progress: { marked } });
      this.#removedChunks += status["removed-chunks"];
    } finally {
      this.#reachable.collected();
    }
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
