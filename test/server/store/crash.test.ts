import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { parseDynamicIndex } from "../../../src/format/index/dynamic-index.ts";
import { parseFixedIndex } from "../../../src/format/index/fixed-index.ts";
import { indexCsum } from "../../../src/format/index/chunk-index.ts";
import { parseIndexHeader } from "../../../src/format/index/index-header.ts";
import { rootNamespace } from "../../../src/format/snapshot/namespace.ts";
import { type Datastore } from "../../../src/server/store/datastore.ts";
import { LocalBackend } from "../../../src/server/store/local-backend.ts";
import { type SyncLevel } from "../../../src/server/store/sync-level.ts";
import { MemoryBackend } from "../../../src/server/store/memory-backend.ts";
import { newVerifyMemory } from "../../../src/server/store/verify-memory.ts";
import { localSource } from "../../../src/server/sync/local-source.ts";
import { pullGroup } from "../../../src/server/sync/pull-group.ts";
import { emptyDatastore } from "../../support/empty-datastore.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { killedDisk, type KilledDisk } from "../../support/killed-disk.ts";
import {
  begin,
  codec,
  datastoreOn,
  makeBackup,
  putDynamic,
  putManifest,
  snapshotAt,
  tester,
} from "../../support/make-backup.ts";
import { type Fate, PowerLossBackend } from "../../support/power-loss-backend.ts";
import { prng } from "../../support/prng.ts";

const clock = new FakeClock();
const group = snapshotAt(0);
const STEPS_MAX = 1000;

/** Times of the finished snapshots; fails if one of them is not whole. */
async function wholeSnapshots(store: Datastore): Promise<number[]> {
  const times: number[] = [];
  for (const snapshot of await store.listSnapshots(rootNamespace, group)) {
    const { isFinished } = await store.describeSnapshot(rootNamespace, snapshot);
    if (!isFinished) continue;
    const verdict = await store.verifySnapshot(rootNamespace, snapshot, newVerifyMemory());
    expect(verdict.faults).to.deep.equal([]);
    times.push(snapshot.timeSec - group.timeSec);
  }
  return times;
}

async function openLocal(path: string, disk?: KilledDisk): Promise<Datastore> {
  const options = {
    access: "read-write",
    clock,
    ...(disk && { disk: disk.calls, exchange: disk.exchange }),
  } as const;
  return datastoreOn(await LocalBackend.open(path, options), clock, disk ? "file" : "none");
}

/** W1, W2: every index with a final name is whole, and the datastore has its chunks. */
async function checkFinalNames(path: string, store: Datastore): Promise<void> {
  for (const name of await readdir(path, { recursive: true })) {
    if (!/\.[df]idx$/.test(name)) continue;
    const bytes = await readFile(join(path, name));
    const index = name.endsWith(".didx") ? parseDynamicIndex(bytes) : parseFixedIndex(bytes);
    const { csum } = parseIndexHeader(bytes, index.kind);
    expect(indexCsum(codec, index)).to.equal(csum);
    for (let i = 0; i < index.count; i++) {
      expect((await store.blobs.readBlob(index.digestAt(i))).length).to.be.greaterThan(12);
    }
  }
}

/**
 * Runs an action that is killed in its first step, then one killed in its second, … until it gets through.
 *
 * @param check Gets what was left and whether the action had reported success.
 */
async function killAtEveryStep(
  prepare: (store: Datastore) => Promise<unknown>,
  act: (store: Datastore) => Promise<unknown>,
  check: (store: Datastore, isDone: boolean, path: string) => Promise<void>,
  exchange?: KilledDisk["exchange"],
): Promise<number> {
  for (let killAt = 1; killAt < STEPS_MAX; killAt++) {
    await using folder = await emptyDatastore();
    {
      await using store = await openLocal(folder.path);
      await prepare(store);
    }
    const real = killedDisk(killAt + 1); // Opening `.lock` is the first step.
    const disk = exchange ? Object.assign(real, { exchange }) : real;
    let isDone = false;
    try {
      const store = await openLocal(folder.path, disk);
      await act(store);
      isDone = true;
    } catch (error) {
      expect(disk.stepCount, String(error)).to.be.at.least(killAt);
    }
    await disk.closeAll();

    await using reopened = await openLocal(folder.path);
    await check(reopened, isDone, folder.path);
    if (isDone && disk.stepCount <= killAt) return killAt;
  }
  throw new Error("the action never gets through");
}

/** A backup of one archive: the other files of {@link makeBackup} are not in it. */
async function makeArchiveAlone(store: Datastore, content: Uint8Array): Promise<void> {
  await using target = await begin(store, snapshotAt(0));
  await putManifest(target, [await putDynamic(target, "root.pxar.didx", [content])]);
  await target.finish();
}

/** Copies the group from one datastore into another. */
async function pullAll(source: Datastore, target: Datastore): Promise<void> {
  await pullGroup(
    {
      source: localSource(source, { authId: tester, scopeOf: () => "every group" }),
      target,
      codec,
      owner: tester,
      transferLast: undefined,
      vanished: "keep",
      mayRemoveIn: () => true,
    },
    { group, from: rootNamespace, to: rootNamespace },
    {
      task: { log: () => undefined, signal: new AbortController().signal },
      stats: { chunkCount: 0, bytes: 0 },
      vanished: { snapshots: 0, groups: 0, namespaces: 0 },
    },
  );
}

describe("server/store, killed in every step", function () {
  this.timeout(60_000);

  it("shows no half snapshot after a copy from another datastore, and completes it the next time", async () => {
    await using folder = await emptyDatastore();
    await using source = await openLocal(folder.path);
    await makeBackup(source, snapshotAt(0), prng(1, 4000));
    await makeBackup(source, snapshotAt(1), prng(2, 4000));
    const steps = await killAtEveryStep(
      async () => {
        await Promise.resolve();
      },
      async (store) => {
        await pullAll(source, store);
      },
      async (store, isDone, path) => {
        const before = await wholeSnapshots(store);
        await checkFinalNames(path, store);
        await pullAll(source, store);
        const after = await wholeSnapshots(store);

        if (isDone) expect(before).to.deep.equal([0, 1]);
        else expect(before.join()).to.be.oneOf(["", "0", "0,1"]);
        expect(after).to.deep.equal([0, 1]);
      },
    );

    expect(steps).to.be.greaterThan(20);
  });

  for (const [how, canExchange] of [
    ["in one step", true],
    ["file by file", false],
  ] as const) {
    it(`replaces a snapshot ${how} by what the source has, and completes it the next time`, async () => {
      await using before = await emptyDatastore();
      await using after = await emptyDatastore();
      await using old = await openLocal(before.path);
      await using source = await openLocal(after.path);
      await makeBackup(old, snapshotAt(0), prng(1, 4000));
      await makeArchiveAlone(source, prng(2, 4000));
      const csums = async (store: Datastore): Promise<string> => {
        const { files } = await store.readManifest(rootNamespace, snapshotAt(0));
        return files.map(({ csum }) => csum).join();
      };
      const [was, willBe] = [await csums(old), await csums(source)];
      await killAtEveryStep(
        async (store) => {
          await pullAll(old, store);
          await store.setProtected(rootNamespace, snapshotAt(0), "protected");
        },
        async (store) => {
          await pullAll(source, store);
        },
        async (store, isDone, path) => {
          const whole = await wholeSnapshots(store);
          await checkFinalNames(path, store);

          if (canExchange) expect(whole).to.deep.equal([0]);
          if (whole.length > 0) {
            expect(await csums(store)).to.be.oneOf(isDone ? [willBe] : [was, willBe]);
          }
          expect(await store.isProtected(rootNamespace, snapshotAt(0))).to.equal(true);
          await store.removeStaleUploads();
          expect(await readdir(join(path, "host/a"))).to.have.members([
            "2024-06-05T00:00:00Z",
            "owner",
          ]);
          await pullAll(source, store);
          expect(await wholeSnapshots(store)).to.deep.equal([0]);
          expect(await csums(store)).to.equal(willBe);
          const shown = await readdir(join(path, "host/a/2024-06-05T00:00:00Z"));
          expect(shown).to.have.members([".protected", "index.json.blob", "root.pxar.didx"]);
        },
        canExchange ? undefined : async () => await Promise.resolve(false),
      );
    });
  }

  it("shows no snapshot or a whole one, and takes the next backup", async () => {
    const steps = await killAtEveryStep(
      async (store) => await makeBackup(store, snapshotAt(0), prng(1, 4000)),
      async (store) => await makeBackup(store, snapshotAt(1), prng(2, 4000)),
      async (store, isDone, path) => {
        const before = await wholeSnapshots(store);
        await checkFinalNames(path, store);
        await store.removeStaleUploads();
        await makeBackup(store, snapshotAt(2), prng(3, 4000));
        const after = await wholeSnapshots(store);

        if (isDone) expect(before).to.deep.equal([0, 1]);
        else expect(before.slice(0, 1)).to.deep.equal([0]);
        expect(after).to.deep.equal([...before, 2]);
      },
    );

    expect(steps).to.be.greaterThan(40);
  });

  it("lets a group be begun again whose first backup died", async () => {
    await killAtEveryStep(
      async () => {
        await Promise.resolve();
      },
      async (store) => await makeBackup(store, snapshotAt(0), prng(1, 100)),
      async (store, isDone) => {
        const before = await wholeSnapshots(store);
        await makeBackup(store, snapshotAt(1), prng(1, 100));

        if (isDone) expect(before).to.deep.equal([0]);
        expect((await wholeSnapshots(store)).at(-1)).to.equal(1);
      },
    );
  });

  it("removes a snapshot wholly or not at all", async () => {
    await killAtEveryStep(
      async (store) => {
        await makeBackup(store, snapshotAt(0), prng(1, 100));
        await makeBackup(store, snapshotAt(1), prng(2, 100));
      },
      async (store) => {
        await store.forgetSnapshot(rootNamespace, snapshotAt(0));
      },
      async (store, isDone) => {
        const left = await wholeSnapshots(store);

        expect(left).to.deep.equal(isDone || left.length === 1 ? [1] : [0, 1]);
      },
    );
  });

  it("removes a group so that it can be used again", async () => {
    await killAtEveryStep(
      async (store) => await makeBackup(store, snapshotAt(0), prng(1, 100)),
      async (store) => await store.forgetGroup(rootNamespace, group),
      async (store, isDone) => {
        const left = await wholeSnapshots(store);
        await makeBackup(store, snapshotAt(1), prng(1, 100));

        if (isDone) expect(left).to.deep.equal([]);
        expect(await wholeSnapshots(store)).to.deep.equal([...left, 1]);
      },
    );
  });

  it("changes notes wholly or not at all", async () => {
    await killAtEveryStep(
      async (store) => {
        await makeBackup(store, snapshotAt(0), prng(1, 100));
        await store.writeNotes(rootNamespace, snapshotAt(0), "old");
      },
      async (store) => {
        await store.writeNotes(rootNamespace, snapshotAt(0), "new");
      },
      async (store, isDone) => {
        const notes = await store.readNotes(rootNamespace, snapshotAt(0));

        expect(await wholeSnapshots(store)).to.deep.equal([0]);
        expect(notes).to.be.oneOf(isDone ? ["new"] : ["old", "new"]);
      },
    );
  });
});

describe("server/store, with the power cut in every change", function () {
  this.timeout(60_000);

  for (const syncLevel of ["file", "filesystem"] as const satisfies readonly SyncLevel[]) {
    it(`shows no snapshot or a whole one at sync level ${syncLevel}`, async () => {
      let isThrough = false;
      for (let cutAt = 1; !isThrough; cutAt++) {
        const backend = new PowerLossBackend(clock, cutAt);
        const store = datastoreOn(backend, clock, syncLevel);
        let done = -1;
        try {
          await makeBackup(store, snapshotAt(0), prng(1, 100));
          done = 0;
          await makeBackup(store, snapshotAt(1), prng(2, 100));
          done = 1;
        } catch (error) {
          expect((error as Error).message).to.equal("the power is cut");
        }
        isThrough = done === 1;

        for (let seed = 1; seed <= 8; seed++) {
          const medium = await backend.afterPowerCut(fates(seed));
          const whole = await wholeSnapshots(datastoreOn(medium, clock));

          expect(whole.slice(0, done + 1)).to.deep.equal([0, 1].slice(0, done + 1));
        }
      }
    });
  }

  for (const syncLevel of ["file", "filesystem"] as const satisfies readonly SyncLevel[]) {
    it(`replaces a snapshot wholly or not at all at sync level ${syncLevel}`, async () => {
      const [old, source] = [1, 2].map(() => datastoreOn(new MemoryBackend(clock), clock));
      if (!old || !source) throw new TypeError("two are needed");
      await makeBackup(old, snapshotAt(0), prng(1, 100));
      await makeBackup(source, snapshotAt(0), prng(2, 100));
      let isThrough = false;
      for (let cutAt = 1; !isThrough; cutAt++) {
        const backend = new PowerLossBackend(clock, cutAt);
        const store = datastoreOn(backend, clock, syncLevel);
        let isPulled = false;
        try {
          await pullAll(old, store);
          isPulled = true;
          await pullAll(source, store);
          isThrough = true;
        } catch {
          expect(backend.changeCount).to.be.at.least(cutAt);
        }

        for (let seed = 1; seed <= 8; seed++) {
          const medium = await backend.afterPowerCut(fates(seed));
          const whole = await wholeSnapshots(datastoreOn(medium, clock));

          if (isPulled) expect(whole).to.deep.equal([0]);
        }
      }
    });
  }

  it("would notice if nothing were forced to the medium", async () => {
    const backend = new PowerLossBackend(clock, Infinity);
    await makeBackup(datastoreOn(backend, clock, "none"), snapshotAt(0), prng(1, 100));

    const medium = await backend.afterPowerCut(() => "lost");

    expect(await wholeSnapshots(datastoreOn(medium, clock))).to.deep.equal([]);
  });
});

/** Fates by a seed: all kept, all lost, all hollow, then mixtures. */
function fates(seed: number): () => Fate {
  const all: readonly Fate[] = ["kept", "lost", "hollow"];
  if (seed <= all.length) return () => all[seed - 1] ?? "kept";
  const bytes = prng(seed, 4096);
  let i = 0;
  return () => all[(bytes[i++ % bytes.length] ?? 0) % all.length] ?? "kept";
}
