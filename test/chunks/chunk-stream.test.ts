import { expect } from "chai";
import fc from "fast-check";
import {
  chunkStream,
  type ChunkPiece,
  type ForcedBoundary,
} from "../../src/chunks/chunk-stream.ts";
import { BuzhashChunker } from "../../src/format/chunk/buzhash-chunker.ts";
import { FixedChunker } from "../../src/format/chunk/fixed-chunker.ts";
import { PayloadChunker } from "../../src/format/chunk/payload-chunker.ts";
import { cutAll } from "../support/cut-all.ts";
import { counterBytes, prngBytes } from "../support/golden-streams.ts";

function boundary(offset: number, size: number): ForcedBoundary {
  return { offset, entries: size > 0 ? [{ digest: new Uint8Array(32), size }] : [] };
}

async function collect(pieces: AsyncIterable<ChunkPiece>): Promise<ChunkPiece[]> {
  const all: ChunkPiece[] = [];
  for await (const piece of pieces) all.push(piece);
  return all;
}

function dataOf(pieces: readonly ChunkPiece[]): Uint8Array[] {
  return pieces.flatMap((piece) => (piece.kind === "data" ? [piece.bytes] : []));
}

describe("chunks/chunk-stream", () => {
  it("cuts and injects as the reference's unit test does", async () => {
    const counter = counterBytes(1024 * 1024);
    const chunker = new PayloadChunker({ averageBytes: 64 * 1024 });
    chunker.suggestBoundary(32768);
    chunker.suggestBoundary(65536);
    const boundaries = [
      boundary(32768, 1024),
      boundary(131072, 2048),
      boundary(657408, 512),
      boundary(658432, 0),
    ];

    const pieces = await collect(
      chunkStream({ blocks: [counter.subarray(10), counter.subarray(0, 10)], chunker, boundaries }),
    );

    expect(dataOf(pieces).map((bytes) => bytes.length)).to.deep.equal([
      32768, 31744, 65536, 262144, 262144, 512, 262144, 131584,
    ]);
    expect(pieces.filter(({ kind }) => kind === "known").map(({ offset }) => offset)).to.deep.equal(
      [32768, 131072, 657408],
    );
    expect(Buffer.concat(dataOf(pieces))).to.deep.equal(
      Buffer.concat([counter.subarray(10), counter.subarray(0, 10)]),
    );
  });

  it("cuts as the chunker does, whatever the blocks, and loses no byte", async () => {
    const averageBytes = 512;
    const sizes = fc.array(fc.integer({ min: 0, max: 4000 }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(sizes, fc.integer({ min: 1, max: 1e6 }), async (blockSizes, seed) => {
        const bytes = prngBytes(
          seed,
          blockSizes.reduce((sum, size) => sum + size, 0),
        );
        const blocks: Uint8Array[] = [];
        let at = 0;
        for (const size of blockSizes) blocks.push(bytes.subarray(at, (at += size)));

        const pieces = await collect(
          chunkStream({ blocks, chunker: new BuzhashChunker({ averageBytes }) }),
        );

        const ends = pieces.map(
          (piece) => piece.offset + (piece.kind === "data" ? piece.bytes.length : 0),
        );
        expect(ends).to.deep.equal(cutAll(new BuzhashChunker({ averageBytes }), [bytes]));
        expect(Buffer.concat(dataOf(pieces)).equals(bytes)).to.equal(true);
      }),
    );
  });

  it("inserts chunks at the start and at the very end", async () => {
    const pieces = await collect(
      chunkStream({
        blocks: [Uint8Array.of(1, 2, 3)],
        chunker: new FixedChunker({ chunkBytes: 2 }),
        boundaries: [boundary(0, 100), boundary(103, 7)],
      }),
    );

    expect(pieces.map(({ kind, offset }) => [kind, offset])).to.deep.equal([
      ["known", 0],
      ["data", 100],
      ["data", 102],
      ["known", 103],
    ]);
  });

  it("refuses a boundary behind the end of the stream, and one that came too late", async () => {
    const run = async (offset: number, first: number): Promise<unknown> =>
      await collect(
        chunkStream({
          blocks: [new Uint8Array(10)],
          chunker: new FixedChunker({ chunkBytes: 4 }),
          boundaries: [boundary(first, 5), boundary(offset, 1)],
        }),
      ).catch((error: unknown) => error);

    expect(await run(100, 5)).to.be.instanceOf(Error);
    expect(await run(7, 5)).to.be.instanceOf(Error);
  });

  it("reads nothing ahead of a paused consumer", async () => {
    let pulled = 0;
    function* blocks(): Generator<Uint8Array> {
      for (;;) {
        pulled++;
        yield new Uint8Array(4);
      }
    }
    const pieces = chunkStream({ blocks: blocks(), chunker: new FixedChunker({ chunkBytes: 4 }) });

    await pieces.next();
    await pieces.return();

    expect(pulled).to.equal(1);
  });
});
