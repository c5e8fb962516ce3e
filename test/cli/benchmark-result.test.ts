import { expect } from "chai";

import {
  benchmarkResult,
  benchmarkTable,
  type Measurement,
} from "../../src/cli/benchmark-result.ts";

describe("benchmarkTable", () => {
  it("compares speeds with those of the official client on a reference machine", () => {
    const speeds = new Map<Measurement, number>([
      ["tls", 1_226_990_000],
      ["sha256", 1_707_000_000],
      ["compress", 472_140_000],
      ["decompress", 486_120_000],
      ["verify", 309_070_000],
    ]);

    const text = benchmarkTable(benchmarkResult(speeds), { border: "unicode", hasHeader: true });

    expect(text.split("\n")).to.deep.equal([
      "┌───────────────────────────────────┬─────────────────────┐",
      "│ Name                              │ Value               │",
      "╞═══════════════════════════════════╪═════════════════════╡",
      "│ TLS (maximal backup upload speed) │ 1226.99 MB/s (300%) │",
      "├───────────────────────────────────┼─────────────────────┤",
      "│ SHA256 checksum computation speed │ 1707.00 MB/s (100%) │",
      "├───────────────────────────────────┼─────────────────────┤",
      "│ ZStd level 1 compression speed    │ 472.14 MB/s (100%)  │",
      "├───────────────────────────────────┼─────────────────────┤",
      "│ ZStd level 1 decompression speed  │ 486.12 MB/s (81%)   │",
      "├───────────────────────────────────┼─────────────────────┤",
      "│ Chunk verification speed          │ 309.07 MB/s (75%)   │",
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
    expect(result.sha256).to.deep.equal({ speed: 5, top: 1_707_000_000 });
    expect(result.tls.speed).to.equal(null);
  });
});
