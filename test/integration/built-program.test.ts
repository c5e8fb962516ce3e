import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { expect } from "chai";

import { amberProgram } from "../support/amber-program.ts";

const bundle = join(amberProgram, "../../dist/program/main.cjs");

describe("the built program", () => {
  it("starts with the code that the build has kept", () => {
    const loader = pathToFileURL(join(amberProgram, "../load-program.js")).href;
    const script = `import { loadProgram } from ${JSON.stringify(loader)};
      console.log(loadProgram(${JSON.stringify(bundle)}).isAhead);`;

    const run = spawnSync(process.execPath, ["--input-type=module", "--eval", script], {
      env: { ...process.env, NODE_OPTIONS: "" },
    });

    expect(run.stdout.toString()).to.equal("true\n");
  });

  it("tells Node where its parts stand in the sources, when Node is to know", () => {
    // The second runs if the compiler has run since.
    const files = [bundle, join(amberProgram, "../../dist/cli/main.js")];
    const look = `import { findSourceMap } from "node:module";
      process.on("exit", () => {
        const sources = ${JSON.stringify(files)}.flatMap((file) => findSourceMap(file)?.payload.sources ?? []);
        console.log(sources.some((source) => source.endsWith("/src/cli/main.ts")));
      });`;
    const watch = `data:text/javascript,${encodeURIComponent(look)}`;

    const run = spawnSync(process.execPath, [
      ...["--enable-source-maps", "--import", watch],
      ...[amberProgram, "--version"],
    ]);

    expect(run.stdout.toString()).to.match(/\ntrue\n$/);
  });
});
