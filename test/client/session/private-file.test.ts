import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";

import { expect } from "chai";

import { createFile, replacePrivateFile } from "../../../src/client/session/private-file.ts";
import { eventually } from "../../support/amber-program.ts";
import { rejection } from "../../support/rejection.ts";
import { tempDir } from "../../support/temp-dir.ts";

const source = resolve(import.meta.dirname, "../../../src/client/session/private-file.ts");
const LARGE_BYTES = 256 * 1024 * 1024;

describe("client/session/private-file", () => {
  it("makes a file and leaves nothing beside it", async () => {
    await using folder = await tempDir();
    const path = join(folder.path, "k.json");

    await createFile(path, "a key", { mode: 0o600, suffix: "1" });

    expect(await readFile(path, "utf8")).to.equal("a key");
    expect((await stat(path)).mode & 0o777).to.equal(0o600);
    expect(await readdir(folder.path)).to.deep.equal(["k.json"]);
  });

  it("rejects with EEXIST for a name that is taken, and leaves what is there", async () => {
    await using folder = await tempDir();
    const path = join(folder.path, "k.json");
    await writeFile(path, "precious");

    const error = await rejection(createFile(path, "a key", { mode: 0o600, suffix: "1" }));

    expect(error).to.have.property("code", "EEXIST");
    expect(await readFile(path, "utf8")).to.equal("precious");
    expect(await readdir(folder.path)).to.deep.equal(["k.json"]);
  });

  it("leaves nothing in the way when it is killed while it writes", async () => {
    await using folder = await tempDir();
    const path = join(folder.path, "k.json");
    const script = `
      const { createFile } = await import(${JSON.stringify(source)});
      const options = { mode: 0o600, suffix: "killed" };
      await createFile(${JSON.stringify(path)}, "k".repeat(${LARGE_BYTES}), options);`;
    const child = spawn(process.execPath, ["--import=tsx", "--input-type=module", "-e", script]);
    const ended = new Promise((done) => child.once("close", done));
    await eventually(() => existsSync(`${path}.tmp-killed`), "the temporary file");

    child.kill("SIGKILL");
    await ended;
    const isComplete = existsSync(path);
    if (!isComplete) await createFile(path, "a key", { mode: 0o600, suffix: "2" });

    expect((await stat(path)).size).to.equal(isComplete ? LARGE_BYTES : 5);
  });

  it("replaces a file whose predecessor was killed", async () => {
    await using folder = await tempDir();
    const path = join(folder.path, "tickets");
    await writeFile(`${path}.tmp-killed`, "half");

    await replacePrivateFile(path, "new", "1");

    expect(await readFile(path, "utf8")).to.equal("new");
  });
});
