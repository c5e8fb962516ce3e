import { expect } from "chai";

import { uploadStatisticsLines } from "../../../src/server/session/upload-statistics.ts";

const report = {
  archive: "disk.img.fidx",
  uuid: "8e06db6653e9498886f4e8a72482f9ee",
  csum: "151bc014",
  size: 9_441_280,
  chunkCount: 3,
  uploads: { count: 1, size: 4_194_304, compressedSize: 400, duplicates: 0 },
};

describe("server/session/upload-statistics", () => {
  it("has the lines of the genuine server's log", () => {
    expect(uploadStatisticsLines(report)).to.deep.equal([
      "Upload statistics for 'disk.img.fidx'",
      "UUID: 8e06db6653e9498886f4e8a72482f9ee",
      "Checksum: 151bc014",
      "Size: 9441280",
      "Chunk count: 3",
      "Upload size: 4194304 (44%)",
      "Duplicates: 2+0 (66%)",
      "Compression: 0%",
    ]);
  });

  it("has no shares of nothing", () => {
    const empty = { count: 0, size: 0, compressedSize: 0, duplicates: 0 };

    const lines = uploadStatisticsLines({ ...report, uploads: empty });

    expect(lines.slice(5)).to.deep.equal(["Upload size: 0 (0%)", "Duplicates: 3+0 (100%)"]);
  });
});
