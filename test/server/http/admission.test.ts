import { expect } from "chai";

import { Admission } from "../../../src/server/http/admission.ts";

describe("server/http/admission", () => {
  let nowMs: number;
  let endTurn: () => void;
  let admitted: number[];
  let admission: Admission<number>;
  beforeEach(() => {
    nowMs = 1000;
    admitted = [];
    const pending: (() => void)[] = [];
    endTurn = () => {
      for (const callback of pending.splice(0)) callback();
    };
    admission = new Admission({
      admit: (item) => admitted.push(item),
      nowMs: () => nowMs,
      atTurnEnd: (callback) => pending.push(callback),
    });
  });

  /** How many come in, in each of the next turns of so many milliseconds. */
  function turns(count: number, ms: number): number[] {
    return Array.from({ length: count }, () => {
      const before = admitted.length;
      nowMs += ms;
      endTurn();
      return admitted.length - before;
    });
  }

  it("lets those in at once, in order, who come after a quiet time", () => {
    for (const item of [1, 2, 3]) admission.add(item);
    expect(admitted).to.deep.equal([]);

    endTurn();

    expect(admitted).to.deep.equal([1, 2, 3]);
  });

  it("lets one in in each short turn when there are very many", () => {
    for (let item = 0; item < 100; item++) admission.add(item);

    expect(turns(4, 1)).to.deep.equal([32, 1, 1, 1]);
  });

  it("lets as many in as are due when turns take long", () => {
    for (let item = 0; item < 100; item++) admission.add(item);

    expect(turns(4, 100)).to.deep.equal([32, 25, 25, 18]);
  });

  it("goes on when somebody comes after all were let in", () => {
    admission.add(1);
    endTurn();
    admission.add(2);
    endTurn();

    expect(admitted).to.deep.equal([1, 2]);
  });
});
