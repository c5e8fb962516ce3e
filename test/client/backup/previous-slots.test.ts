import { expect } from "chai";

import { previousSlots } from "../../../src/client/backup/previous-slots.ts";
import { CHUNK_BYTES_MAX } from "../../../src/format/limits.ts";

const MEBIBYTE = 1024 * 1024;

/** The ends of an index of chunks of these lengths. */
function indexOf(sizes: readonly number[]): Parameters<typeof previousSlots>[0] {
  const ends = sizes.map((_, i) => sizes.slice(0, i + 1).reduce((sum, size) => sum + size, 0));
  return { count: sizes.length, startOf: (i) => ends[i - 1] ?? 0, endOf: (i) => ends[i] ?? 0 };
}

describe("client/backup/previous-slots", () => {
  it("holds many chunks where they are short, in slots of the longest", () => {
    const slots = previousSlots(indexOf([1000, MEBIBYTE + 1, 500]));

    expect(slots).to.deep.equal({
      slotBytes: MEBIBYTE + 4096,
      slotCount: 16,
      keptMax: 8,
      aheadMax: 6,
    });
  });

  it("holds few where they are long, and none longer than a chunk may be", () => {
    const slots = previousSlots(indexOf([1000, 2 ** 40]));

    expect(slots).to.deep.equal({
      slotBytes: CHUNK_BYTES_MAX,
      slotCount: 5,
      keptMax: 2,
      aheadMax: 1,
    });
  });
});
