import { expect } from "chai";

import { PIECE_BYTES, PieceMemory } from "../../../src/server/session/piece-memory.ts";

describe("server/session/piece-memory", () => {
  const makeMemory = (lent: number, kept = lent): PieceMemory =>
    new PieceMemory({ lentBytesMax: lent * PIECE_BYTES, keptBytesMax: kept * PIECE_BYTES });
  const everything = { bytesMax: Number.MAX_SAFE_INTEGER };

  it("lends as many bytes as are asked for", () => {
    const share = makeMemory(4).share(everything);

    const lengths = [2 * PIECE_BYTES + 5, PIECE_BYTES, 0].map((size) =>
      share.tryTake(size)?.pieces.map(({ length }) => length),
    );

    expect(lengths).to.deep.equal([[PIECE_BYTES, PIECE_BYTES, 5], [PIECE_BYTES], []]);
  });

  it("uses memory again that was given back, also in part", () => {
    const share = makeMemory(2).share(everything);
    const first = share.tryTake(PIECE_BYTES + 100);
    const [whole, rest] = first?.pieces ?? [];
    first?.giveBack(whole?.subarray(3, 7) ?? new Uint8Array());

    const second = share.tryTake(10);

    expect(second?.pieces[0]?.buffer).to.equal(whole?.buffer);
    expect(second?.pieces[0]?.buffer).not.to.equal(rest?.buffer);
  });

  it("never uses memory again of a loan that ended before it was given back", () => {
    const memory = makeMemory(1);
    const share = memory.share(everything);
    const first = share.tryTake(PIECE_BYTES);
    const [piece = new Uint8Array()] = first?.pieces ?? [];
    first?.end();

    first?.giveBack(piece);
    const second = share.tryTake(PIECE_BYTES);

    expect(second?.pieces[0]?.buffer).not.to.equal(piece.buffer);
    expect(memory.lentBytes).to.equal(PIECE_BYTES);
  });

  it("takes each piece back once", () => {
    const memory = makeMemory(2);
    const loan = memory.share(everything).tryTake(PIECE_BYTES);
    const [piece = new Uint8Array()] = loan?.pieces ?? [];

    loan?.giveBack(piece);
    loan?.giveBack(piece);

    expect([memory.lentBytes, memory.keptBytes]).to.deep.equal([0, PIECE_BYTES]);
  });

  it("lends no more than it may, and no session more than its share", () => {
    const memory = makeMemory(3);
    const [one, other] = [memory.share({ bytesMax: 2 * PIECE_BYTES }), memory.share(everything)];

    const loans = [one.tryTake(3 * PIECE_BYTES), one.tryTake(2 * PIECE_BYTES), one.tryTake(1)];
    const others = [other.tryTake(2 * PIECE_BYTES), other.tryTake(PIECE_BYTES)];
    loans[1]?.end();

    expect(loans.map((loan) => loan !== undefined)).to.deep.equal([false, true, false]);
    expect(others.map((loan) => loan !== undefined)).to.deep.equal([false, true]);
    expect(one.tryTake(2 * PIECE_BYTES)).not.to.equal(undefined);
  });

  it("keeps no more than it may", () => {
    const memory = makeMemory(3, 1);
    const loan = memory.share(everything).tryTake(3 * PIECE_BYTES);

    for (const piece of loan?.pieces ?? []) loan?.giveBack(piece);

    expect(memory.keptBytes).to.equal(PIECE_BYTES);
  });
});
