import { readdirSync, readFileSync } from "node:fs";
import { expect } from "chai";
import fc from "fast-check";
import { fromHex } from "../../../src/format/bytes/hex.ts";
import { portableZstdDecompress } from "../../../src/format/chunk/portable-zstd.ts";
import { zstdLoaders } from "../../../src/format/chunk/zstd.ts";
import { BLOB_HEADER_BYTES } from "../../../src/format/limits.ts";
import { prng } from "../../support/prng.ts";
import { thrown } from "../../support/thrown.ts";

const codecs = Object.values(zstdLoaders).flatMap((load) => load() ?? []);
const sizeMax = 16 * 1024 * 1024;

/** Every compressed, unencrypted blob of the stores that the real programs wrote: the body of each. */
function recordedFrames(): Uint8Array[] {
  return ["datastore-mini", "datastore-real"].flatMap((store) => {
    const chunks = new URL(`../../../fixtures/${store}/store/.chunks/`, import.meta.url);
    return readdirSync(chunks, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => new Uint8Array(readFileSync(`${entry.parentPath}/${entry.name}`)))
      .filter((blob) => blob[0] === 0x31 && blob[1] === 0xb9)
      .map((blob) => blob.subarray(BLOB_HEADER_BYTES));
  });
}

/** Text-like bytes: words of a small vocabulary, some of them rare. */
function words(seed: number, size: number): Uint8Array {
  const chance = prng(seed, size);
  const text = Array.from(chance, (byte) => (byte < 200 ? `word${byte % 17} ` : `${byte}, `)).join(
    "",
  );
  return new TextEncoder().encode(text).subarray(0, size);
}

/** A frame of no stated size and a window of 1 MiB, with one block of the given content, marked as last. */
function frameOf(content: string): Uint8Array {
  const header = ((content.length / 2) << 3) | 0b101;
  const head = [header & 0xff, (header >> 8) & 0xff, header >> 16];
  return Uint8Array.from([...fromHex("28b52ffd0050"), ...head, ...fromHex(content)]);
}

describe("format/chunk/portable-zstd", () => {
  it("decodes what the real programs compressed, as the libraries do", () => {
    const frames = recordedFrames();

    expect(frames.length).to.be.above(10);
    for (const frame of frames) {
      expect(
        Buffer.from(portableZstdDecompress(frame, sizeMax)).equals(
          codecs[0]!.decompress(frame, sizeMax),
        ),
      ).to.equal(true);
    }
  });

  for (const codec of codecs) {
    it(`decodes what ${codec.name} compressed`, () => {
      const samples = [
        new Uint8Array(0),
        Uint8Array.of(7),
        new Uint8Array(1_000_000),
        prng(1, 300_000),
        words(2, 600_000),
        prng(3, 400_000).map((byte) => (byte < 100 ? 0 : byte >> 5)),
        new TextEncoder().encode("ab".repeat(70_000)),
      ];
      for (const plain of samples) {
        const decoded = portableZstdDecompress(codec.compress(plain), plain.length);

        expect(Buffer.from(decoded).equals(plain)).to.equal(true);
      }
    });

    it(`decodes any bytes that ${codec.name} compressed`, () => {
      fc.assert(
        fc.property(
          fc.nat(1000),
          fc.nat(3000),
          fc.uint8Array({ maxLength: 300 }),
          (seed, size, tail) => {
            const plain = Uint8Array.from([
              ...words(seed, size),
              ...tail,
              ...words(seed + 1, size),
            ]);

            expect(portableZstdDecompress(codec.compress(plain), plain.length)).to.deep.equal(
              plain,
            );
          },
        ),
        { numRuns: 60 },
      );
    });
  }

  it("rejects blocks that break a rule, each for its own reason", () => {
    const broken: Record<string, string> = {
      "needs a dictionary": "",
      "an empty block": "",
      "the literals of a block": "fcffff",
      "no table to use again": "08410130" + "fcff01",
      "the modes of the sequences": "0841" + "0101",
      "an unmarked bit stream": "0841" + "0100" + "00",
      "a match before the frame": "0841" + "0154" + "000a00" + "0004",
      "bytes behind a block without sequences": "0841" + "0000",
    };
    for (const [reason, content] of Object.entries(broken)) {
      const frame = reason.includes("dictionary")
        ? fromHex("28b52ffd015000010000")
        : frameOf(content);

      const error = thrown(() => portableZstdDecompress(frame, 1000));

      expect(error, reason).to.have.property("code", "FORMAT_INVALID");
      expect((error as Error).message).to.include(reason);
    }
  });

  it("rejects what keeps the library busy for seconds or for ever, at once", () => {
    const hostile: Record<string, string> = {
      // One literal, then as many matches of 65539 bytes as a count can say, for no bits each.
      "a block makes more than it may": "0841" + "ffffff54" + "000034" + "ff".repeat(600),
      // The same without the bits.
      "the sequences are cut off": "0841" + "ff001054" + "000033" + "01",
      // Huffman weights whose table is a single symbol: each takes no bits, so they never end.
      "a code has too many symbols": "12c001" + "05" + "f003" + "ffff01" + "01" + "00",
    };
    for (const [reason, content] of Object.entries(hostile)) {
      const started = performance.now();

      const error = thrown(() => portableZstdDecompress(frameOf(content), sizeMax));

      expect(performance.now() - started, reason).to.be.below(200);
      expect(error, reason).to.have.property("code", "FORMAT_INVALID");
      expect((error as Error).message).to.include(reason);
    }
  });

  it("stops at the allowed size when small blocks claim much", () => {
    // A raw block, then 20,000 blocks of 13 bytes, each with 43,000 matches of three bytes for no bits.
    const head = fromHex("28b52ffd0050" + "400000" + "4142434445464748");
    const block = fromHex("540000" + "0841" + "fff82854" + "000000" + "01");
    const frame = new Uint8Array(head.length + block.length * 20_000);
    frame.set(head);
    for (let i = head.length; i < frame.length; i += block.length) frame.set(block, i);
    frame[frame.length - block.length] = 0x55;
    const started = performance.now();

    const error = thrown(() => portableZstdDecompress(frame, 1024 * 1024));

    expect(error).to.have.property("code", "FORMAT_OUT_OF_RANGE");
    expect(performance.now() - started).to.be.below(1000);
  });

  it("passes on what the library itself finds", () => {
    const noCodeToUseAgain = frameOf("13000000");

    const error = thrown(() => portableZstdDecompress(noCodeToUseAgain, sizeMax));

    expect(error).to.have.property("code", "FORMAT_INVALID");
    expect((error as Error).cause).to.have.property("message", "invalid zstd data");
  });
});
