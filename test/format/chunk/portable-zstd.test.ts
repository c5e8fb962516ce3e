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
    // Frame header: no size, window 1 MiB; then one block of the given content, marked as last.
    const frameOf = (content: string): Uint8Array => {
      const size = content.length / 2;
      const header = ((size << 3) | 0b101).toString(16).padStart(4, "0");
      return fromHex(`28b52ffd0050${header.slice(2)}${header.slice(0, 2)}00${content}`);
    };
    const broken: Record<string, string> = {
      "needs a dictionary": "",
      "an empty block": "",
      "no code to use again": "13000000",
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

  it("rejects a block that makes more than a block may, before it has made it", () => {
    // One literal, then sequences with single codes: matches of 65539 bytes and more, one after another.
    const content = "0841" + "7f54" + "000034" + "ff".repeat(600);
    const size = content.length / 2;
    const header = (size << 3) | 0b101;
    const head = [header & 0xff, (header >> 8) & 0xff, header >> 16];
    const frame = Uint8Array.from([...fromHex("28b52ffd0050"), ...head, ...fromHex(content)]);

    const error = thrown(() => portableZstdDecompress(frame, sizeMax));

    expect(error).to.have.property("code", "FORMAT_INVALID");
  });
});
