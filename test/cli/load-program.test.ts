import { spawnSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { expect } from "chai";

import { amberProgram } from "../support/amber-program.ts";
import { tempDir } from "../support/temp-dir.ts";

const loader = pathToFileURL(join(amberProgram, "../load-program.js")).href;

/** Loads a bundle in a process of its own, as V8 does not look at kept code of what a process has compiled already. */
function load(bundle: string, and = ""): string {
  const script = `import { loadProgram } from ${JSON.stringify(loader)};
    const { exports, isAhead, keepCode } = loadProgram(${JSON.stringify(bundle)});
    console.log(exports.greet(), isAhead);
    ${and}`;
  const run = spawnSync(process.execPath, ["--input-type=module", "--eval", script], {
    env: { ...process.env, NODE_OPTIONS: "" },
  });
  return `${run.stdout.toString()}${run.stderr.toString()}`.trim();
}

const bundleOf = (word: string): string =>
  `exports.greet = () => { return ${JSON.stringify(word)} + require("node:path").sep; };`;

describe("loadProgram", () => {
  it("takes the code that was kept of a bundle, which needs no other file", async () => {
    await using directory = await tempDir();
    const bundle = join(directory.path, "a b é.cjs");
    await writeFile(bundle, bundleOf("good day"));

    const first = load(bundle, "keepCode();");
    const second = load(bundle);

    expect([first, second]).to.deep.equal(["good day/ false", "good day/ true"]);
  });

  it("compiles when the code is that of another bundle, even one of the same length", async () => {
    await using directory = await tempDir();
    const bundle = join(directory.path, "main.cjs");
    await writeFile(bundle, bundleOf("good day"));
    load(bundle, "keepCode();");
    await writeFile(bundle, bundleOf("good bye"));

    expect(load(bundle)).to.equal("good bye/ false");
  });

  it("compiles when the code is damaged, wherever", async () => {
    await using directory = await tempDir();
    const bundle = join(directory.path, "main.cjs");
    await writeFile(bundle, bundleOf("good day"));
    load(bundle, "keepCode();");
    const whole = await readFile(`${bundle}.code`);
    const flipped = [0, 20, whole.length >> 1, whole.length - 8, whole.length - 1].map((at) => {
      const copy = Uint8Array.from(whole);
      copy[at] = (copy[at] ?? 0) ^ 1;
      return copy;
    });
    const cut = [0, 3, 4, 5, whole.length - 1].map((size) => whole.subarray(0, size));

    for (const damaged of [...flipped, ...cut]) {
      await writeFile(`${bundle}.code`, damaged);

      expect(load(bundle)).to.equal("good day/ false");
    }
  });

  it("compiles when something else stands in the place of the code", async () => {
    await using directory = await tempDir();
    const bundle = join(directory.path, "main.cjs");
    await writeFile(bundle, bundleOf("good day"));
    await mkdir(`${bundle}.code`);

    expect(load(bundle)).to.equal("good day/ false");
  });
});
