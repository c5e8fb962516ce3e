import { readFile } from "node:fs/promises";
import { expect } from "chai";
import fc from "fast-check";
import { fromHex, toHex } from "../../../src/format/bytes/hex.ts";
import {
  blobKindOf,
  blobKinds,
  type DecodeBlobOptions,
  decodeBlob,
  encodeBlob,
  parseBlobHeader,
  withRecomputedCrc,
} from "../../../src/format/chunk/data-blob.ts";
import { chunkDigest } from "../../../src/format/chunk/digest.ts";
import { cryptKeyOf } from "../../../src/format/crypto/crypt-key.ts";
import { createNativeProvider } from "../../../src/format/crypto/native-provider.ts";
import { createPortableProvider } from "../../../src/format/crypto/portable-provider.ts";
import { BLOB_PLAIN_BYTES_MAX } from "../../../src/format/limits.ts";
import { thrown } from "../../support/thrown.ts";

interface BlobVector {
  readonly file: string;
  readonly input: string;
  readonly chunk_digest: string;
  readonly crc32: string;
  readonly magic_hex: string;
  readonly is_compressed: boolean;
  readonly is_encrypted: boolean;
}

const fixtures = new URL("../../../fixtures/blob/", import.meta.url);
const { blobs: vectors } = JSON.parse(await readFile(new URL("blobs.json", fixtures), "utf8")) as {
  blobs: BlobVector[];
};
const native = createNativeProvider();
const key = cryptKeyOf(
  native,
  Uint8Array.from({ length: 32 }, (_, i) => i),
);
const otherKey = cryptKeyOf(native, new Uint8Array(32));
const options: DecodeBlobOptions = { sizeMax: 1 << 24, key, what: "blob" };
const hello = new TextEncoder().encode("Hello, blob!");

describe("format/chunk/data-blob", () => {
  it("has one vector of each kind at least", () => {
    expect(vectors.length).to.equal(24);
    for (const kind of Object.values(blobKinds)) {
      expect(vectors.some((vector) => vector.magic_hex === kind.magicHex)).to.equal(true);
    }
  });

  for (const provider of [native, createPortableProvider()]) {
    for (const vector of vectors) {
      it(`decodes ${vector.file} of the reference with ${provider.name}`, async () => {
        const raw = await readFile(new URL(vector.file, fixtures));
        const input = new Uint8Array(await readFile(new URL(vector.input, fixtures)));

        const plain = decodeBlob(provider, raw, options);

        expect(toHex(plain)).to.equal(toHex(input));
        const { kind, crc32 } = parseBlobHeader(raw, "blob");
        expect(kind.magicHex).to.equal(vector.magic_hex);
        expect(kind.isCompressed).to.equal(vector.is_compressed);
        expect(kind.isEncrypted).to.equal(vector.is_encrypted);
        expect(crc32).to.equal(Number.parseInt(vector.crc32, 16));
        expect(chunkDigest(provider, plain, kind.isEncrypted ? key : undefined)).to.equal(
          vector.chunk_digest,
        );
      });
    }
  }

  it("chooses the kind that the reference chose", async () => {
    for (const vector of vectors) {
      const input = await readFile(new URL(vector.input, fixtures));
      const compress = vector.file.includes("compressed");

      const raw = encodeBlob(native, input, {
        compress,
        key: vector.is_encrypted ? key : undefined,
      });

      expect(blobKindOf(raw)?.magicHex, vector.file).to.equal(vector.magic_hex);
      expect(decodeBlob(native, raw, options)).to.deep.equal(new Uint8Array(input));
    }
  });

  it("writes the blobs of the reference byte for byte, given its nonce and its compressed bytes", async () => {
    for (const vector of vectors) {
      const raw = new Uint8Array(await readFile(new URL(vector.file, fixtures)));
      const input = await readFile(new URL(vector.input, fixtures));
      const { kind } = parseBlobHeader(raw, "blob");
      const body = raw.subarray(kind.headerBytes);
      const [iv, tag] = [raw.slice(12, 28), raw.subarray(28, 44)];
      const compressed = kind.isEncrypted
        ? native.aes256GcmDecrypt(key.encKey, iv, tag, body)
        : body;
      const provider = { ...native, randomBytes: () => iv, zstdCompress: () => compressed };

      const ours = encodeBlob(provider, input, {
        compress: vector.is_compressed,
        key: kind.isEncrypted ? key : undefined,
      });

      expect(toHex(ours), vector.file).to.equal(toHex(raw));
    }
  });

  it("derives the magic numbers from their seeds", () => {
    const seeds = {
      plain: "Proxmox Backup uncompressed blob v1.0",
      compressed: "Proxmox Backup zstd compressed blob v1.0",
      encrypted: "Proxmox Backup encrypted blob v1.0",
      "encrypted-compressed": "Proxmox Backup zstd compressed encrypted blob v1.0",
    };
    for (const [name, seed] of Object.entries(seeds)) {
      const hash = native.sha256(new TextEncoder().encode(seed));
      expect(blobKinds[name as keyof typeof seeds].magicHex).to.equal(toHex(hash.subarray(0, 8)));
    }
  });

  it("encodes the documented examples byte by byte", () => {
    const fixedIv = {
      ...native,
      randomBytes: (size: number) => Uint8Array.from({ length: size }, (_, i) => i),
    };

    expect(toHex(encodeBlob(native, hello, { compress: true }))).to.equal(
      "42ab3807be8370a16cb6e4d148656c6c6f2c20626c6f6221",
    );
    expect(toHex(encodeBlob(fixedIv, hello, { compress: false, key }))).to.equal(
      "7b6785be222d4cf0" +
        "2b89d21e" +
        "000102030405060708090a0b0c0d0e0f" +
        "13de2b68c8ff41ef8f6cdb66aab99a18" +
        "2f09cc1a56c86a4af190b908",
    );
  });

  it("decodes the documented compressed and encrypted example", () => {
    const raw = fromHex(
      "e6591bbf0bbfd80b157745a7000102030405060708090a0b0c0d0e0f" +
        "1c3170927d6d3096605dc05eb2df43274fd98f8b39ac0f289def9a6854a4bfb342",
    );

    expect(decodeBlob(native, raw, options)).to.deep.equal(new Uint8Array(64).fill(0x41));
  });

  it("gives back any plaintext, with any options and either provider", () => {
    const portable = createPortableProvider();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), fc.boolean(), fc.boolean(), (plain, c, e) => {
        const raw = encodeBlob(native, plain, { compress: c, key: e ? key : undefined });

        expect(decodeBlob(native, raw, options)).to.deep.equal(plain);
        expect(decodeBlob(portable, raw, options)).to.deep.equal(plain);
        expect(decodeBlob(native, encodeBlob(portable, plain, { compress: c }), options))
          .to.deep //
          .equal(plain);
      }),
      { numRuns: 60 },
    );
  });

  it("gives an error, never other plaintext, when any bit is flipped", () => {
    for (const compress of [false, true]) {
      for (const withKey of [key, undefined]) {
        const plain = new TextEncoder().encode("abc".repeat(20));
        const raw = encodeBlob(native, plain, { compress, key: withKey });
        for (let bit = 0; bit < raw.length * 8; bit++) {
          const damaged = raw.slice();
          damaged[bit >> 3] = damaged[bit >> 3]! ^ (1 << (bit & 7));

          const error = thrown(() => decodeBlob(native, damaged, options));

          expect(error).to.have.property("name", "FormatError");
        }
      }
    }
  });

  it("names the thing and asks for a key when there is none", () => {
    const raw = encodeBlob(native, hello, { compress: false, key });

    const error = thrown(() => decodeBlob(native, raw, { sizeMax: 100, what: "secret.conf.blob" }));

    expect(error).to.have.property("code", "FORMAT_KEY_REQUIRED");
    expect((error as Error).message).to.include("secret.conf.blob");
  });

  it("rejects another key", () => {
    const raw = encodeBlob(native, hello, { compress: false, key });

    const error = thrown(() => decodeBlob(native, raw, { ...options, key: otherKey }));

    expect(error).to.have.property("code", "FORMAT_NOT_AUTHENTIC");
  });

  it("bounds the plaintext of every kind", () => {
    const plain = new Uint8Array(1000);
    for (const compress of [false, true]) {
      for (const withKey of [key, undefined]) {
        const raw = encodeBlob(native, plain, { compress, key: withKey });

        expect(decodeBlob(native, raw, { ...options, sizeMax: 1000 })).to.deep.equal(plain);
        const error = thrown(() => decodeBlob(native, raw, { ...options, sizeMax: 999 }));
        expect(error).to.have.property("code", "FORMAT_OUT_OF_RANGE");
      }
    }
  });

  it("rejects what is shorter than its header, and unknown magic numbers", () => {
    const long = encodeBlob(native, hello, { compress: false, key });
    const codeOf = (raw: Uint8Array) =>
      (thrown(() => parseBlobHeader(raw, "blob")) as { code: string }).code;

    expect(codeOf(new Uint8Array(0))).to.equal("FORMAT_TRUNCATED");
    expect(codeOf(long.subarray(0, 11))).to.equal("FORMAT_TRUNCATED");
    expect(codeOf(long.subarray(0, 43))).to.equal("FORMAT_TRUNCATED");
    expect(codeOf(new Uint8Array(12))).to.equal("FORMAT_BAD_MAGIC");
  });

  it("checks the checksum, and recomputes it for servers", () => {
    const right = encodeBlob(native, hello, { compress: false });
    const zero = right.slice();
    zero.fill(0, 8, 12);

    expect(thrown(() => decodeBlob(native, zero, options))).to.have.property(
      "code",
      "FORMAT_BAD_CHECKSUM",
    );
    expect(withRecomputedCrc(native, zero, "blob")).to.deep.equal(right);
    expect(withRecomputedCrc(native, right, "blob")).to.equal(right);
    expect(toHex(zero.subarray(8, 12))).to.equal("00000000");
  });

  it("refuses to encode more than a blob may hold", () => {
    const plain = new Uint8Array(BLOB_PLAIN_BYTES_MAX + 1);

    expect(() => encodeBlob(native, plain, { compress: false })).to.throw(RangeError);
  });
});
