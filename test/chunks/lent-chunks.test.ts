import { expect } from "chai";

import { type BlobSource } from "../../src/chunks/blob-source.ts";
import { type ChunkSource } from "../../src/chunks/chunk-source.ts";
import { CodecPool } from "../../src/chunks/codec-pool.ts";
import { lentChunks } from "../../src/chunks/lent-chunks.ts";
import { RegionPool } from "../../src/chunks/region-pool.ts";
import { encodeBlob } from "../../src/format/chunk/data-blob.ts";
import { chunkDigest, type Digest } from "../../src/format/chunk/digest.ts";
import { cryptKeyOf } from "../../src/format/crypto/crypt-key.ts";
import { createNativeProvider } from "../../src/format/crypto/native-provider.ts";
import { foxBytes, prngBytes } from "../support/golden-streams.ts";
import { rejection } from "../support/rejection.ts";

const provider = createNativeProvider();
const key = cryptKeyOf(
  provider,
  Uint8Array.from({ length: 32 }, (_, i) => i),
);
const POOL_BYTES = 1024 * 1024;

/** Hands out blobs in the memory that is offered. */
function receiving(...blobs: Uint8Array[]): BlobSource {
  return {
    readBlob: async (_digest, options) => {
      const blob = blobs.shift() ?? new Uint8Array(0);
      const memory = options?.allocate?.(blob.length);
      await Promise.resolve();
      if (!memory || memory.length < blob.length) return blob.slice();
      memory.set(blob);
      return memory.subarray(0, blob.length);
    },
  };
}

describe("chunks/lent-chunks", () => {
  let codec: CodecPool;
  let regions: RegionPool;
  before(() => {
    codec = CodecPool.create({ workerCount: 1 });
  });
  after(async () => {
    await codec[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    regions = new RegionPool({ bytes: POOL_BYTES });
  });

  function chunksOf(...blobs: Uint8Array[]): ChunkSource {
    const ownership = "given";
    return lentChunks({
      blobs: receiving(...blobs),
      codec,
      regions,
      expected: "either",
      key,
      ownership,
    });
  }

  async function readLent(
    plain: Uint8Array,
    blob: Uint8Array,
    digest: Digest = chunkDigest(provider, plain),
  ): Promise<Uint8Array> {
    return await chunksOf(blob).readChunk(digest, { loanBytes: plain.length });
  }

  for (const [name, plain, options] of [
    ["compressed", foxBytes(300_000), { compress: true }],
    ["plain", prngBytes(1, 300_000), { compress: false }],
    ["compressed and encrypted", foxBytes(300_000), { compress: true, key }],
    ["encrypted", prngBytes(1, 300_000), { compress: false, key }],
  ] as const) {
    it(`lends the content of a ${name} blob, and holds nothing but that`, async () => {
      const blob = encodeBlob(provider, plain, options);
      const digest = chunkDigest(provider, plain, "key" in options ? key : undefined);

      const chunk = await readLent(plain, blob, digest);

      const loan = regions.loanOf(chunk);
      expect(Buffer.from(chunk).equals(plain)).to.equal(true);
      expect(POOL_BYTES - regions.freeBytes).to.be.within(300_000, 310_000);
      if (loan !== undefined) regions.giveBack(loan);
      expect(regions.freeBytes).to.equal(POOL_BYTES);
    });
  }

  it("gives everything back when the content is another than was asked for", async () => {
    const plain = prngBytes(1, 100_000);
    const wrong = encodeBlob(provider, prngBytes(2, 100_000), { compress: false });
    const long = encodeBlob(provider, foxBytes(200_000), { compress: true });

    const failures = [
      await rejection(readLent(plain, wrong)),
      await rejection(readLent(plain, long)),
      await rejection(readLent(plain, Uint8Array.of(1, 2, 3))),
    ];

    for (const failure of failures) expect(failure).to.have.property("code", "CHUNK_CORRUPT");
    expect(regions.freeBytes).to.equal(POOL_BYTES);
  });

  it("reads into memory of its own when the pool is full, and for who does not give back", async () => {
    const plain = foxBytes(100_000);
    const blob = encodeBlob(provider, plain, { compress: true });
    const digest = chunkDigest(provider, plain);
    const chunks = chunksOf(blob, blob);

    const kept = await chunks.readChunk(digest);
    regions.tryTake(POOL_BYTES);
    const late = await chunks.readChunk(digest, { loanBytes: plain.length });

    for (const chunk of [kept, late]) {
      expect(Buffer.from(chunk).equals(plain)).to.equal(true);
      expect(regions.loanOf(chunk)).to.equal(undefined);
    }
  });

  it("lets two threads decode what is read alone, and one each of several", async () => {
    await using pool = CodecPool.create({ workerCount: 1 });
    const asked: unknown[] = [];
    const decode = pool.decode.bind(pool);
    pool.decode = async (blob, options) => {
      asked.push(options.threads);
      return await decode(blob, options);
    };
    const plain = foxBytes(100_000);
    const blob = encodeBlob(provider, plain, { compress: true });
    const digest = chunkDigest(provider, plain);
    const chunks = lentChunks({
      blobs: receiving(blob, blob, blob),
      codec: pool,
      regions,
      expected: "either",
      ownership: "given",
    });
    const read = async (): Promise<Uint8Array> =>
      await chunks.readChunk(digest, { loanBytes: plain.length });

    await read();
    await Promise.all([read(), read()]);

    expect(asked).to.deep.equal(["two", "one", "one"]);
  });
});
