import { expect } from "chai";
import { PayloadChunker } from "../../../src/format/chunk/payload-chunker.ts";
import { counterBytes } from "../../support/golden-streams.ts";

const averageBytes = 64 * 1024;

/**
 * Chunk sizes when a whole buffer is scanned at once, as the reference's own unit test does it.
 *
 * @param advance What a cut adds to `base`: that test adds the absolute position of the cut, not the chunk's length.
 */
function chunkSizes(
  bytes: Uint8Array,
  suggestions: readonly number[],
  advance: "chunk length" | "absolute position",
): number[] {
  const chunker = new PayloadChunker({ averageBytes });
  for (const offset of suggestions) chunker.suggestBoundary(offset);
  const sizes: number[] = [];
  let base = 0;
  let position = 0;
  while (position < bytes.length) {
    const rest = bytes.subarray(position);
    const cut = chunker.scan(rest, { base, total: rest.length });
    const size = cut === 0 ? rest.length : cut;
    position += size;
    base += advance === "chunk length" ? size : position;
    sizes.push(size);
  }
  return sizes;
}

describe("format/chunk/payload-chunker", () => {
  const counter = counterBytes(1024 * 1024);

  it("cuts by hash when nothing is suggested", () => {
    expect(chunkSizes(counter, [], "chunk length")).to.deep.equal([
      143377, 262144, 262144, 262144, 118767,
    ]);
  });

  it("cuts at suggested boundaries as the reference's unit test does", () => {
    const sizes = chunkSizes(counter, [32768, 32768, 0, 405521], "absolute position");

    expect(sizes).to.deep.equal([32768, 110609, 229376, 32768, 262144, 262144, 118767]);
  });

  it("ends chunks at the suggested offsets that lie far enough apart", () => {
    const sizes = chunkSizes(counter, [20_000, 30_000, 100_000, 400_000], "chunk length");

    // 30,000 would make a chunk of 10,000, less than a quarter of the average; 400,000 comes too late for 262,144.
    expect(sizes.slice(0, 2)).to.deep.equal([20_000, 80_000]);
    expect(sizes.every((size, i) => i === sizes.length - 1 || size >= averageBytes / 4)).to.equal(
      true,
    );
    expect(sizes.every((size) => size <= averageBytes * 4)).to.equal(true);
  });

  it("misses a suggestion exactly where the last call ended", () => {
    const chunker = new PayloadChunker({ averageBytes });
    chunker.scan(counter.subarray(0, 50_000), { base: 0, total: 50_000 });
    chunker.suggestBoundary(50_000);

    const cut = chunker.scan(counter.subarray(50_000), { base: 0, total: counter.length });

    expect(50_000 + cut).to.equal(143377);
  });

  it("forgets the bytes of an abandoned chunk on reset", () => {
    const chunker = new PayloadChunker({ averageBytes });
    chunker.scan(counter.subarray(5, 1000), { base: 0, total: 995 });

    chunker.reset();

    expect(chunker.scan(counter, { base: 0, total: counter.length })).to.equal(143377);
  });
});
