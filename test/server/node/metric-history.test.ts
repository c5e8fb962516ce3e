import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";

import { MetricHistory } from "../../../src/server/node/metric-history.ts";
import { tempDir } from "../../support/temp-dir.ts";

const NOW = 1_700_000_000;
const hour = { timeframe: "hour", consolidation: "AVERAGE" } as const;

describe("server/node/metric-history", () => {
  it("gives one row a step and leaves out what is unknown", async () => {
    await using folder = await tempDir();
    const history = await MetricHistory.open(folder.path);
    await history.record("node", NOW, { cpu: 0.5, netin: undefined });

    const rows = await history.read("node", NOW, hour);

    expect(rows).to.have.length(60);
    expect(rows.at(-1)).to.deep.equal({ time: Math.floor(NOW / 60) * 60, cpu: 0.5 });
    expect(rows[0]).to.have.all.keys("time");
    expect(rows.every(({ time }, i) => time === (rows[0]?.time ?? 0) + i * 60)).to.equal(true);
  });

  it("finds everything again after it was saved", async () => {
    await using folder = await tempDir();
    const history = await MetricHistory.open(folder.path);
    await history.record("node", NOW, { cpu: 0.5 });
    await history.save();

    const again = await MetricHistory.open(folder.path);

    expect(await again.read("node", NOW, hour)).to.deep.equal(
      await history.read("node", NOW, hour),
    );
  });

  it("starts anew when a file cannot be read", async () => {
    await using folder = await tempDir();
    for (const [name, text] of [
      ["bad", "{"],
      ["odd", '{"cpu":{"archives":[]}}'],
    ] as const) {
      await writeFile(join(folder.path, `${name}.json`), text);
      const history = await MetricHistory.open(folder.path);

      await history.record(name, NOW, { cpu: 1 });
      expect((await history.read(name, NOW, hour)).at(-1)).to.have.property("cpu", 1);
    }
  });
});
