import { expect } from "chai";

import { AnswerDeadline } from "../../../src/client/session/answer-deadline.ts";

const KIB = 1024;

/** What comes between two looks: for the request, and for others. */
type Coming = readonly [own: number, others: number];

/** Looks until the time is over, and says how often that was; what comes is repeated at its end with nothing. */
async function looksUntilOver(coming: readonly Coming[]): Promise<number> {
  return await new Promise((resolve) => {
    let looks = -1; // The first is at the start.
    let bytes = 0;
    const deadline: AnswerDeadline = new AnswerDeadline({
      timeoutMs: 1,
      receivedBytes: () => {
        const [own, others] = coming[looks++] ?? [0, 0];
        if (looks > 0) deadline.progress(own);
        bytes += own + others;
        return bytes;
      },
      onOver: () => {
        resolve(looks);
      },
    });
  });
}

describe("client/session/answer-deadline", () => {
  it("is over after its time when nothing comes", async () => {
    expect(await looksUntilOver([])).to.equal(1);
  });

  it("gives as much time again as often as a good part of the answer has come", async () => {
    const part: Coming = [256 * KIB, 0];

    expect(await looksUntilOver(Array.from({ length: 30 }, () => part))).to.equal(31);
  });

  it("is over when next to nothing of it comes", async () => {
    expect(await looksUntilOver(Array.from({ length: 30 }, () => [255 * KIB, 0]))).to.equal(1);
  });

  it("waits while the line is busy with others, ten times", async () => {
    expect(await looksUntilOver(Array.from({ length: 30 }, () => [0, 256 * KIB]))).to.equal(11);
  });

  it("counts those times anew once its own answer comes", async () => {
    const others = Array.from({ length: 10 }, (): Coming => [0, 256 * KIB]);

    expect(await looksUntilOver([...others, [256 * KIB, 0], ...others])).to.equal(22);
  });
});
