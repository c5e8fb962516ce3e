import { expect } from "chai";
import { FixedChunker } from "../../../src/format/chunk/fixed-chunker.ts";
import { cutAll } from "../../support/cut-all.ts";

describe("format/chunk/fixed-chunker", () => {
  it("cuts at multiples of the chunk length, however the stream is split", () => {
    const blocks = [3, 5, 1, 20, 4, 2].map((size) => new Uint8Array(size));

    expect(cutAll(new FixedChunker({ chunkBytes: 10 }), blocks)).to.deep.equal([10, 20, 30, 35]);
  });

  it("makes no empty chunk at the end", () => {
    expect(cutAll(new FixedChunker({ chunkBytes: 4 }), [new Uint8Array(8)])).to.deep.equal([4, 8]);
  });

  it("starts a new chunk after reset", () => {
    const chunker = new FixedChunker({ chunkBytes: 4 });
    chunker.scan(new Uint8Array(3));

    chunker.reset();

    expect(chunker.scan(new Uint8Array(5))).to.equal(4);
  });
});
