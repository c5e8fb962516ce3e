import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect } from "chai";
import fc from "fast-check";
import {
  createWasmMemory,
  WASM_PAGE_BYTES,
  type WasmMemory,
} from "../../../src/format/bytes/wasm-memory.ts";
import { BuzhashChunker } from "../../../src/format/chunk/buzhash-chunker.ts";
import { BUZHASH_TABLE } from "../../../src/format/chunk/buzhash-table.ts";
import { chunkBounds } from "../../../src/format/chunk/chunk-bounds.ts";
import { cutAll, cutAllInWasm } from "../../support/cut-all.ts";
import {
  counterBytes,
  foxBytes,
  lowEntropyBytes,
  prngBytes,
  xorshift32Bytes,
} from "../../support/golden-streams.ts";

const MIB = 1024 * 1024;

interface GoldenStream {
  readonly chunk_size_avg: number;
  readonly stream: string;
  readonly stream_sha256: string;
  readonly ends: readonly number[];
}

interface SpecVectors {
  readonly vectors: readonly {
    readonly buffer: string;
    readonly chunk_size_avg: number;
    readonly end_offsets: readonly number[];
  }[];
}

function fixture(name: string): unknown {
  return JSON.parse(
    readFileSync(new URL(`../../../fixtures/chunker/${name}`, import.meta.url), "utf8"),
  );
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

const memory: WasmMemory = createWasmMemory(WASM_PAGE_BYTES + 64 * MIB);

function inMemory(bytes: Uint8Array): Uint8Array {
  const view = new Uint8Array(memory.buffer, WASM_PAGE_BYTES, bytes.length);
  view.set(bytes);
  return view;
}

function cutBoth(bytes: Uint8Array, averageBytes: number): { js: number[]; wasm: number[] } {
  const { byteOffset: address, length: size } = inMemory(bytes);
  return {
    js: cutAll(new BuzhashChunker({ averageBytes }), [bytes]),
    wasm: cutAllInWasm({
      memory,
      address,
      size,
      averageBytes,
      stepBytes: size,
    }),
  };
}

describe("format/chunk/buzhash-chunker", () => {
  it("has the table of the reference", () => {
    const packed = new DataView(new ArrayBuffer(1024));
    BUZHASH_TABLE.forEach((word, i) => {
      packed.setUint32(4 * i, word, true);
    });

    expect(sha256(new Uint8Array(packed.buffer))).to.equal(
      "5b52080d38287da9d2e278466e3e0db7ec98e5e8b226f50612a56fa012b1f660",
    );
    expect(new Set(BUZHASH_TABLE).size).to.equal(256);
    expect(BUZHASH_TABLE.reduce((all, word) => all ^ word, 0)).to.equal(0);
  });

  describe("cuts as the reference does", () => {
    const golden = fixture("chunker.json") as GoldenStream[];
    const make: Record<string, (size: number) => Uint8Array> = {
      prng1: (size) => prngBytes(1, size),
      zeros: (size) => new Uint8Array(size),
      text: foxBytes,
      lowent: lowEntropyBytes,
    };
    for (const [name, bytesOf] of Object.entries(make)) {
      it(`stream ${name}, seven averages`, () => {
        const rows = golden.filter((row) => row.stream === name);
        const bytes = bytesOf(32 * MIB);

        expect(rows).to.have.lengthOf(7);
        expect(sha256(bytes)).to.equal(rows[0]?.stream_sha256);
        for (const { chunk_size_avg: averageBytes, ends } of rows) {
          expect(cutBoth(bytes, averageBytes)).to.deep.equal({ js: ends, wasm: ends });
        }
      });
    }

    const { vectors } = fixture("chunker-vectors.json") as SpecVectors;
    const buffers: Record<string, (size: number) => Uint8Array> = {
      xorshift32_64MiB: xorshift32Bytes,
      zeros_64MiB: (size) => new Uint8Array(size),
      counter_1MiB: counterBytes,
    };
    for (const name of new Set(vectors.map((vector) => vector.buffer))) {
      it(`buffer ${name}`, () => {
        const rows = vectors.filter(({ buffer }) => buffer === name);
        const whole = buffers[name]?.(64 * MIB) ?? new Uint8Array();

        for (const { chunk_size_avg: averageBytes, end_offsets: ends } of rows) {
          const bytes = whole.subarray(0, ends.at(-1));
          expect(cutBoth(bytes, averageBytes)).to.deep.equal({ js: ends, wasm: ends });
        }
      });
    }
  });

  const averageBytes = 1024;
  const { minBytes, maxBytes } = chunkBounds(averageBytes);
  const stream = fc
    .array(
      fc.oneof(
        fc.uint8Array({ minLength: 0, maxLength: 400 }),
        fc
          .tuple(fc.nat(255), fc.integer({ min: 0, max: 3000 }))
          .map(([byte, size]) => new Uint8Array(size).fill(byte)),
        fc
          .tuple(fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: 0, max: 20_000 }))
          .map(([seed, size]) => prngBytes(seed, size)),
      ),
      { maxLength: 12 },
    )
    .map((parts) => new Uint8Array(Buffer.concat(parts)));

  it("cuts at the same places however the stream is split into blocks", () => {
    fc.assert(
      fc.property(stream, fc.infiniteStream(fc.integer({ min: 1, max: 700 })), (bytes, sizes) => {
        const blocks: Uint8Array[] = [];
        for (let at = 0; at < bytes.length;) {
          const size = Number(sizes.next().value);
          blocks.push(bytes.subarray(at, at + size));
          at += size;
        }

        const split = cutAll(new BuzhashChunker({ averageBytes }), blocks);

        expect(split).to.deep.equal(cutAll(new BuzhashChunker({ averageBytes }), [bytes]));
      }),
    );
  });

  it("finds in WASM memory what it finds in JavaScript, in steps of any size", () => {
    fc.assert(
      fc.property(stream, fc.integer({ min: 1, max: 5000 }), (bytes, stepBytes) => {
        const view = inMemory(bytes);

        const wasm = cutAllInWasm({
          memory,
          address: view.byteOffset,
          size: view.length,
          averageBytes,
          stepBytes,
        });

        expect(wasm).to.deep.equal(cutAll(new BuzhashChunker({ averageBytes }), [bytes]));
      }),
    );
  });

  it("makes no chunk shorter than a quarter or longer than four times the average, except the last", () => {
    fc.assert(
      fc.property(stream, (bytes) => {
        const ends = cutAll(new BuzhashChunker({ averageBytes }), [bytes]);
        const sizes = ends.map((end, i) => end - (ends[i - 1] ?? 0));

        expect(ends.at(-1) ?? 0).to.equal(bytes.length);
        expect(sizes.every((size) => size > 0 && size <= maxBytes)).to.equal(true);
        expect(sizes.slice(0, -1).every((size) => size >= minBytes)).to.equal(true);
      }),
    );
  });

  it("cuts as before soon after an insertion", () => {
    const bytes = prngBytes(3, 200_000);
    const longer = new Uint8Array(
      Buffer.concat([bytes.subarray(0, 50_000), Uint8Array.of(1), bytes.subarray(50_000)]),
    );

    const before = cutAll(new BuzhashChunker({ averageBytes }), [bytes]);
    const after = cutAll(new BuzhashChunker({ averageBytes }), [longer]);

    expect(after.filter((end) => end > 70_000)).to.deep.equal(
      before.map((end) => end + 1).filter((end) => end > 70_000),
    );
  });

  it("starts a new chunk after reset", () => {
    const bytes = prngBytes(5, 5000);
    const chunker = new BuzhashChunker({ averageBytes });
    chunker.scan(prngBytes(6, 200));

    chunker.reset();

    expect(cutAll(chunker, [bytes])).to.deep.equal(
      cutAll(new BuzhashChunker({ averageBytes }), [bytes]),
    );
  });

  it("refuses an average that is not a power of two", () => {
    expect(() => new BuzhashChunker({ averageBytes: 3000 })).to.throw("power of two");
  });
});
