import { expect } from "chai";

import { choose } from "../../../src/server/sync/pull-group.ts";
import { snapshotAt } from "../../support/make-backup.ts";

const offered = [1, 2, 3, 4, 5].map((second) => snapshotAt(second));
const at = (second: number): number => snapshotAt(second).timeSec;

describe("server/sync/pull-group", () => {
  it("takes what the worked example takes", () => {
    // Spec retention-gc-verify-sync.md §5.6.
    const { wanted, skipped } = choose(offered, { last: at(3), transferLast: 2 });

    expect(wanted).to.deep.equal(offered.slice(2));
    expect([...skipped]).to.deep.equal([
      ["older than the newest local snapshot", offered.slice(0, 2)],
    ]);
  });

  it("takes everything into an empty group", () => {
    expect(choose(offered, { last: undefined, transferLast: undefined }).wanted).to.deep.equal(
      offered,
    );
  });

  it("takes the newest few into an empty group", () => {
    const { wanted, skipped } = choose(offered, { last: undefined, transferLast: 2 });

    expect(wanted).to.deep.equal(offered.slice(3));
    expect(skipped.get("due to transfer-last")).to.deep.equal(offered.slice(0, 3));
  });

  it("takes nothing when everything here is newer", () => {
    expect(choose(offered, { last: at(9), transferLast: undefined }).wanted).to.deep.equal([]);
  });
});
