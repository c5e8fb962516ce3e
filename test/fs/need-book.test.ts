import { expect } from "chai";

import { NeedBook } from "../../src/fs/need-book.ts";

describe("fs/need-book", () => {
  it("posts equal needs once while they are open, and again afterwards", () => {
    const posted: unknown[] = [];
    const book = new NeedBook((_, need) => posted.push(need));
    const makers: readonly (() => unknown)[] = [
      () => "digest",
      () => 7,
      () => "7",
      () => ({ kind: "chunk", digest: Uint8Array.of(1, 2) }),
      () => ({ kind: "chunk", digest: Uint8Array.of(1, 3) }),
    ];

    for (const make of makers) {
      expect(book.want(make())).to.equal(book.want(make()));
    }
    expect(posted).to.deep.equal(makers.map((make) => make()));

    const { id } = book.want(7);
    expect(book.settle(id)).to.have.property("need", 7);
    expect(book.settle(id)).to.equal(undefined);
    expect(book.want(7).id).not.to.equal(id);
    expect(posted).to.have.length(makers.length + 1);
  });
});
