import { readFileSync } from "node:fs";
import { expect } from "chai";
import { CodecTaskRunner } from "../../src/chunks/codec-task.ts";
import { toHex } from "../../src/format/bytes/hex.ts";
import { encodeBlob } from "../../src/format/chunk/data-blob.ts";
import { parseDigest } from "../../src/format/chunk/digest.ts";
import { type CodecProvider } from "../../src/format/crypto/codec-provider.ts";
import { cryptKeyOf } from "../../src/format/crypto/crypt-key.ts";
import { createNativeProvider } from "../../src/format/crypto/native-provider.ts";
import { FormatError } from "../../src/format/format-error.ts";
import { thrown } from "../support/thrown.ts";

/** A native provider that counts hashed messages. */
function counting(): { provider: CodecProvider; hashed: () => number } {
  const native = createNativeProvider();
  let count = 0;
  return {
    provider: {
      ...native,
      sha256: (...parts) => {
        count++;
        return native.sha256(...parts);
      },
    },
    hashed: () => count,
  };
}

describe("chunks/codec-task", () => {
  // Spec blob.md §8.6.
  const zeros = new Uint8Array(4 * 1024 * 1024);
  const zeroDigest = "bb9f8df61474d25e71fa00722318cd387396ca1736605e1248821cc0de3d3af8";
  const zeroDigestKeyed = "348571e12bbbedb529def1f1394316e338a01945d871df9ef792617ceb13d636";
  const encKey = Uint8Array.from({ length: 32 }, (_, i) => i);

  it("hashes zeros of one length once, for each key", () => {
    const { provider, hashed } = counting();
    const runner = new CodecTaskRunner(provider);
    runner.addKey(1, cryptKeyOf(provider, encKey));
    const digests = [undefined, 1, undefined, 1].map(
      (keyId) => runner.run({ op: "digest", plain: zeros, keyId }).digest,
    );

    expect(digests).to.deep.equal([zeroDigest, zeroDigestKeyed, zeroDigest, zeroDigestKeyed]);
    expect(hashed()).to.equal(2);
  });

  it("does not take bytes for zeros that differ only at the end, or only in the first page", () => {
    const { provider, hashed } = counting();
    const runner = new CodecTaskRunner(provider);
    for (const position of [0, 4095, 4096, 9998, 9999]) {
      const plain = new Uint8Array(10_000);
      plain[position] = 1;

      const { digest } = runner.run({ op: "digest", plain, keyId: undefined });

      expect(digest).to.equal(toHex(provider.sha256(plain)));
    }
    expect(hashed()).to.equal(10);
  });

  it("makes a new blob each time, encrypted ones with a new initialisation vector", () => {
    const { provider } = counting();
    const runner = new CodecTaskRunner(provider);
    runner.addKey(1, cryptKeyOf(provider, encKey));
    const encode = (keyId: number | undefined): Uint8Array | undefined =>
      runner.run({ op: "encode", plain: zeros, compress: true, keyId }).blob;

    const [first, second] = [encode(undefined), encode(undefined)];

    expect(first).to.deep.equal(second);
    expect(first?.buffer).to.not.equal(second?.buffer);
    expect(encode(1)).to.not.deep.equal(encode(1));
  });

  it("keeps compressed and uncompressed blobs of zeros apart", () => {
    const runner = new CodecTaskRunner(createNativeProvider());
    const sizes = [true, false, true, false].map(
      (compress) =>
        runner.run({ op: "encode", plain: zeros.subarray(0, 100_000), compress, keyId: undefined })
          .blob?.length ?? 0,
    );

    expect(sizes.map((size) => size > 100_000)).to.deep.equal([false, true, false, true]);
  });

  it("opens the reference's blobs of all kinds, and proves them to be what was asked for", () => {
    const folder = new URL("../../fixtures/blob/", import.meta.url);
    const { blobs } = JSON.parse(readFileSync(new URL("blobs.json", folder), "utf8")) as {
      readonly blobs: readonly { file: string; input: string; chunk_digest: string }[];
    };
    const provider = createNativeProvider();
    const runner = new CodecTaskRunner(provider);
    runner.addKey(1, cryptKeyOf(provider, encKey));
    for (const { file, input, chunk_digest: digest } of blobs) {
      const { plain, size } = runner.run({
        op: "decode",
        blob: new Uint8Array(readFileSync(new URL(file, folder))),
        digest: parseDigest(digest),
        sizeMax: 100_000,
        wanted: "plain",
        checksum: "checked",
        keyId: 1,
      });
      const expected = readFileSync(new URL(input, folder));

      expect(Buffer.from(plain ?? []).equals(expected), file).to.equal(true);
      expect(size).to.equal(expected.length);
    }
    expect(blobs).to.have.lengthOf(24);
  });

  it("refuses a blob that decodes well but is another chunk", () => {
    const provider = createNativeProvider();
    const task = {
      op: "decode",
      blob: encodeBlob(provider, Uint8Array.of(1), { compress: false }),
      digest: parseDigest("00".repeat(32)),
      sizeMax: 10,
      wanted: "verify",
      checksum: "checked",
      keyId: undefined,
    } as const;

    const error = thrown(() => new CodecTaskRunner(provider).run(task));

    expect(error).to.be.instanceOf(FormatError).with.property("code", "FORMAT_OTHER_CHUNK");
  });

  it("refuses a key that was not announced", () => {
    const runner = new CodecTaskRunner(createNativeProvider());

    expect(() => runner.run({ op: "digest", plain: zeros, keyId: 7 })).to.throw(TypeError);
  });
});
