import { readFile } from "node:fs/promises";
import { expect } from "chai";
import fc from "fast-check";
import { fromHex, toHex } from "../../../src/format/bytes/hex.ts";
import { chunkDigest, parseDigest } from "../../../src/format/chunk/digest.ts";
import { createNativeProvider } from "../../../src/format/crypto/native-provider.ts";
import { indexCsum } from "../../../src/format/index/chunk-index.ts";
import { FixedIndexBuilder, parseFixedIndex } from "../../../src/format/index/fixed-index.ts";
import { FIXED_CHUNK_BYTES } from "../../../src/format/limits.ts";
import { itIndexesLikeALinearSearch } from "../../support/index-property.ts";
import { miniSnapshots } from "../../support/mini-snapshots.ts";
import { thrown } from "../../support/thrown.ts";

const provider = createNativeProvider();
const snapshots = await miniSnapshots();
const stamp = { uuid: fromHex("00112233445546778899aabbccddeeff"), createdAtSec: 1700000000n };
const MiB = 1024 * 1024;

/** The 10 MiB image of spec index.md §7, its chunks set out of order. */
function documented(): Uint8Array {
  const builder = new FixedIndexBuilder(FIXED_CHUNK_BYTES);
  builder.set(2, chunkDigest(provider, new Uint8Array(2 * MiB).fill(2)));
  builder.set(0, chunkDigest(provider, new Uint8Array(4 * MiB)));
  builder.set(1, chunkDigest(provider, new Uint8Array(4 * MiB).fill(1)));
  return builder.build(provider, 10 * MiB, stamp);
}

describe("format/index/fixed-index", () => {
  for (const { dir, fixed } of snapshots) {
    it(`reads and rewrites the index of the reference in ${dir}`, async () => {
      const file = new Uint8Array(await readFile(fixed.url));

      const index = parseFixedIndex(file);

      expect(index.count).to.equal(fixed.chunks.length);
      expect(index.size).to.equal(fixed.size);
      expect(index.createdAtSec).to.equal(BigInt(fixed.ctime));
      expect(indexCsum(provider, index)).to.equal(fixed.csum);
      const builder = new FixedIndexBuilder(index.chunkBytes);
      for (const [i, chunk] of fixed.chunks.entries()) {
        expect(index.digestAt(i)).to.equal(chunk.digest);
        expect(index.endOf(i)).to.equal(chunk.end);
        builder.set(i, index.digestAt(i));
      }
      expect(builder.csum(provider)).to.equal(fixed.csum);
      expect(toHex(builder.build(provider, index.size, index))).to.equal(toHex(file));
    });
  }

  it("builds the documented example byte by byte, in any order", () => {
    const file = documented();

    expect(file.length).to.equal(4192);
    expect(toHex(provider.sha256(file))).to.equal(
      "f9ffe727cc4e7223a486bdae8606bcc272a0030569f55c3a0ef19d4b22a97aa6",
    );
    expect(indexCsum(provider, parseFixedIndex(file))).to.equal(
      "14d3386fe6e8962878a299aa956d39f717a26f0ab0d0006b1b1ae99d89691cbc",
    );
  });

  it("finds chunks by offset as a linear search does", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20000 }),
        fc.integer({ min: 6, max: 14 }),
        (size, log) => {
          const chunkBytes = 2 ** log;
          const sizes = Array.from({ length: Math.ceil(size / chunkBytes) }, (_, i) =>
            Math.min(chunkBytes, size - i * chunkBytes),
          );
          const builder = new FixedIndexBuilder(chunkBytes);
          for (const i of sizes.keys()) builder.set(i, parseDigest("ab".repeat(32)));

          itIndexesLikeALinearSearch(parseFixedIndex(builder.build(provider, size, stamp)), sizes);
        },
      ),
    );
  });

  it("rejects each kind of damage with its own code", () => {
    const codeOf = (change: (file: Uint8Array) => Uint8Array) =>
      (thrown(() => parseFixedIndex(change(documented()))) as { code: string }).code;

    expect(codeOf((file) => file.subarray(0, 70))).to.equal("FORMAT_TRUNCATED");
    expect(codeOf((file) => file.subarray(0, 4191))).to.equal("FORMAT_TRUNCATED");
    expect(codeOf((file) => Uint8Array.from([...file, 0]))).to.equal("FORMAT_INVALID");
    expect(codeOf((file) => file.fill(0, 0, 1))).to.equal("FORMAT_BAD_MAGIC");
    expect(codeOf((file) => file.fill(0, 72, 80))).to.equal("FORMAT_OUT_OF_RANGE"); // chunk size 0
    expect(codeOf((file) => file.fill(1, 72, 73))).to.equal("FORMAT_OUT_OF_RANGE"); // not 2^n
    expect(codeOf((file) => file.fill(0xff, 72, 80))).to.equal("FORMAT_OUT_OF_RANGE");
    expect(codeOf((file) => file.fill(2, 75, 76))).to.equal("FORMAT_OUT_OF_RANGE"); // 32 MiB
    expect(codeOf((file) => file.fill(0xff, 64, 70))).to.equal("FORMAT_TRUNCATED"); // huge image
    expect(codeOf((file) => file.fill(0, 64, 72).subarray(0, 4096))).to.equal("FORMAT_INVALID");
  });

  it("refuses an image size that needs another number of chunks", () => {
    const builder = new FixedIndexBuilder(FIXED_CHUNK_BYTES);
    builder.set(0, parseDigest("ab".repeat(32)));

    expect(() => builder.build(provider, FIXED_CHUNK_BYTES + 1, stamp)).to.throw(RangeError);
  });
});
