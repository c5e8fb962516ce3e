import { expect } from "chai";

import { NotResident } from "../../src/format/bytes/resident-source.ts";
import { AnswerMemory } from "../../src/fs/answer-memory.ts";
import { ChunkedBytes } from "../../src/fs/chunked-bytes.ts";
import { type FsNeed } from "../../src/fs/fs-need.ts";
import { ZeroChunks } from "../../src/fs/zero-chunks.ts";
import { indexedSample } from "../support/indexed-sample.ts";
import { thrown } from "../support/thrown.ts";

const snapshot = { namespace: "", type: "host", id: "elsa", timeSec: 1 };

function made(
  bytesMax: number,
  sizes = [1000, 1000],
): { memory: AnswerMemory; bytes: ChunkedBytes; back: number[] } {
  const back: number[] = [];
  const memory = new AnswerMemory({
    bytesMax,
    host: { prefetch: () => undefined, giveBack: (loan) => back.push(loan) },
    monotonicMs: () => 0,
  });
  const { index } = indexedSample(sizes);
  const bytes = new ChunkedBytes({
    index,
    snapshot,
    archive: "a.ppxar.didx",
    holds: "content",
    memory,
    zeros: new ZeroChunks([]),
  });
  return { memory, bytes, back };
}

/** Answers whatever is asked for with lent memory that is all `fill`. */
function answer(memory: AnswerMemory, need: unknown, fill: number, loan: number): Uint8Array {
  const bytes = new Uint8Array(1000).fill(fill);
  memory.accept(need as FsNeed, { bytes, loan });
  return bytes;
}

describe("fs/chunked-bytes", () => {
  const context = { end: 2000, isStart: true };

  it("asks again for a chunk whose lent memory has gone back, however recently it was read", () => {
    const { memory, bytes, back } = made(1500);
    const first = thrown(() => bytes.pieces(0, 10, context)) as NotResident;
    answer(memory, first.need, 1, 11);
    const read = [...(bytes.pieces(0, 2, context)[0] ?? [])];
    const second = thrown(() => bytes.pieces(1500, 10, context)) as NotResident;

    answer(memory, second.need, 2, 22);

    expect(read).to.deep.equal([1, 1]);
    expect(back).to.deep.equal([11]);
    expect(thrown(() => bytes.pieces(0, 2, context))).to.be.instanceOf(NotResident);
  });

  it("puts a long range together from chunks of which the memory holds only one", () => {
    const chunkBytes = 1_000_000;
    const { memory, bytes } = made(1_500_000, [chunkBytes, chunkBytes, chunkBytes]);
    const asked: number[] = [];
    const reading = (): Uint8Array => {
      for (;;) {
        try {
          return bytes.read(10, 2_500_000);
        } catch (error) {
          if (!(error instanceof NotResident)) throw error;
          asked.push(asked.length + 1);
          const chunk = new Uint8Array(chunkBytes).fill(asked.length);
          memory.accept(error.need as FsNeed, { bytes: chunk });
        }
      }
    };

    const read = reading();

    expect(asked).to.deep.equal([1, 2, 3]);
    expect(
      [0, 999_989, 999_990, 1_999_989, 1_999_990, 2_499_999].map((i) => read[i]),
    ).to.deep.equal([1, 1, 2, 2, 3, 3]);
  });
});
