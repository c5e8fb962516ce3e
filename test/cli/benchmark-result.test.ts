import { expect } from "chai";

import {
  benchmarkResult,
  benchmarkTable,
  type Measurement,
} from "../../src/cli/benchmark-result.ts";

describe("benchmarkTable", () => {
  it("compares speeds with the reference machine, as the official client does", () => {
    // Speeds and percentages that a user of the official client has published.
    const speeds = new Map<Measurement, number>([
      ["tls", 1_267_410_000],
      ["sha256", 2_066_750_000],
      ["compress", 755_110_000],
      ["decompress", 966_630_000],
      ["verify", 579_850_000],
    ]);

    const text = benchmarkTable(benchmarkResult(speeds), { border: "unicode", hasHeader: true });

    expect(text.split("\n")).to.deep.equal([
      "┌───────────────────────────────────┬─────────────────────┐",
      "│ Name                              │ Value               │",
      "╞═══════════════════════════════════╪═════════════════════╡",
      "│ TLS (maximal backup upload speed) │ 1267.41 MB/s (103%) │",
      "├───────────────────────────────────┼─────────────────────┤",
      "│ SHA256 checksum computation speed │ 2066.75 MB/s (102%) │",
      "├───────────────────────────────────┼─────────────────────┤",
      "│ ZStd level 1 compression speed    │ 755.11 MB/s (100%)  │",
      "├───────────────────────────────────┼─────────────────────┤",
      "│ ZStd level 1 decompression speed  │ 966.63 MB/s (81%)   │",
      "├───────────────────────────────────┼─────────────────────┤",
      "│ Chunk verification speed          │ 579.85 MB/s (76%)   │",
      "├───────────────────────────────────┼─────────────────────┤",
      "│ AES256 GCM encryption speed       │ not tested          │",
      "└───────────────────────────────────┴─────────────────────┘",
      "",
    ]);
  });

  it("has a number or null for every speed in JSON, under the official names", () => {
    const result = benchmarkResult(new Map([["sha256", 5]]));

    expect(Object.keys(result)).to.deep.equal([
      ...["aes256_gcm", "compress", "decompress", "sha256", "tls", "verify"],
    ]);
    expect(result.sha256).to.deep.equal({ speed: 5, top: 2_022_000_000 });
    expect(result.tls.speed).to.equal(null);
  });
});
