import { readFile } from "node:fs/promises";

import { expect } from "chai";

import { TimeZone } from "../../../src/format/schedule/time-zone.ts";
import {
  applyRetention,
  keepAll,
  keepsSomething,
  type Retention,
  retentionReasonText,
  retentionRules,
  retentionText,
} from "../../../src/format/snapshot/retention.ts";

interface Vector {
  readonly name: string;
  readonly timezone: string;
  readonly keep: Readonly<Record<string, number>>;
  readonly snapshots: readonly {
    readonly "backup-time": number;
    readonly finished: boolean;
    readonly protected: boolean;
  }[];
  readonly expected: readonly { readonly "backup-time": number; readonly mark: string }[];
}

interface Recorded {
  readonly timezone: string;
  readonly snapshots: readonly {
    readonly time: number;
    readonly finished: boolean;
    readonly protected: boolean;
  }[];
  readonly results: readonly {
    readonly options: Readonly<Record<string, number>>;
    readonly kept: readonly number[];
    readonly removed: readonly number[];
  }[];
}

async function fixture<Content>(name: string): Promise<Content> {
  const url = new URL(`../../../fixtures/prune/${name}`, import.meta.url);
  return JSON.parse(await readFile(url, "utf8")) as Content;
}

function retentionOf(options: Readonly<Record<string, number>>): Retention {
  const given = retentionRules.map((rule) => [rule, options[`keep-${rule}`]] as const);
  return Object.fromEntries(given.filter(([, count]) => count !== undefined));
}

const { vectors } = await fixture<{ vectors: readonly Vector[] }>("prune-vectors.json");
const recorded = await fixture<Recorded>("prune.json");
const utc = new TimeZone("UTC");
const finished = (timeSec: number) => ({ timeSec, isFinished: true, isProtected: false });

describe("format/snapshot/retention", () => {
  for (const vector of vectors) {
    it(`decides as the reference does: ${vector.name}`, () => {
      const snapshots = vector.snapshots.map((snapshot) => ({
        timeSec: snapshot["backup-time"],
        isFinished: snapshot.finished,
        isProtected: snapshot.protected,
      }));

      const decisions = applyRetention(
        snapshots,
        retentionOf(vector.keep),
        new TimeZone(vector.timezone),
      );

      const found = decisions.map(({ snapshot, mark }) => [snapshot.timeSec, mark]);
      expect(found).to.deep.equal(
        vector.expected.map((wanted) => [wanted["backup-time"], wanted.mark]),
      );
    });
  }

  for (const { options, kept, removed } of recorded.results.filter(
    (result) => Object.keys(result.options).length > 0,
  )) {
    it(`keeps what the genuine server kept with ${JSON.stringify(options)}`, () => {
      const snapshots = recorded.snapshots.map((snapshot) => ({
        timeSec: snapshot.time,
        isFinished: snapshot.finished,
        isProtected: snapshot.protected,
      }));

      const decisions = applyRetention(
        snapshots,
        retentionOf(options),
        new TimeZone(recorded.timezone),
      );

      const times = (wanted: boolean): number[] =>
        decisions
          .filter(({ mark }) => (mark === "remove") === wanted)
          .map(({ snapshot }) => snapshot.timeSec);
      expect(times(true)).to.have.members(removed);
      expect(times(false)).to.have.members(kept);
    });
  }

  it("does not depend on the order in which snapshots are given", () => {
    const snapshots = [5, 1, 4, 2, 3].map(finished);

    const decisions = applyRetention(snapshots, { last: 2 }, utc);

    expect(decisions.map(({ snapshot, mark }) => `${snapshot.timeSec} ${mark}`)).to.deep.equal([
      "1 remove",
      "2 remove",
      "3 remove",
      "4 keep",
      "5 keep",
    ]);
  });

  it("names the rule that keeps or drops each snapshot", () => {
    const day = 86_400;
    const snapshots = [
      { timeSec: 1, isFinished: true, isProtected: true },
      finished(2),
      { timeSec: day, isFinished: false, isProtected: false },
      finished(day + 1),
      finished(2 * day),
      finished(2 * day + 1),
      finished(3 * day),
      { timeSec: 3 * day + 1, isFinished: false, isProtected: false },
    ];

    const decisions = applyRetention(snapshots, { last: 1, daily: 2 }, utc);

    expect(decisions.map(({ reason }) => retentionReasonText(reason))).to.deep.equal([
      "protected",
      "no rule keeps it",
      "unfinished, and not the newest",
      "keep-daily 2 of 2 (1970/01/02)",
      "keep-daily has a newer one of 1970/01/03",
      "keep-daily 1 of 2 (1970/01/03)",
      "keep-last 1 of 1",
      "newest and unfinished: its backup may be running",
    ]);
  });

  it("keeps everything when no rule is given", () => {
    const old = { timeSec: 1, isFinished: true, isProtected: true };

    const decisions = keepAll([finished(2), old]);

    expect(
      decisions.map(({ mark, reason }) => `${mark}: ${retentionReasonText(reason)}`),
    ).to.deep.equal(["protected: protected", "keep: no retention is given"]);
  });

  it("says whether a retention keeps anything, and how it reads on a command line", () => {
    expect(keepsSomething({})).to.equal(false);
    expect(keepsSomething({ last: 0 })).to.equal(false);
    expect(keepsSomething({ yearly: 1 })).to.equal(true);
    expect(retentionText({ yearly: 1, last: 3 })).to.equal("--keep-last 3 --keep-yearly 1");
  });
});
