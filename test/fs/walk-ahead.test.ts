import { expect } from "chai";

import { WalkAhead } from "../../src/fs/walk-ahead.ts";

describe("fs/walk-ahead", () => {
  it("guesses nothing until somebody goes on as expected", () => {
    const walk = new WalkAhead();

    walk.listed(1, [2, 5]);

    expect(walk.next).to.equal(undefined);
  });

  it("expects what is in a directory, in order, and then what comes behind the directory", () => {
    const walk = new WalkAhead();
    const guesses: (number | undefined)[] = [];

    walk.listed(1, [2, 5]);
    for (const [ino, directories] of [
      [2, [3, 4]],
      [3, []],
      [4, []],
      [5, []],
    ] as const) {
      walk.listed(ino, directories);
      guesses.push(walk.next);
    }

    expect(guesses).to.deep.equal([3, 4, 5, undefined]);
  });

  it("stops guessing when somebody goes elsewhere, and starts again from there", () => {
    const walk = new WalkAhead();
    walk.listed(1, [2, 5]);
    walk.listed(2, [3]);

    walk.listed(7, [8, 9]);
    const afterJump = walk.next;
    walk.listed(8, []);

    expect(afterJump).to.equal(undefined);
    expect(walk.next).to.equal(9);
  });

  it("gives up a guess until the next one that comes true", () => {
    const walk = new WalkAhead();
    walk.listed(1, [2, 3, 4]);
    walk.listed(2, []);

    walk.giveUp();
    const given = walk.next;
    walk.listed(3, []);

    expect(given).to.equal(undefined);
    expect(walk.next).to.equal(4);
  });

  it("remembers a bounded number of directories, those that come first", () => {
    const walk = new WalkAhead();
    const many = Array.from({ length: 10_000 }, (_, i) => 10 + i);

    walk.listed(1, [2, ...many]);
    walk.listed(2, []);
    for (const ino of many.slice(0, 4000)) {
      expect(walk.next).to.equal(ino);
      walk.listed(ino, []);
    }
    for (const ino of many.slice(4000, 4200)) walk.listed(ino, []);

    expect(walk.next).to.equal(undefined);
  });
});
