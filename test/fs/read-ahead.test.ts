import { expect } from "chai";

import { type ChunkIndex } from "../../src/format/index/chunk-index.ts";
import { ReadAhead } from "../../src/fs/read-ahead.ts";

const CHUNK_BYTES = 100;

/** An index of 1000 chunks of one length. */
const index = {
  count: 1000,
  startOf: (i: number) => i * CHUNK_BYTES,
  endOf: (i: number) => (i + 1) * CHUNK_BYTES,
} as ChunkIndex;

const END = 1000 * CHUNK_BYTES;

describe("fs/read-ahead", () => {
  it("wants nothing ahead of someone who reads here and there", () => {
    const readAhead = new ReadAhead(index, 10_000);

    const ahead = [500, 20, 700, 90].map((i) => readAhead.touch(i, END, false) - i - 1);

    expect(ahead).to.deep.equal([0, 0, 0, 0]);
  });

  it("wants twice as much at each step of a steady reader, up to a number of chunks", () => {
    const readAhead = new ReadAhead(index, 10_000);

    const ahead = Array.from({ length: 8 }, (_, i) => readAhead.touch(i, END, true) - i - 1);

    expect(ahead).to.deep.equal([1, 2, 4, 8, 16, 16, 16, 16]);
  });

  it("wants no more bytes than it may", () => {
    const readAhead = new ReadAhead(index, 500);

    for (let i = 0; i < 10; i++) readAhead.touch(i, END, true);

    expect(readAhead.touch(10, END, true)).to.equal(11 + 5);
  });

  it("wants at most one chunk behind the end of what is read, and none behind the archive", () => {
    const readAhead = new ReadAhead(index, 10_000);
    for (let i = 0; i < 10; i++) readAhead.touch(i, END, true);

    expect(readAhead.touch(10, 12 * CHUNK_BYTES, true)).to.equal(12);
    expect(readAhead.touch(11, 12 * CHUNK_BYTES, true)).to.equal(13);
    for (let i = 990; i < 999; i++) readAhead.touch(i, END, false);
    expect(readAhead.touch(999, END, false)).to.equal(1000);
  });

  it("wants more behind the end for someone who reads one small thing after another", () => {
    const readAhead = new ReadAhead(index, 10_000);

    const ahead = Array.from(
      { length: 7 },
      (_, i) => readAhead.touch(i, (i + 1) * CHUNK_BYTES - 5, true) - i - 1,
    );

    expect(ahead).to.deep.equal([1, 1, 2, 4, 8, 16, 16]);
  });

  it("tells several readers apart", () => {
    const readAhead = new ReadAhead(index, 10_000);
    let ahead: number[] = [];

    for (let i = 0; i < 5; i++) {
      ahead = [100, 300, 500].map(
        (start) => readAhead.touch(start + i, END, false) - start - i - 1,
      );
    }

    expect(ahead).to.deep.equal([8, 8, 8]);
  });
});
