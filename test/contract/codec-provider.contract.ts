import { expect } from "chai";
import { fromHex, toHex } from "../../src/format/bytes/hex.ts";
import { type CodecProvider } from "../../src/format/crypto/codec-provider.ts";
import { FormatError } from "../../src/format/format-error.ts";
import { prng } from "../support/prng.ts";

const utf8 = new TextEncoder();
const key = Uint8Array.from({ length: 32 }, (_, i) => i);
const iv = Uint8Array.from({ length: 16 }, (_, i) => i);

// 64 × "A" as a streaming encoder (no content size) and a one-shot encoder write it: spec blob.md §8.3.
const streamFrame = fromHex("28b52ffd0048450000104141010093" + "0016");
const sizedFrame = fromHex("28b52ffd20404500001041410100930016");
const MIB = 1024 * 1024;
const letters = new Uint8Array(64).fill(0x41);

/** 4 MiB of zeros as 32 run-length blocks: spec blob.md §2. */
function zeroFrame(): Uint8Array {
  return fromHex("28b52ffda000004000" + "02001000".repeat(31) + "03001000");
}

/** Declares what every {@link CodecProvider} must do. */
export function itIsACodecProvider(make: () => CodecProvider): void {
  let provider: CodecProvider;

  before(() => {
    provider = make();
  });

  function failure(action: () => unknown): FormatError {
    try {
      action();
    } catch (error) {
      expect(error).to.be.instanceOf(FormatError);
      return error as FormatError;
    }
    throw new Error("nothing was thrown");
  }

  /** What it decompresses to in one go; proves that it is the same, or fails alike, in steps, if the provider can do that. */
  function decompress(compressed: Uint8Array, sizeMax: number): Uint8Array {
    let whole: Uint8Array | undefined;
    let error: unknown;
    try {
      whole = provider.zstdDecompress(compressed, sizeMax);
    } catch (thrown) {
      error = thrown;
    }
    if (provider.zstdDecompressInSteps && sizeMax <= 16 * MIB) {
      const into = new Uint8Array(new SharedArrayBuffer(sizeMax));
      const inSteps = (): Uint8Array | undefined =>
        provider.zstdDecompressInSteps?.(compressed, into, () => undefined);
      if (whole) expect(Buffer.compare(inSteps() ?? letters, whole)).to.equal(0);
      else expect(failure(inSteps)).to.have.property("code", (error as FormatError).code);
    }
    if (!whole) throw error;
    return whole;
  }

  it("hashes the concatenation of its parts", () => {
    const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    expect(toHex(provider.sha256(utf8.encode("abc")))).to.equal(abc);
    expect(toHex(provider.sha256(utf8.encode("a"), utf8.encode("bc")))).to.equal(abc);
    expect(toHex(provider.sha256())).to.match(/^e3b0c44298fc1c14/);
  });

  it("hashes a stream like the whole", () => {
    const bytes = prng(1, 1000);
    const stream = provider.sha256Stream();

    for (let i = 0; i < bytes.length; i += 7) stream.update(bytes.subarray(i, i + 7));

    expect(toHex(stream.digest())).to.equal(toHex(provider.sha256(bytes)));
  });

  it("computes HMAC-SHA-256 as in RFC 4231, test case 2", () => {
    const mac = provider.hmacSha256(
      utf8.encode("Jefe"),
      utf8.encode("what do ya want for nothing?"),
    );

    expect(toHex(mac)).to.equal("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  });

  it("derives the id key of the documented key", () => {
    const idKey = provider.pbkdf2Sha256(key, utf8.encode("_id_key"), 10, 32);

    expect(toHex(idKey)).to.equal(
      "7c2c013efd07f3b25717a485263343cd4d292a4b65c200bb3b18ea227abe225c",
    );
  });

  it("derives with scrypt as in RFC 7914 §12, and the documented key of a key file", () => {
    const rfc = provider.scrypt(
      utf8.encode("password"),
      utf8.encode("NaCl"),
      { n: 1024, r: 8, p: 16 },
      64,
    );
    const salt = Uint8Array.from({ length: 32 }, (_, i) => 0xa0 + i);
    const keyFile = provider.scrypt(utf8.encode("swordfish"), salt, { n: 65536, r: 8, p: 1 }, 32);

    expect(toHex(rfc)).to.equal(
      "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162" +
        "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640",
    );
    expect(toHex(keyFile)).to.equal(
      "0658d56892b4d49023f876cc65de94c9cf53073acc823c0e4d1dbc60ed01e325",
    );
  });

  it("computes CRC-32 as zlib does, at every length and alignment", () => {
    expect(provider.crc32(new Uint8Array(0))).to.equal(0);
    expect(provider.crc32(utf8.encode("123456789"))).to.equal(0xcbf43926);
    const bytes = prng(2, 100);
    for (let start = 0; start < 9; start++) {
      for (let end = start; end < 60; end++) {
        const piece = bytes.subarray(start, end);
        expect(provider.crc32(piece)).to.equal(crcBitByBit(piece));
      }
    }
  });

  it("encrypts with a nonce of 16 bytes as documented", () => {
    const { ciphertext, tag } = provider.aes256GcmEncrypt(key, iv, utf8.encode("Hello, blob!"));

    expect(toHex(ciphertext)).to.equal("2f09cc1a56c86a4af190b908");
    expect(toHex(tag)).to.equal("13de2b68c8ff41ef8f6cdb66aab99a18");
  });

  it("decrypts what it encrypted, of any size", () => {
    for (const size of [0, 1, 15, 16, 17, 131071, 131072, 131073, 300000]) {
      const plain = prng(3, size);

      const { ciphertext, tag } = provider.aes256GcmEncrypt(key, iv, plain);

      expect(ciphertext.length).to.equal(size);
      expect(provider.aes256GcmDecrypt(key, iv, tag, ciphertext)).to.deep.equal(plain);
    }
  });

  it("decrypts into memory that it is given, also onto the ciphertext itself, or leaves that alone", () => {
    const plain = prng(5, 300_000);
    const { ciphertext, tag } = provider.aes256GcmEncrypt(key, iv, plain);
    const room = new Uint8Array(300_007);

    expect(provider.aes256GcmDecrypt(key, iv, tag, ciphertext, room)).to.deep.equal(plain);
    expect(provider.aes256GcmDecrypt(key, iv, tag, ciphertext, ciphertext)).to.deep.equal(plain);
    expect(room.subarray(300_000)).to.deep.equal(new Uint8Array(7));
  });

  it("decrypts nothing when a bit of tag, nonce or ciphertext differs", () => {
    const { ciphertext, tag } = provider.aes256GcmEncrypt(key, iv, prng(4, 40));

    expect(provider.aes256GcmDecrypt(key, iv, flipped(tag), ciphertext)).to.equal(undefined);
    expect(provider.aes256GcmDecrypt(key, flipped(iv), tag, ciphertext)).to.equal(undefined);
    expect(provider.aes256GcmDecrypt(key, iv, tag, flipped(ciphertext))).to.equal(undefined);
  });

  it("compresses to one frame that it can decompress, if it can compress", () => {
    for (const plain of [new Uint8Array(0), letters, prng(5, 5000), new Uint8Array(1_000_000)]) {
      const frame = provider.zstdCompress(plain);

      if (frame) expect(decompress(frame, plain.length)).to.deep.equal(plain);
    }
  });

  it("gives owned results that later calls do not change", () => {
    const first = provider.zstdCompress(letters);
    const copy = first?.slice();

    provider.zstdCompress(prng(6, 64));

    expect(first).to.deep.equal(copy);
  });

  it("lends the same frame that it would give", () => {
    const owned = provider.zstdCompress(letters);

    const lent = provider.zstdCompress(letters, "borrowed");

    expect(lent).to.deep.equal(owned);
  });

  it("decompresses frames with and without content size", () => {
    expect(decompress(streamFrame, 64)).to.deep.equal(letters);
    expect(decompress(sizedFrame, 64)).to.deep.equal(letters);
    expect(decompress(zeroFrame(), 4194304)).to.deep.equal(new Uint8Array(4194304));
  });

  it("decompresses concatenated frames and skips skippable ones", () => {
    const skippable = fromHex("502a4d1803000000aabbcc");
    const frames = joined(streamFrame, skippable, sizedFrame, streamFrame);

    expect(decompress(frames, 1000)).to.deep.equal(new Uint8Array(192).fill(0x41));
  });

  it("tells, if it can decompress in steps, how much will not change any more", () => {
    const plain = prng(7, 1_000_000);
    plain.set(prng(7, 400_000), 500_000);
    const frame = provider.zstdCompress(plain);
    if (!frame || !provider.zstdDecompressInSteps) return;
    const into = new Uint8Array(plain.length);
    const sizes: number[] = [];

    const result = provider.zstdDecompressInSteps(frame, into, (size) => {
      expect(Buffer.compare(into.subarray(0, size), plain.subarray(0, size))).to.equal(0);
      sizes.push(size);
    });

    expect(sizes).to.deep.equal(sizes.toSorted((a, b) => a - b));
    expect(sizes.length).to.be.greaterThan(2);
    expect(result).to.deep.equal(plain);
    expect(result.buffer).to.equal(into.buffer);
  });

  it("reads from and writes beside shared memory", () => {
    const shared = new Uint8Array(new SharedArrayBuffer(64));
    shared.set(letters);
    const sharedFrame = new Uint8Array(new SharedArrayBuffer(sizedFrame.length));
    sharedFrame.set(sizedFrame);

    expect(provider.sha256(shared)).to.deep.equal(provider.sha256(letters));
    expect(provider.crc32(shared)).to.equal(provider.crc32(letters));
    expect(provider.zstdCompress(shared)).to.deep.equal(provider.zstdCompress(letters));
    expect(decompress(sharedFrame, 64)).to.deep.equal(letters);
    expect(provider.aes256GcmEncrypt(key, iv, shared)).to.deep.equal(
      provider.aes256GcmEncrypt(key, iv, letters),
    );
  });

  it("rejects trailing bytes, frames cut off anywhere, and no frame at all", () => {
    for (const frame of [streamFrame, sizedFrame, joined(sizedFrame, streamFrame)]) {
      for (const tail of ["00", "28b52ffd", "502a4d18ff000000"]) {
        const error = failure(() => decompress(joined(frame, fromHex(tail)), 1000));
        expect(error.code).to.equal("FORMAT_INVALID");
      }
    }
    for (let size = 0; size < sizedFrame.length; size++) {
      const error = failure(() => decompress(sizedFrame.subarray(0, size), 1000));
      expect(error.code).to.equal("FORMAT_INVALID");
    }
  });

  it("rejects with FORMAT_OUT_OF_RANGE what is larger than allowed, sized or not", () => {
    for (const frame of [streamFrame, sizedFrame, joined(streamFrame, sizedFrame), zeroFrame()]) {
      const error = failure(() => decompress(frame, 63));

      expect(error.code).to.equal("FORMAT_OUT_OF_RANGE");
    }
  });

  it("does not believe a stated size that the blocks cannot hold", () => {
    const lying = fromHex("28b52ffde0" + "ffffffffffff0f00" + "010000");

    const error = failure(() => decompress(lying, 2 ** 40));

    expect(error.code).to.equal("FORMAT_INVALID");
  });

  it("rejects a stated size that the data does not have", () => {
    const lying = sizedFrame.slice();
    lying[5] = 63;

    expect(failure(() => decompress(lying, 1000)).code).to.equal("FORMAT_INVALID");
  });

  it("rejects a bomb of run-length blocks before allocating for it", () => {
    const bomb = new Uint8Array(6 + 4 * 100_000);
    bomb.set(fromHex("28b52ffd0048"));
    for (let i = 6; i < bomb.length; i += 4) bomb.set([0x02, 0x00, 0x10, 0x00], i);
    bomb[bomb.length - 4] = 0x03;
    const before = process.memoryUsage().arrayBuffers;

    const error = failure(() => decompress(bomb, 16 * 1024 * 1024));

    expect(error.code).to.equal("FORMAT_OUT_OF_RANGE");
    expect(process.memoryUsage().arrayBuffers - before).to.be.below(64 * 1024 * 1024);
  });

  it("gives random bytes of the wanted size", () => {
    const random = provider.randomBytes(16);

    expect(random.length).to.equal(16);
    expect(random).to.not.deep.equal(provider.randomBytes(16));
  });
}

function crcBitByBit(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function flipped(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  copy[5] = copy[5]! ^ 0x10;
  return copy;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
