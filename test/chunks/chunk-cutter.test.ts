import { expect } from "chai";
import fc from "fast-check";
import { ChunkCutter, type Cut } from "../../src/chunks/chunk-cutter.ts";
import { SharedArena } from "../../src/chunks/shared-arena.ts";
import { BuzhashChunker } from "../../src/format/chunk/buzhash-chunker.ts";
import { cutAll } from "../support/cut-all.ts";
import { counterBytes, prngBytes } from "../support/golden-streams.ts";

const averageBytes = 1024;
const slotBytes = 4096;

interface Piece {
  readonly kind: Cut["kind"];
  readonly streamOffset: number;
  readonly size: number;
  readonly bytes: Uint8Array;
}

/** A cutter whose pieces are copied and whose slots are released at once; `arena` shows what is still held. */
function makeCutter(options: { slotCount?: number; kind?: "plain" | "payload" } = {}) {
  const arena = SharedArena.create({ slotCount: options.slotCount ?? 2, slotBytes });
  const pieces: Piece[] = [];
  const cutter = new ChunkCutter({
    arena,
    averageBytes,
    kind: options.kind ?? "plain",
    emit: (cut) => {
      const { kind, streamOffset } = cut;
      if (cut.kind === "known") {
        const size = cut.entries.reduce((sum, entry) => sum + entry.size, 0);
        pieces.push({ kind, streamOffset, size, bytes: new Uint8Array() });
      } else {
        const bytes = arena.view(cut.slot, 0, cut.size).slice();
        pieces.push({ kind, streamOffset, size: cut.size, bytes });
        arena.release(cut.slot);
      }
    },
  });
  return { arena, pieces, cutter };
}

function ends(pieces: readonly Piece[]): number[] {
  return pieces.map(({ streamOffset, size }) => streamOffset + size);
}

function joined(pieces: readonly Piece[]): Buffer {
  return Buffer.concat(pieces.map(({ bytes }) => bytes));
}

const digest = new Uint8Array(32);

type Step =
  | { readonly do: "write"; readonly size: number }
  | { readonly do: "reserve"; readonly size: number }
  | { readonly do: "inject"; readonly sizes: readonly number[] }
  | { readonly do: "suggest"; readonly ahead: number };

const bytesStep: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom("write", "reserve"),
  size: fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 9000 })),
});
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: bytesStep },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("inject" as const),
      sizes: fc.array(fc.integer({ min: 1, max: 5000 }), { maxLength: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("suggest" as const),
      ahead: fc.integer({ min: 0, max: 3000 }),
    }),
  },
);

/** Runs the steps with pseudo-random content; returns that content. */
function perform(cutter: ChunkCutter, steps: readonly Step[], seed: number): Buffer {
  const content = prngBytes(seed, 250_000);
  let at = 0;
  for (const step of steps) {
    switch (step.do) {
      case "write":
        cutter.write(content.subarray(at, (at += step.size)));
        break;
      case "reserve": {
        const space = cutter.reserve(step.size);
        space.set(content.subarray(at, at + space.length));
        const used = Math.ceil(space.length / 2);
        cutter.commit(used);
        at += used;
        break;
      }
      case "suggest":
        cutter.suggestBoundary(cutter.position + step.ahead);
        break;
      case "inject":
        cutter.inject(step.sizes.map((size) => ({ digest, size })));
        break;
    }
  }
  cutter.finish();
  return Buffer.from(content.subarray(0, at));
}

describe("chunks/chunk-cutter", () => {
  for (const slotCount of [1, 2, 5]) {
    it(`cuts as the plain chunker does when nothing is injected, over ${slotCount} slots`, () => {
      fc.assert(
        fc.property(
          fc.array(bytesStep, { maxLength: 25 }),
          fc.integer({ min: 1, max: 1e6 }),
          (steps, seed) => {
            const { arena, pieces, cutter } = makeCutter({ slotCount });

            const content = perform(cutter, steps, seed);

            expect(joined(pieces).equals(content)).to.equal(true);
            expect(ends(pieces)).to.deep.equal(
              cutAll(new BuzhashChunker({ averageBytes }), [content]),
            );
            expect(arena.freeCount).to.equal(slotCount);
          },
        ),
      );
    });
  }

  it("loses no byte and leaves no gap, whatever is injected and suggested", () => {
    fc.assert(
      fc.property(
        fc.array(anyStep, { maxLength: 25 }),
        fc.integer({ min: 1, max: 1e6 }),
        (steps, seed) => {
          const { arena, pieces, cutter } = makeCutter({ kind: "payload" });

          const content = perform(cutter, steps, seed);

          expect(joined(pieces).equals(content)).to.equal(true);
          expect(pieces.map(({ streamOffset }) => streamOffset)).to.deep.equal(
            [0, ...ends(pieces)].slice(0, pieces.length),
          );
          expect(cutter.position).to.equal(ends(pieces).at(-1) ?? 0);
          expect(
            pieces.every(({ kind, size }) => kind === "known" || (size > 0 && size <= slotBytes)),
          ).to.equal(true);
          expect(arena.freeCount).to.equal(2);
        },
      ),
    );
  });

  it("cuts at once where chunks are injected", () => {
    const { pieces, cutter } = makeCutter();
    cutter.write(counterBytes(100));

    cutter.inject([
      { digest, size: 1000 },
      { digest, size: 24 },
    ]);
    cutter.write(counterBytes(8));

    expect(cutter.position).to.equal(100 + 1024 + 8);
    expect(pieces.map(({ kind, streamOffset, size }) => [kind, streamOffset, size])).to.deep.equal([
      ["data", 0, 100],
      ["known", 100, 1024],
    ]);
  });

  it("ends a payload chunk at a suggested boundary, even one named just there", () => {
    const { pieces, cutter } = makeCutter({ kind: "payload" });
    cutter.write(new Uint8Array(600));
    cutter.suggestBoundary(600);
    cutter.write(new Uint8Array(100));
    cutter.suggestBoundary(1000);
    cutter.write(new Uint8Array(500));

    cutter.finish();

    expect(ends(pieces)).to.deep.equal([600, 1000, 1200]);
  });

  it("emits nothing for an empty stream", () => {
    const { pieces, cutter } = makeCutter();

    cutter.finish();

    expect(pieces).to.deep.equal([]);
  });

  it("gives its slot back when the stream is discarded", () => {
    const { arena, pieces, cutter } = makeCutter();
    cutter.write(new Uint8Array(10));

    cutter.discard();

    expect([arena.freeCount, pieces.length]).to.deep.equal([2, 0]);
    expect(() => {
      cutter.write(new Uint8Array(1));
    }).to.throw();
  });

  it("refuses an arena whose slots cannot hold the longest chunk", () => {
    const arena = SharedArena.create({ slotCount: 1, slotBytes });

    expect(
      () => new ChunkCutter({ arena, averageBytes: 2048, kind: "plain", emit: () => undefined }),
    ).to.throw("longest chunk");
  });
});
