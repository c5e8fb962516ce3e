import { readFile } from "node:fs/promises";
import { expect } from "chai";
import fc from "fast-check";
import { fromHex, toHex } from "../../../src/format/bytes/hex.ts";
import { chunkDigest } from "../../../src/format/chunk/digest.ts";
import { createNativeProvider } from "../../../src/format/crypto/native-provider.ts";
import { indexCsum } from "../../../src/format/index/chunk-index.ts";
import { DynamicIndexBuilder, parseDynamicIndex } from "../../../src/format/index/dynamic-index.ts";
import { INDEX_HEADER_BYTES, parseIndexHeader } from "../../../src/format/index/index-header.ts";
import { itIndexesLikeALinearSearch } from "../../support/index-property.ts";
import { miniSnapshots } from "../../support/mini-snapshots.ts";
import { thrown } from "../../support/thrown.ts";

const provider = createNativeProvider();
const snapshots = await miniSnapshots();
const stamp = { uuid: fromHex("00112233445546778899aabbccddeeff"), createdAtSec: 1700000000n };
const digestOf = (text: string) => chunkDigest(provider, new TextEncoder().encode(text));

function documented(): Uint8Array {
  const builder = new DynamicIndexBuilder(provider);
  builder.append(3, digestOf("abc"));
  builder.append(5, digestOf("defgh"));
  return builder.build(stamp);
}

describe("format/index/dynamic-index", () => {
  for (const { dir, dynamic } of snapshots) {
    it(`reads and rewrites the index of the reference in ${dir}`, async () => {
      const file = new Uint8Array(await readFile(dynamic.url));

      const index = parseDynamicIndex(file);

      expect(index.count).to.equal(dynamic.chunks.length);
      expect(index.size).to.equal(dynamic.size);
      expect(index.createdAtSec).to.equal(BigInt(dynamic.ctime));
      expect(toHex(index.uuid)).to.equal(dynamic.uuid);
      expect(indexCsum(provider, index)).to.equal(dynamic.csum);
      expect(parseIndexHeader(file, "dynamic").csum).to.equal(dynamic.csum);
      const builder = new DynamicIndexBuilder(provider);
      for (const [i, chunk] of dynamic.chunks.entries()) {
        expect(index.digestAt(i)).to.equal(chunk.digest);
        expect(toHex(index.digestBytesAt(i))).to.equal(chunk.digest);
        expect(index.endOf(i)).to.equal(chunk.end);
        builder.append(index.endOf(i) - index.startOf(i), index.digestAt(i));
      }
      expect(builder.csum()).to.equal(dynamic.csum);
      expect([builder.count, builder.size]).to.deep.equal([index.count, index.size]);
      expect(toHex(builder.build(index))).to.equal(toHex(file));
    });
  }

  it("builds the documented example byte by byte", () => {
    const file = documented();

    expect(file.length).to.equal(4176);
    expect(toHex(provider.sha256(file))).to.equal(
      "50df6a756b4690565f53b936207671dafabf3557ed1f816519ef74036efd6214",
    );
    expect(indexCsum(provider, parseDynamicIndex(file))).to.equal(
      "49ac1be65d03d92affec8061fcbdf4195c8378aa8efb2d5f651a515f9efd4b4b",
    );
  });

  it("finds chunks by offset as a linear search does", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 50 }),
        (sizes) => {
          const builder = new DynamicIndexBuilder(provider);
          for (const size of sizes) builder.append(size, digestOf(String(size)));

          itIndexesLikeALinearSearch(parseDynamicIndex(builder.build(stamp)), sizes);
        },
      ),
    );
  });

  it("ignores reserved bytes and the checksum of the header", () => {
    const file = documented();
    file.fill(0xff, 32, INDEX_HEADER_BYTES);

    expect(parseDynamicIndex(file).size).to.equal(8);
  });

  it("rejects each kind of damage with its own code", () => {
    const codeOf = (change: (file: Uint8Array) => Uint8Array) =>
      (thrown(() => parseDynamicIndex(change(documented()))) as { code: string }).code;

    expect(codeOf((file) => file.subarray(0, 4095))).to.equal("FORMAT_TRUNCATED");
    expect(codeOf((file) => file.subarray(0, 4175))).to.equal("FORMAT_TRUNCATED");
    expect(codeOf((file) => file.subarray(0, 4096))).to.equal("FORMAT_INVALID");
    expect(codeOf((file) => file.fill(0, 0, 1))).to.equal("FORMAT_BAD_MAGIC");
    expect(codeOf((file) => file.fill(0, 4096, 4097))).to.equal("FORMAT_OUT_OF_RANGE"); // end 0
    expect(codeOf((file) => file.fill(8, 4096, 4097))).to.equal("FORMAT_OUT_OF_RANGE"); // end twice
    expect(codeOf((file) => file.fill(2, 4136, 4137))).to.equal("FORMAT_OUT_OF_RANGE"); // shrinks
    expect(codeOf((file) => file.fill(2, 4139, 4140))).to.equal("FORMAT_OUT_OF_RANGE"); // 32 MiB
    expect(codeOf((file) => file.fill(0xff, 4136, 4144))).to.equal("FORMAT_OUT_OF_RANGE");
  });

  it("refuses empty chunks, and appending after the checksum was taken", () => {
    const builder = new DynamicIndexBuilder(provider);

    expect(() => {
      builder.append(0, digestOf(""));
    }).to.throw(RangeError);
    builder.csum();
    expect(() => {
      builder.append(1, digestOf("a"));
    }).to.throw(TypeError);
  });
});
