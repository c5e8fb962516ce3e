import { expect } from "chai";

import { UntakenBytes } from "../../../src/server/session/untaken-bytes.ts";

describe("server/session/untaken-bytes", () => {
  let untaken: UntakenBytes;
  let ended: string[];
  let watches: Disposable[];
  beforeEach(() => {
    untaken = new UntakenBytes(100);
    ended = [];
    watches = [];
  });
  afterEach(() => {
    for (const watch of watches) watch[Symbol.dispose]();
  });

  function sending(name: string, bytes: number): Disposable {
    const watch = untaken.watch(() => bytes);
    watch.flooded.addEventListener("abort", () => ended.push(name));
    watches.push(watch);
    return watch;
  }

  it("leaves connections alone that keep within the bound together", () => {
    sending("a", 60);
    sending("b", 40);

    untaken.look();

    expect(ended).to.deep.equal([]);
  });

  it("ends those that have most until the rest is within the bound", () => {
    for (const [name, bytes] of [
      ["a", 60],
      ["b", 90],
      ["c", 30],
      ["d", 70],
    ] as const) {
      sending(name, bytes);
    }

    untaken.look();

    expect(ended).to.deep.equal(["b", "d"]);
  });

  it("does not count a connection that is gone", () => {
    const gone = sending("a", 90);
    sending("b", 90);

    gone[Symbol.dispose]();
    untaken.look();

    expect(ended).to.deep.equal([]);
  });
});
