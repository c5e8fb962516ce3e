import { expect } from "chai";

import { BufferShelf } from "../../../src/server/session/buffer-shelf.ts";

const MIB = 1024 * 1024;

describe("server/session/buffer-shelf", () => {
  it("uses memory again for whatever fits into it", () => {
    const shelf = new BufferShelf({ bytesMax: 8 * MIB });
    const first = shelf.take(3 * MIB - 5);
    shelf.giveBack(first);

    const second = shelf.take(100);
    const third = shelf.take(100);

    expect(second.buffer).to.equal(first.buffer);
    expect(second).to.have.lengthOf(100);
    expect(third.buffer).not.to.equal(first.buffer);
  });

  it("keeps no more than it may", () => {
    const shelf = new BufferShelf({ bytesMax: 4 * MIB });

    for (const bytes of [3 * MIB, 2 * MIB, 5 * MIB].map((size) => shelf.take(size))) {
      shelf.giveBack(bytes);
    }

    expect(shelf.freeBytes).to.equal(2 * MIB);
  });
});
