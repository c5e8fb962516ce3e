import { expect } from "chai";
import { residentBytes } from "../src/format/bytes/resident-source.ts";
import { createWasmMemory, WASM_PAGE_BYTES } from "../src/format/bytes/wasm-memory.ts";
import { CatalogReader } from "../src/format/catalog/catalog-reader.ts";
import { CatalogWriter } from "../src/format/catalog/catalog-writer.ts";
import { BuzhashChunker } from "../src/format/chunk/buzhash-chunker.ts";
import { BuzhashWasm } from "../src/format/chunk/buzhash-wasm.ts";
import { chunkBounds } from "../src/format/chunk/chunk-bounds.ts";
import { digestOfBytes } from "../src/format/chunk/digest.ts";
import { SuggestedBoundaries } from "../src/format/chunk/suggested-boundaries.ts";
import { zstdFrames } from "../src/format/chunk/zstd-frames.ts";
import { createNativeProvider } from "../src/format/crypto/native-provider.ts";
import { DynamicIndexBuilder, parseDynamicIndex } from "../src/format/index/dynamic-index.ts";
import { parseExcludeFile } from "../src/format/patterns/exclude-file.ts";
import { Pattern } from "../src/format/patterns/pattern.ts";
import { PxarDecoder } from "../src/format/pxar/decoder.ts";
import { PxarEncoder } from "../src/format/pxar/encoder.ts";
import { PxarTree } from "../src/format/pxar/tree-reader.ts";
import { cutAll } from "../test/support/cut-all.ts";
import { prngBytes } from "../test/support/golden-streams.ts";
import { growthExponent } from "../test/support/growth.ts";
import { memorySink, metadataOf } from "../test/support/pxar-fixtures.ts";

/** Sizes from `first`, each twice as large as the one before. */
function doubling(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first * 2 ** i);
}

function nameOf(i: number): Uint8Array {
  return new Uint8Array(Buffer.from(`file-${String(i).padStart(8, "0")}`));
}

/** An archive whose root has `count` empty files. */
function archiveOf(count: number): Uint8Array {
  const sink = memorySink();
  const encoder = new PxarEncoder({ metadata: sink });
  encoder.startRoot(metadataOf({ mode: 0o040755 }));
  for (let i = 0; i < count; i++) {
    encoder.startFile(nameOf(i), metadataOf({ mode: 0o100644 }), 0);
    encoder.endFile();
  }
  encoder.endDirectory();
  encoder.finish();
  return sink.take();
}

/** An index of `count` chunks of 1 MiB. */
function indexOf(count: number): Uint8Array {
  const builder = new DynamicIndexBuilder(createNativeProvider());
  const digest = digestOfBytes(new Uint8Array(32));
  for (let i = 0; i < count; i++) builder.append(1024 * 1024, digest);
  return builder.build({ createdAtSec: 0n, uuid: new Uint8Array(16) });
}

function catalogOf(count: number): Uint8Array {
  const sink = memorySink();
  const writer = new CatalogWriter(sink);
  writer.startDirectory(nameOf(0));
  for (let i = 0; i < count; i++) writer.addFile(nameOf(i), i, 0n);
  writer.endDirectory();
  writer.finish();
  return sink.take();
}

/** The work done `times` times with numbers that are spread over 0 … `range`. */
function spread(times: number, range: number, work: (i: number) => unknown): () => void {
  return () => {
    for (let i = 0; i < times; i++) work(Math.floor((((i * 7919) % times) / times) * range));
  };
}

describe("bench/complexity", function () {
  this.timeout(120_000);
  this.retries(3); // Another program may get in the way of one measurement, hardly of four.

  describe("the measure itself", () => {
    const sizes = doubling(2000, 5);

    it("gives about 1 for linear work", () => {
      const exponent = growthExponent(sizes, (size) => {
        const numbers = Float64Array.from({ length: size * 20 }, (_, i) => i);
        return () => numbers.reduce((sum, number) => sum + number);
      });

      expect(exponent).to.be.within(0.75, 1.3);
    });

    it("gives about 2 for quadratic work", () => {
      const exponent = growthExponent(doubling(100, 5), (size) => {
        const numbers = Float64Array.from({ length: size }, (_, i) => i);
        return () => numbers.map((number) => numbers.reduce((sum, other) => sum + other * number));
      });

      expect(exponent).to.be.within(1.7, 2.3);
    });

    it("gives about 0 for logarithmic work", () => {
      const exponent = growthExponent(sizes, (size) =>
        spread(1000, size, (i) => {
          let [low, high] = [0, size];
          while (low < high) {
            const middle = (low + high) >>> 1;
            if (middle < i) low = middle + 1;
            else high = middle;
          }
          return low;
        }),
      );

      expect(exponent).to.be.within(-0.2, 0.4);
    });
  });

  const linear: Record<string, { sizes: number[]; prepare: (size: number) => () => unknown }> = {
    "the chunker in JavaScript": {
      sizes: doubling(512 * 1024, 4),
      prepare: (size) => {
        const bytes = prngBytes(1, size);
        return () => cutAll(new BuzhashChunker({ averageBytes: 65536 }), [bytes]);
      },
    },
    "the chunker in WASM": {
      sizes: doubling(1024 * 1024, 4),
      prepare: (size) => {
        const memory = createWasmMemory(WASM_PAGE_BYTES + 1024 * 1024 + size);
        new Uint8Array(memory.buffer, WASM_PAGE_BYTES).fill(1);
        const chunker = new BuzhashWasm({ averageBytes: 4 * 1024 * 1024, memory });
        return () =>
          chunker.findCut({
            address: WASM_PAGE_BYTES,
            scanned: 1024 * 1024,
            size: 1024 * 1024 + size,
          });
      },
    },
    "a stream of suggested boundaries": {
      sizes: doubling(10_000, 4),
      prepare: (size) => () => {
        const suggested = new SuggestedBoundaries(chunkBounds(65536));
        for (let i = 0; i < size; i++) suggested.suggest(i * 100);
        for (let at = 0; at < size * 100; at += 50_000) {
          suggested.takeSize({ base: at, scanned: 0, size: 50_000 });
        }
      },
    },
    "a pattern that makes others backtrack, in the path": {
      sizes: doubling(4096, 5),
      prepare: (size) => {
        const pattern = new Pattern(Buffer.from("**/*a*a*a*a*a*a*a*a*b"));
        const path = new Uint8Array(size).fill(97);
        return () => pattern.matches(path, "any-depth");
      },
    },
    "a long pattern, in the path": {
      sizes: doubling(4096, 5),
      prepare: (size) => {
        const pattern = new Pattern(Buffer.from("*a".repeat(100)));
        const path = new Uint8Array(size).fill(97);
        return () => pattern.matches(path, "any-depth");
      },
    },
    "an exclude file": {
      sizes: doubling(500, 4),
      prepare: (size) => {
        const content = Buffer.from("/a/*.log\n".repeat(size));
        return () => parseExcludeFile({ content, directory: Buffer.from("x/y") }, () => undefined);
      },
    },
    "decoding an archive front to back": {
      sizes: doubling(2000, 4),
      prepare: (size) => {
        const archive = archiveOf(size);
        return () => [...new PxarDecoder(residentBytes(archive))].length;
      },
    },
    "listing a directory of an archive": {
      sizes: doubling(2000, 4),
      prepare: (size) => {
        const archive = archiveOf(size);
        return () => {
          const tree = new PxarTree(residentBytes(archive));
          return tree.children(tree.root()).length;
        };
      },
    },
    "encoding a directory, but for sorting": {
      sizes: doubling(2000, 4),
      prepare: (size) => () => archiveOf(size),
    },
    "reading a directory of a catalogue": {
      sizes: doubling(2000, 4),
      prepare: (size) => {
        const reader = new CatalogReader(residentBytes(catalogOf(size)));
        const [archive] = reader.readDirectory(reader.root());
        if (archive?.kind !== "directory") throw new Error("not the catalogue that was written");
        return () => reader.readDirectory(archive.start);
      },
    },
    "opening an index": {
      sizes: doubling(50_000, 4),
      prepare: (size) => {
        const file = indexOf(size);
        return () => parseDynamicIndex(file);
      },
    },
    "walking over zstd frames": {
      sizes: doubling(5000, 4),
      prepare: (size) => {
        const frame = [0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0];
        const bytes = Uint8Array.from({ length: size * 8 }, (_, i) => frame[i % 8] ?? 0);
        return () => [...zstdFrames(bytes)].length;
      },
    },
  };
  for (const [name, { sizes, prepare }] of Object.entries(linear)) {
    it(`${name} takes linear time`, () => {
      expect(growthExponent(sizes, prepare)).to.be.within(0.6, 1.4);
    });
  }

  it("finding a name by its goodbye table takes logarithmic time", () => {
    const exponent = growthExponent(doubling(1000, 6), (size) => {
      const tree = new PxarTree(residentBytes(archiveOf(size)));
      const root = tree.root();
      return spread(50, size, (i) => tree.lookup(root, nameOf(i)));
    });

    expect(exponent).to.be.within(-0.2, 0.4);
  });

  it("finding a chunk in an index takes logarithmic time", () => {
    const exponent = growthExponent(doubling(1000, 9), (size) => {
      const index = parseDynamicIndex(indexOf(size));
      return spread(1000, index.size, (offset) => index.findIndex(offset));
    });

    expect(exponent).to.be.within(-0.2, 0.4);
  });
});
