import { expect } from "chai";
import { type ChunkIndex } from "../../src/format/index/chunk-index.ts";

/** Checks starts, ends and every search result of an index against the sizes it was made from. */
export function itIndexesLikeALinearSearch(index: ChunkIndex, sizes: readonly number[]): void {
  let start = 0;
  for (const [i, size] of sizes.entries()) {
    expect(index.startOf(i)).to.equal(start);
    expect(index.endOf(i)).to.equal(start + size);
    for (const offset of [start, start + (size >> 1), start + size - 1]) {
      expect(index.findIndex(offset)).to.equal(i);
    }
    start += size;
  }
  expect(index.size).to.equal(start);
  expect(index.count).to.equal(sizes.length);
  expect(index.findIndex(start)).to.equal(index.count);
  expect(index.findIndex(start + 1e9)).to.equal(index.count);
}
