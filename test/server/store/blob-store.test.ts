import { expect } from "chai";
import fc from "fast-check";

import { ChunkError } from "../../../src/chunks/chunk-error.ts";
import { encodeBlob } from "../../../src/format/chunk/data-blob.ts";
import { type Digest, parseDigest } from "../../../src/format/chunk/digest.ts";
import { cryptKeyOf } from "../../../src/format/crypto/crypt-key.ts";
import { BLOB_ENCRYPTED_HEADER_BYTES, BLOB_HEADER_BYTES } from "../../../src/format/limits.ts";
import {
  type AcceptedChunk,
  acceptChunk,
  inlineChunkVerifier,
} from "../../../src/server/store/accepted-blob.ts";
import { BlobStore } from "../../../src/server/store/blob-store.ts";
import { LocalBackend } from "../../../src/server/store/local-backend.ts";
import { LiveChunks } from "../../../src/server/store/live-chunks.ts";
import { MemoryBackend } from "../../../src/server/store/memory-backend.ts";
import { StoreError } from "../../../src/server/store/store-error.ts";
import { emptyDatastore } from "../../support/empty-datastore.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { chunkOf, codec } from "../../support/make-backup.ts";
import { prng } from "../../support/prng.ts";
import { rejection } from "../../support/rejection.ts";

const verifier = inlineChunkVerifier(codec);
const key = cryptKeyOf(codec, new Uint8Array(32));
const plain = new Uint8Array(1000).fill(7);
const someDigest = parseDigest("ab".repeat(32));

async function accepted(compress: boolean): Promise<AcceptedChunk> {
  return await acceptChunk(chunkOf(plain, compress), verifier);
}

/** An encrypted chunk under a digest of choice, with a blob of any length. */
async function encrypted(digest: Digest, size: number, compress: boolean): Promise<AcceptedChunk> {
  const content = compress ? new Uint8Array(size) : prng(1, size);
  const body = encodeBlob(codec, content, { compress, key });
  return await acceptChunk({ digest, size, body }, verifier);
}

describe("server/store/blob-store", () => {
  let clock: FakeClock;
  let backend: MemoryBackend;
  let store: BlobStore;

  beforeEach(() => {
    clock = new FakeClock();
    backend = new MemoryBackend(clock);
    store = new BlobStore(backend, { syncLevel: "none", live: new LiveChunks() });
  });

  it("stores a new chunk", async () => {
    const chunk = await accepted(true);

    const result = await store.insert(chunk);

    expect(result).to.deep.equal({ isDuplicate: false, storedBytes: chunk.bytes.length });
    expect(await store.readBlob(chunk.digest)).to.deep.equal(chunk.bytes);
    expect(await store.has(chunk.digest)).to.equal(true);
  });

  it("marks a chunk of equal length as used and keeps it", async () => {
    const chunk = await accepted(true);
    await store.insert(chunk);
    clock.advance(500);

    const result = await store.insert(chunk);

    expect(result.isDuplicate).to.equal(true);
    expect((await store.stat(chunk.digest))?.usedAtSec).to.equal(clock.nowSec());
  });

  it("keeps the shorter one of two plain encodings, whichever came first", async () => {
    const [short, long] = [await accepted(true), await accepted(false)];

    await store.insert(long);
    const replaced = await store.insert(short);
    const kept = await store.insert(long);

    expect(replaced).to.deep.equal({ isDuplicate: false, storedBytes: short.bytes.length });
    expect(kept).to.deep.equal({ isDuplicate: true, storedBytes: short.bytes.length });
    expect(await store.readBlob(short.digest)).to.deep.equal(short.bytes);
  });

  it("replaces the empty file that a crash left", async () => {
    const chunk = await accepted(true);
    await backend.writeChunk(chunk.digest, new Uint8Array(0));

    const result = await store.insert(chunk);

    expect(result.isDuplicate).to.equal(false);
    expect(await store.readBlob(chunk.digest)).to.deep.equal(chunk.bytes);
  });

  it("refuses an encrypted chunk in the place of a plain one", async () => {
    const chunk = await accepted(true);
    await store.insert(chunk);

    const error = await rejection(store.insert(await encrypted(chunk.digest, 500, false)));

    expect(error).to.be.instanceOf(StoreError).with.property("code", "STORE_UPLOAD_REFUSED");
    expect(await store.readBlob(chunk.digest)).to.deep.equal(chunk.bytes);
  });

  for (const [than, size] of [
    ["shorter than", 1],
    ["as long as", plain.length + BLOB_HEADER_BYTES - BLOB_ENCRYPTED_HEADER_BYTES],
    ["longer than", 2 * plain.length],
  ] as const) {
    it(`puts a plain chunk in the place of an encrypted one ${than} it, which cannot be right`, async () => {
      const chunk = await accepted(false);
      await store.insert(await encrypted(chunk.digest, size, false));

      const result = await store.insert(chunk);

      expect(result).to.deep.equal({ isDuplicate: false, storedBytes: chunk.bytes.length });
      expect(await store.readBlob(chunk.digest)).to.deep.equal(chunk.bytes);
    });
  }

  it("heals what is no blob at all by a plain upload", async () => {
    const chunk = await accepted(true);
    await backend.writeChunk(chunk.digest, new Uint8Array(13).fill(1));

    await store.insert(chunk);

    expect(await store.readBlob(chunk.digest)).to.deep.equal(chunk.bytes);
  });

  it("refuses an encrypted, uncompressed chunk of another length than such a one", async () => {
    await store.insert(await encrypted(someDigest, 500, false));

    const error = await rejection(store.insert(await encrypted(someDigest, 501, false)));

    expect(error).to.be.instanceOf(StoreError).with.property("code", "STORE_UPLOAD_REFUSED");
  });

  it("keeps the first of two encrypted encodings", async () => {
    const first = await encrypted(someDigest, 500, true);
    await store.insert(first);

    const result = await store.insert(await encrypted(someDigest, 500, false));

    expect(result).to.deep.equal({ isDuplicate: true, storedBytes: first.bytes.length });
  });

  it("heals what is no blob at all by an encrypted upload", async () => {
    await backend.writeChunk(someDigest, new Uint8Array(9));
    const chunk = await encrypted(someDigest, 500, true);

    expect((await store.insert(chunk)).isDuplicate).to.equal(false);
    expect(await store.readBlob(someDigest)).to.deep.equal(chunk.bytes);
  });

  it("tells a missing chunk from an unreadable one", async () => {
    const missing = await rejection(store.readBlob(someDigest));
    const cause = new Error("EIO");
    const broken = Object.assign(new MemoryBackend(clock), {
      readChunk: async () => await Promise.reject(cause),
    });
    const unreadable = await rejection(
      new BlobStore(broken, { syncLevel: "none", live: new LiveChunks() }).readBlob(someDigest),
    );

    expect(missing).to.be.instanceOf(ChunkError).with.property("code", "CHUNK_MISSING");
    expect(unreadable).to.be.instanceOf(ChunkError).with.property("code", "CHUNK_UNREADABLE");
    expect((unreadable as ChunkError).cause).to.equal(cause);
  });

  it("ends a read with the signal's reason", async () => {
    const reason = new Error("changed my mind");

    const error = await rejection(
      store.readBlob(someDigest, { signal: AbortSignal.abort(reason) }),
    );

    expect(error).to.equal(reason);
  });

  it("stores one of many uploads of a chunk that come at the same time", async () => {
    const chunk = await accepted(true);

    const results = await Promise.all(Array.from({ length: 10 }, () => store.insert(chunk)));

    expect(results.filter((result) => !result.isDuplicate)).to.have.length(1);
  });

  it("keeps collection and insertion of one chunk apart", async () => {
    const chunk = await accepted(true);
    await store.insert(chunk);
    const order: string[] = [];

    const collected = store.withChunk(chunk.digest, async (chunks) => {
      const stat = await chunks.statChunk(chunk.digest);
      await chunks.removeChunkObject({ digest: chunk.digest, name: chunk.digest, isBad: false });
      order.push(`removed ${stat?.size ?? 0}`);
    });
    const inserted = store.insert(chunk).then((result) => order.push(`new ${!result.isDuplicate}`));
    await Promise.all([collected, inserted]);

    expect(order).to.deep.equal([`removed ${chunk.bytes.length}`, "new true"]);
    expect(await store.has(chunk.digest)).to.equal(true);
  });

  it("behaves like a Map under any sequence of operations, in memory and on disk", async () => {
    const chunks = await Promise.all(
      [1, 2, 3, 4].map(async (seed) => await acceptChunk(chunkOf(prng(seed, 50 * seed)), verifier)),
    );
    const pick = fc.integer({ min: 0, max: chunks.length - 1 });
    const operation = fc.record({
      name: fc.constantFrom("insert", "remove", "touch", "read", "aside", "list"),
      which: pick,
    });

    await using folder = await emptyDatastore();
    await using local = await LocalBackend.open(folder.path, { access: "read-write", clock });
    for (const make of [() => new MemoryBackend(clock), () => local]) {
      await fc.assert(
        fc.asyncProperty(fc.array(operation, { maxLength: 30 }), async (operations) => {
          const objects = make();
          const real = new BlobStore(objects, { syncLevel: "none", live: new LiveChunks() });
          for await (const entry of real.list()) await objects.removeChunkObject(entry);
          const model = new Map<Digest, Uint8Array>();
          for (const { name, which } of operations) {
            const chunk = chunks[which];
            if (!chunk) continue;
            const { digest, bytes } = chunk;
            const had = model.has(digest);
            switch (name) {
              case "insert":
                expect((await real.insert(chunk)).isDuplicate).to.equal(had);
                model.set(digest, bytes);
                break;
              case "remove":
                await real.withChunk(digest, async (inner) => {
                  const entry = { digest, name: digest, isBad: false };
                  expect(await inner.removeChunkObject(entry)).to.equal(model.delete(digest));
                });
                break;
              case "touch":
                expect(await real.touch(digest)).to.equal(had);
                break;
              case "aside":
                expect(await real.setAside(digest)).to.equal(model.delete(digest));
                break;
              case "read":
                if (had) expect(await real.readBlob(digest)).to.deep.equal(model.get(digest));
                else expect(await rejection(real.readBlob(digest))).to.be.instanceOf(ChunkError);
                break;
              case "list": {
                const found: Digest[] = [];
                for await (const entry of real.list()) if (!entry.isBad) found.push(entry.digest);
                expect(found).to.have.members([...model.keys()]);
                break;
              }
              default:
                name satisfies never;
            }
          }
        }),
        { numRuns: 40 },
      );
    }
  });
});
