import { expect } from "chai";

import { LiveChunks } from "../../../src/server/store/live-chunks.ts";
import { interleave, type InterleavingFigures } from "../../support/interleaved-store.ts";
import { rejection } from "../../support/rejection.ts";

/** `npm run interleavings` runs as many as one likes, and shows that the check can fail. */
const RUNS = 1000;

describe("server/store, in many orders", () => {
  it(`never removes a chunk that an index or a running backup needs, in ${RUNS} interleavings`, async () => {
    const all: InterleavingFigures[] = [];

    for (let seed = 1; seed <= RUNS; seed++) {
      try {
        all.push(await interleave(seed));
      } catch (cause) {
        throw new Error(`interleaving ${seed} fails`, { cause });
      }
    }

    // An order in which nothing is ever collected would show nothing.
    const sum = (name: keyof InterleavingFigures): number =>
      all.reduce((total, figures) => total + figures[name], 0);
    expect(sum("removedChunks")).to.be.greaterThan(RUNS / 10);
    expect(sum("finishedBackups")).to.be.greaterThan(RUNS);
    expect(sum("restarts")).to.be.greaterThan(RUNS / 2);
  });

  it("finds the race of PSA-2025-00019-1 when collection is not told of new indexes", async () => {
    // Or else the test above would show nothing.
    const real = Reflect.getOwnPropertyDescriptor(LiveChunks.prototype, "notePublished");
    LiveChunks.prototype.notePublished = () => undefined;
    try {
      const error = await rejection(
        (async () => {
          for (let seed = 1; seed <= RUNS; seed++) await interleave(seed);
        })(),
      );

      expect((error as Error).message).to.match(/was removed, and .* needs it|is gone/);
    } finally {
      Object.defineProperty(LiveChunks.prototype, "notePublished", real ?? {});
    }
  });
});
