import { expect } from "chai";

import { DENSE_BYTES, IMAGE_BYTES, imageData, randomOffsets } from "../../bench/disk-image.ts";

describe("bench/disk-image", () => {
  it("has data in pieces that do not overlap, without a gap at the start and inside the image", () => {
    const pieces = imageData();

    let dense = 0;
    let end = 0;
    for (const { start, size } of pieces) {
      expect(start).to.be.at.least(end);
      if (start === dense) dense += size;
      end = start + size;
    }
    expect(dense).to.equal(DENSE_BYTES);
    expect(end).to.be.at.most(IMAGE_BYTES);
    expect(pieces.reduce((sum, { size }) => sum + size, 0) / 2 ** 30).to.be.closeTo(1.7, 0.01);
  });

  it("chooses the same blocks for the same seed, all of them data", () => {
    const pieces = imageData();

    const offsets = randomOffsets(500, 1);

    expect(randomOffsets(500, 1)).to.deep.equal(offsets);
    expect(randomOffsets(500, 2)).not.to.deep.equal(offsets);
    for (const offset of offsets) {
      expect(offset % 4096).to.equal(0);
      expect(pieces.some(({ start, size }) => offset >= start && offset < start + size)).to.equal(
        true,
        `${offset} is data`,
      );
    }
  });
});
