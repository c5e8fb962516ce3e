import { readFile } from "node:fs/promises";
import { expect } from "chai";
import fc from "fast-check";
import { decodeChunkWith, decoded } from "../../src/chunks/decoded.ts";
import { indexedByteSource } from "../../src/chunks/indexed-byte-source.ts";
import { toHex } from "../../src/format/bytes/hex.ts";
import { type Digest } from "../../src/format/chunk/digest.ts";
import { cryptKeyOf } from "../../src/format/crypto/crypt-key.ts";
import { createNativeProvider } from "../../src/format/crypto/native-provider.ts";
import { parseDynamicIndex } from "../../src/format/index/dynamic-index.ts";
import { parseFixedIndex } from "../../src/format/index/fixed-index.ts";
import { CHUNK_BYTES_MAX } from "../../src/format/limits.ts";
import { indexedSample } from "../support/indexed-sample.ts";
import { miniSnapshots, miniStore } from "../support/mini-snapshots.ts";
import { rejection } from "../support/rejection.ts";

const provider = createNativeProvider();
const mini = await miniSnapshots();

describe("chunks/indexed-byte-source", () => {
  it("reads any range as a slice of the whole", async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(sizes, fc.nat(4000), fc.nat(4000), async (cuts, offset, size) => {
        const { whole, index, chunks } = indexedSample(cuts);
        const source = indexedByteSource(index, chunks, { inFlightMax: 3 });

        const bytes = await source.readAt(offset, size);

        expect(source.size).to.equal(whole.length);
        expect(bytes).to.deep.equal(whole.slice(offset, offset + size));
        expect(chunks.runningMax).to.be.at.most(3);
      }),
      { numRuns: 50 },
    );
  });

  it("reads only the chunks that a range touches", async () => {
    const { index, chunks } = indexedSample([100, 100, 100, 100]);
    const source = indexedByteSource(index, chunks, { inFlightMax: 8 });

    await source.readAt(100, 200);

    expect(chunks.reads).to.deep.equal([index.digestAt(1), index.digestAt(2)]);
  });

  it("gives nothing at and behind the end", async () => {
    const { index, chunks } = indexedSample([10]);
    const source = indexedByteSource(index, chunks, { inFlightMax: 1 });

    expect(await source.readAt(10, 5)).to.have.length(0);
    expect(await source.readAt(1000, 5)).to.have.length(0);
    expect(await source.readAt(3, 0)).to.have.length(0);
    expect(chunks.reads).to.have.length(0);
  });

  it("gives owned bytes", async () => {
    const { whole, index, chunks } = indexedSample([10]);
    const source = indexedByteSource(index, chunks, { inFlightMax: 1 });

    (await source.readAt(0, 10)).fill(0);

    expect(await source.readAt(0, 10)).to.deep.equal(whole);
  });

  it("rejects with CHUNK_CORRUPT when a chunk is not as long as the index says", async () => {
    const { index, chunks } = indexedSample([10, 20]);
    chunks.add(new Uint8Array(19), index.digestAt(1));
    const source = indexedByteSource(index, chunks, { inFlightMax: 2 });

    const error = await rejection(source.readAt(0, 30));

    expect(error).to.deep.include({ code: "CHUNK_CORRUPT", digest: index.digestAt(1) });
  });

  it("ends with the signal's reason, before and during a read", async () => {
    const { index, chunks } = indexedSample([10, 20, 30]);
    const source = indexedByteSource(index, chunks, { inFlightMax: 1 });
    const reason = new Error("stop");
    const stop = new AbortController();

    const early = source.readAt(0, 60, { signal: AbortSignal.abort(reason) });
    expect(await rejection(early)).to.equal(reason);
    const late = source.readAt(0, 60, { signal: stop.signal });
    stop.abort(reason);

    expect(await rejection(late)).to.equal(reason);
    expect(chunks.reads).to.have.length(1);
  });

  for (const { dir, isEncrypted, dynamic, fixed } of mini) {
    it(`reads the archives of the reference in ${dir}`, async () => {
      const blobs = {
        readBlob: async (digest: Digest) =>
          await readFile(new URL(`.chunks/${digest.slice(0, 4)}/${digest}`, miniStore)),
      };
      const key = cryptKeyOf(
        provider,
        Uint8Array.from({ length: 32 }, (_, i) => i),
      );
      const chunks = decoded(blobs, decodeChunkWith(provider, { sizeMax: CHUNK_BYTES_MAX, key }), {
        expected: isEncrypted ? "encrypted" : "unencrypted",
      });
      for (const [archive, parse] of [
        [dynamic, parseDynamicIndex],
        [fixed, parseFixedIndex],
      ] as const) {
        const index = parse(await readFile(archive.url));
        const source = indexedByteSource(index, chunks, { inFlightMax: 4 });

        const bytes = await source.readAt(0, source.size);

        expect(bytes.length).to.equal(archive.size);
        expect(toHex(provider.sha256(bytes))).to.equal(archive.sha256);
      }
    });
  }
});
