import { expect } from "chai";

import { type Digest, parseDigest } from "../../../src/format/chunk/digest.ts";
import { parseArchiveName } from "../../../src/format/snapshot/archive-name.ts";
import { rootNamespace } from "../../../src/format/snapshot/namespace.ts";
import { acceptChunk, inlineChunkVerifier } from "../../../src/server/store/accepted-blob.ts";
import {
  type CollectionOptions,
  type CollectionProgress,
} from "../../../src/server/store/collect-garbage.ts";
import { type CollectionStatus } from "../../../src/server/store/collection-status.ts";
import { type Datastore } from "../../../src/server/store/datastore.ts";
import { MemoryBackend } from "../../../src/server/store/memory-backend.ts";
import { type StoreBackend } from "../../../src/server/store/store-backend.ts";
import { StoreError } from "../../../src/server/store/store-error.ts";
import { snapshotPath } from "../../../src/server/store/store-path.ts";
import { newVerifyMemory } from "../../../src/server/store/verify-memory.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { gate } from "../../support/faulty.ts";
import {
  begin,
  chunkOf,
  codec,
  datastoreOn,
  putDynamic,
  putManifest,
  snapshotAt,
} from "../../support/make-backup.ts";
import { PowerLossBackend } from "../../support/power-loss-backend.ts";
import { prng } from "../../support/prng.ts";
import { rejection } from "../../support/rejection.ts";

const DAY_SEC = 86_400;
const replace = { onExisting: "replace", durability: "none" } as const;

describe("server/store/collect-garbage", () => {
  let clock: FakeClock;
  let backend: MemoryBackend;
  let store: Datastore;

  beforeEach(() => {
    clock = new FakeClock();
    backend = new MemoryBackend(clock);
    store = datastoreOn(backend, clock);
  });

  async function collect(
    progress: CollectionProgress = {},
    options: Partial<CollectionOptions> = {},
    from: Datastore = store,
  ): Promise<CollectionStatus> {
    return await from.collectGarbage({ upid: "UPID:test:", progress, ...options });
  }

  /** A finished snapshot with one archive of these chunks. */
  async function backUp(
    seconds: number,
    plains: readonly Uint8Array[],
    to: Datastore = store,
  ): Promise<void> {
    await using target = await begin(to, snapshotAt(seconds));
    await putManifest(target, [await putDynamic(target, "root.pxar.didx", plains)]);
    await target.finish();
  }

  async function isWhole(seconds: number): Promise<boolean> {
    const memory = newVerifyMemory();
    const { faults } = await store.verifySnapshot(rootNamespace, snapshotAt(seconds), memory);
    return faults.length === 0;
  }

  async function chunkNames(of: StoreBackend = backend): Promise<string[]> {
    const names: string[] = [];
    for await (const { name } of of.listChunks()) names.push(name);
    return names;
  }

  const archive = parseArchiveName("root.pxar.didx");
  const a = prng(1, 100);
  const b = prng(2, 200);
  const c = prng(3, 300);
  const blobSize = (plain: Uint8Array): number => chunkOf(plain).body.length;

  it("removes what nothing needs, once it has rested for a day, and counts everything", async () => {
    await backUp(0, [a, b]);
    await backUp(1, [b, c]);
    await store.forgetSnapshot(rootNamespace, snapshotAt(0));
    clock.advance(60);

    const early = await collect();
    clock.advance(DAY_SEC + 241);
    const late = await collect();

    expect(early).to.deep.equal({
      "index-file-count": 1,
      "index-data-bytes": 500,
      "disk-bytes": blobSize(b) + blobSize(c),
      "disk-chunks": 2,
      "removed-bytes": 0,
      "removed-chunks": 0,
      "pending-bytes": blobSize(a),
      "pending-chunks": 1,
      "removed-bad": 0,
      "still-bad": 0,
      upid: "UPID:test:",
    });
    expect(late).to.include({
      "disk-chunks": 2,
      "removed-bytes": blobSize(a),
      "removed-chunks": 1,
      "pending-chunks": 0,
    });
    expect(await chunkNames()).to.have.members([chunkOf(b).digest, chunkOf(c).digest]);
    expect(await isWhole(1)).to.equal(true);
  });

  it("writes its result down in the form that a genuine server reads", async () => {
    await backUp(0, [a]);

    const status = await collect();

    expect(JSON.parse((await store.readGcStatus()) ?? "")).to.deep.equal(status);
  });

  it("finds its way through an index of more entries than one block holds", async () => {
    const plains = Array.from({ length: 2000 }, (_, i) => prng(i + 1, 8));
    await backUp(0, plains);
    clock.advance(3 * DAY_SEC);

    const status = await collect();

    expect(status).to.include({ "index-data-bytes": 16_000, "disk-chunks": 2000 });
    expect(await isWhole(0)).to.equal(true);
  });

  it("keeps the chunks of indexes that lie outside of snapshots, and says how many there are", async () => {
    await backUp(0, [a]);
    const from = `${snapshotPath(rootNamespace, snapshotAt(0))}/root.pxar.didx`;
    const index = await backend.readFile(from, 10_000);
    await backend.createFolders("old/copy");
    await backend.writeFile("old/copy/x.didx", index ?? new Uint8Array(0), replace);
    await store.forgetSnapshot(rootNamespace, snapshotAt(0));
    clock.advance(3 * DAY_SEC);
    let strange = 0;

    await collect({ sweeping: (count) => (strange = count) });

    expect(strange).to.equal(1);
    expect(await chunkNames()).to.deep.equal([chunkOf(a).digest]);
  });

  it("names a chunk that is missing, and keeps what was set aside of it", async () => {
    await backUp(0, [a]);
    const { digest } = chunkOf(a);
    await store.blobs.setAside(digest);
    clock.advance(3 * DAY_SEC);
    const missing: string[] = [];

    const status = await collect({ missing: (lost, path) => missing.push(`${lost} ${path}`) });

    const path = `${snapshotPath(rootNamespace, snapshotAt(0))}/root.pxar.didx`;
    expect(missing).to.deep.equal([`${digest} ${path}`]);
    expect(status).to.include({ "removed-bad": 0, "disk-chunks": 0 });
    expect(await chunkNames()).to.deep.equal([`${digest}.0.bad`]);
  });

  it("removes what was set aside once the chunk is back", async () => {
    await backUp(0, [a]);
    await store.blobs.setAside(chunkOf(a).digest);
    await backUp(1, [a]);
    clock.advance(60);
    const early = await collect();
    clock.advance(2 * DAY_SEC);

    const late = await collect();

    expect(early).to.include({ "removed-bad": 0, "still-bad": 1 });
    expect(late).to.include({ "removed-bad": 1, "disk-chunks": 1 });
    expect(await isWhole(0)).to.equal(true);
  });

  for (const [what, bytes] of [
    ["is damaged", new Uint8Array(5000)],
    ["is empty", new Uint8Array(0)],
  ] as const) {
    it(`removes nothing when an index ${what}`, async () => {
      await backUp(0, [a]);
      await backUp(1, [b]);
      await store.forgetSnapshot(rootNamespace, snapshotAt(0));
      const path = `${snapshotPath(rootNamespace, snapshotAt(1))}/root.pxar.didx`;
      await backend.writeFile(path, bytes, replace);
      clock.advance(3 * DAY_SEC);

      const error = await rejection(collect());

      expect(error).to.be.instanceOf(StoreError).with.property("code", "STORE_INDEX_UNREADABLE");
      expect((error as Error).message).to.contain(path);
      expect(await chunkNames()).to.have.length(2);
      expect(store.processLock.isCollecting).to.equal(false);
    });
  }

  it("keeps what a running backup has uploaded, whatever the clock does", async () => {
    clock.advance(-3 * DAY_SEC);
    const target = await begin(store, snapshotAt(0));
    clock.advance(-3 * DAY_SEC);
    const file = await putDynamic(target, "root.pxar.didx", [a]);
    clock.advance(10 * DAY_SEC);
    const id = await target.createDynamicWriter(parseArchiveName("b.pxar.didx"));
    const chunk = chunkOf(b);
    await target.uploadChunk({ writer: "dynamic", writerId: id, ...chunk });
    clock.advance(10 * DAY_SEC);

    await collect();

    expect(await chunkNames()).to.have.members([chunkOf(a).digest, chunk.digest]);
    await target.append("dynamic", id, [chunk.digest], [0]);
    const claim = { chunkCount: 1, size: 200, csum: csumOf(chunk) };
    await target.close("dynamic", id, claim);
    await putManifest(target, [file]);
    await target.finish();
    expect(await isWhole(0)).to.equal(true);
  });

  it("keeps what a snapshot re-uses whose base is pruned before its index was read", async () => {
    // Advisory PSA-2025-00019-1: the new index is not in the list, the one that was is gone.
    await backUp(0, [a]);
    clock.advance(3 * DAY_SEC);
    const reached = gate();
    const goOn = gate();
    const openFile = backend.openFile.bind(backend);
    backend.openFile = async (path) => {
      backend.openFile = openFile;
      reached.open();
      await goOn.opened;
      return await backend.openFile(path);
    };

    const collecting = collect();
    await reached.opened;
    await reuse(snapshotAt(1));
    await store.forgetSnapshot(rootNamespace, snapshotAt(0));
    goOn.open();
    const status = await collecting;

    expect(status).to.include({ "removed-chunks": 0, "disk-chunks": 1 });
    expect(await isWhole(1)).to.equal(true);
  });

  /** A backup that uploads nothing: it names the one chunk of its base. */
  async function reuse(snapshot: ReturnType<typeof snapshotAt>): Promise<void> {
    await using target = await begin(store, snapshot);
    await using previous = await target.openPrevious(archive);
    expect(previous.registeredChunks).to.equal(1);
    const id = await target.createDynamicWriter(archive);
    const chunk = chunkOf(a);
    await target.append("dynamic", id, [chunk.digest], [0]);
    const claim = { chunkCount: 1, size: chunk.size, csum: csumOf(chunk) };
    await target.close("dynamic", id, claim);
    await putManifest(target, [
      {
        filename: archive,
        cryptMode: "none",
        size: chunk.size,
        csum: claim.csum,
      },
    ]);
    await target.finish();
  }

  it("keeps everything that is younger than the oldest running backup", async () => {
    await store.blobs.insert(await accepted(a));
    clock.advance(200);
    const target = await begin(store, snapshotAt(0));
    clock.advance(30 * DAY_SEC);

    const during = await collect();
    await target.abort();
    const after = await collect();

    expect(during).to.include({ "removed-chunks": 0, "pending-chunks": 1 });
    expect(after).to.include({ "removed-chunks": 1, "pending-chunks": 0 });
  });

  it("runs once at a time", async () => {
    await backUp(0, [a]);

    const [first, second] = await Promise.allSettled([collect(), collect()]);

    expect(first.status).to.equal("fulfilled");
    expect(second).to.have.nested.property("reason.code", "STORE_LOCKED");
  });

  it("stops when it is told to, and can be run again", async () => {
    await backUp(0, [a]);
    const stop = new AbortController();
    const reason = new Error("stop");

    const error = await rejection(
      collect(
        {
          marked: () => {
            stop.abort(reason);
          },
        },
        { signal: stop.signal },
      ),
    );

    expect(error).to.equal(reason);
    expect(await collect()).to.include({ "disk-chunks": 1 });
  });

  it("says that it cannot keep its result, and has done its work", async () => {
    await store.blobs.insert(await accepted(a));
    clock.advance(3 * DAY_SEC);
    backend.writeFile = async () => await Promise.reject(new Error("ENOSPC"));
    let failure: Error | undefined;

    const status = await collect({ unsaved: (error) => (failure = error) });

    expect(status).to.include({ "removed-chunks": 1 });
    expect(failure?.message).to.equal("ENOSPC");
  });

  it("is harmless with the power cut in every change, and makes removed snapshots stay removed first", async () => {
    for (let cutAt = 1; cutAt < 200; cutAt++) {
      const medium = new PowerLossBackend(clock, cutAt);
      const onMedium = datastoreOn(medium, clock, "filesystem");
      let isThrough = false;
      try {
        await backUp(0, [a, b], onMedium);
        await backUp(1, [b, c], onMedium);
        clock.advance(3 * DAY_SEC);
        await onMedium.forgetSnapshot(rootNamespace, snapshotAt(0));
        await collect({}, {}, onMedium);
        isThrough = true;
      } catch {
        // The power was cut.
      }
      for (const fate of ["kept", "lost"] as const) {
        backend = await medium.afterPowerCut(() => fate);
        store = datastoreOn(backend, clock);
        for (const snapshot of await store.listSnapshots(rootNamespace, snapshotAt(0))) {
          const { isFinished } = await store.describeSnapshot(rootNamespace, snapshot);
          if (!isFinished) continue;
          const seconds = snapshot.timeSec - snapshotAt(0).timeSec;
          expect(await isWhole(seconds), `cut ${cutAt}, ${fate}, snapshot ${seconds}`).to.equal(
            true,
          );
        }
      }
      if (isThrough) return;
    }
    expect.fail("never got through");
  });

  async function accepted(plain: Uint8Array) {
    return await acceptChunk(chunkOf(plain), inlineChunkVerifier(codec));
  }

  function csumOf({ digest, size }: { readonly digest: Digest; readonly size: number }): string {
    const entry = new Uint8Array(40);
    new DataView(entry.buffer).setUint32(0, size, true);
    entry.set(Buffer.from(parseDigest(digest), "hex"), 8);
    return Buffer.from(codec.sha256(entry)).toString("hex");
  }
});
