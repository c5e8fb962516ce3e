import { readdir, symlink } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { amberProgram, runAmber } from "../support/amber-program.ts";
import { runAgainst } from "../support/run-against.ts";
import { tempDir } from "../support/temp-dir.ts";
import { startTestServer } from "../support/test-server.ts";

describe("integration/benchmark", function () {
  this.timeout(60_000);

  it("measures the upload as well when a repository is given, and leaves no group on the server", async () => {
    await using server = await startTestServer();
    await using home = await tempDir();
    const path = join(home.path, "proxmox-backup-client");
    await symlink(amberProgram, path);
    const program = { path, home: home.path, account: server.tokenId };
    const args = ["benchmark", "--duration", "0.01", "--output-format", "json"];

    const run = await runAgainst(server, program, args, server.tokenSecret);

    expect(run.status, run.output).to.equal(0);
    const result = JSON.parse(run.output.slice(run.output.indexOf("{"))) as object;
    for (const [name, { speed }] of Object.entries(result)) expect(speed, name).to.be.above(0);
    expect(run.output).to.match(/^Uploaded \d+ chunks in \d+ seconds\.$/m);
    expect(await readdir(join(server.storePath, "host"))).to.deep.equal([]);
  });

  it("measures only this machine without a repository", async () => {
    await using home = await tempDir();
    const environment = { XDG_CONFIG_HOME: home.path, LC_ALL: "C" };

    const run = runAmber(["benchmark", "--duration", "0.01"], environment);

    expect(run.status, run.stderr).to.equal(0);
    expect(run.stdout).to.match(/TLS \(maximal backup upload speed\) \| not tested /);
    expect(run.stdout).to.match(/AES256 GCM encryption speed +\| +\d+\.\d\d MB\/s \(\d+%\)/);
    expect(run.stderr).not.to.include("TLS");
  });
});
