import { expect } from "chai";

import {
  type Cast,
  interleave,
  type InterleavingFigures,
} from "../../support/interleaved-store.ts";
import { leaveOut } from "../../support/leave-out.ts";
import { rejection } from "../../support/rejection.ts";

/** `npm run interleavings` runs as many as one likes. */
const RUNS = 600;

async function interleaveMany(cast?: Cast): Promise<readonly InterleavingFigures[]> {
  const all: InterleavingFigures[] = [];
  for (let seed = 1; seed <= RUNS; seed++) {
    try {
      all.push(await interleave(seed, cast));
    } catch (cause) {
      throw new Error(`interleaving ${seed} fails: ${String(cause)}`, { cause });
    }
  }
  return all;
}

describe("server/store, in many orders", function () {
  this.timeout(180_000);

  it(`never loses a chunk that an index or a running backup needs, in ${RUNS} interleavings`, async () => {
    const all = await interleaveMany();

    // An order in which nothing is ever collected would show nothing.
    const sum = (name: keyof InterleavingFigures): number =>
      all.reduce((total, figures) => total + figures[name], 0);
    expect(sum("removedChunks")).to.be.greaterThan(RUNS / 20);
    expect(sum("finishedBackups")).to.be.greaterThan(RUNS);
    expect(sum("pulled")).to.be.greaterThan(RUNS / 20);
    expect(sum("setAside")).to.be.greaterThan(RUNS / 20);
    expect(sum("restarts")).to.be.greaterThan(RUNS / 2);
    expect(sum("advisoryRaces")).to.be.greaterThan(0);
  });

  // Or else the test above would show nothing.
  const races = [
    {
      without: "notePublished",
      cast: "pruning",
      what: "the race of PSA-2025-00019-1, when collection is not told of new indexes",
    },
    {
      without: "noteUsed",
      cast: "all",
      what: "an upload beside the sweep, when collection is not told of it",
    },
    {
      without: "secondLook",
      cast: "healing",
      what: "a chunk that was healed and is set aside, when nobody looks again",
    },
  ] as const;
  for (const { without, cast, what } of races) {
    it(`finds ${what}`, async () => {
      const left = leaveOut(without);
      try {
        const error = await rejection(interleaveMany(cast));

        expect((error as Error).message).to.match(/is gone, and .* needs it|is sound$/);
      } finally {
        left[Symbol.dispose]();
      }
    });
  }
});
