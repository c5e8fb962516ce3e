import { expect } from "chai";

import { ProgressLine } from "../../src/cli/progress-line.ts";

describe("cli/progress-line", () => {
  it("writes one line again and again on a terminal, and clears it for other output", async () => {
    let written = "";
    const output = { isTTY: true, write: (text: string) => (written += text) };
    const line = new ProgressLine({ output, describe: () => "x".repeat(200) });
    while (!written.includes("x")) await new Promise((resolve) => setImmediate(resolve));

    line.print(() => output.write("a message\n"));
    line[Symbol.dispose]();

    const lines = written.split("\r\u001b[K").slice(1);
    expect(lines.slice(0, -1)).to.have.length.above(0);
    for (const shown of lines.slice(0, -1)) expect(shown).to.equal("x".repeat(79));
    expect(lines.at(-1)).to.equal("a message\n");
  });

  it("writes nothing anywhere else for short commands", () => {
    let written = "";
    const output = { write: (text: string) => (written += text) };

    {
      using line = new ProgressLine({ output, describe: () => "half" });
      line.print(() => output.write("a message\n"));
    }

    expect(written).to.equal("a message\n");
  });
});
