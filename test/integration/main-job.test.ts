import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import {
  type MountProcess,
  runAmber,
  type ServerProcess,
  startMountProcess,
  startServerProcess,
  whyNoMount,
} from "../support/amber-program.ts";
import { makeOddTree, removeOddTree } from "../support/odd-tree.ts";
import { skipBecause } from "../support/skip-because.ts";

/** What rsync would have to change to make `to` equal to `from`: nothing, if they are equal. */
function rsyncDifference(from: string, to: string): string {
  const run = spawnSync(
    "rsync",
    [
      "-aHAXn",
      "--delete",
      "--numeric-ids",
      "--checksum",
      "--itemize-changes",
      `${from}/`,
      `${to}/`,
    ],
    { encoding: "utf8" },
  );
  return `${run.stdout}${run.stderr}`;
}

describe("integration/main-job", function () {
  this.timeout(120_000);
  let home: string;
  let source: string;
  let server: ServerProcess;
  let mount: MountProcess | undefined;

  before(async function () {
    const reason =
      whyNoMount() ?? (spawnSync("which", ["rsync"]).status === 0 ? undefined : "no rsync");
    if (reason !== undefined) {
      skipBecause(this, reason);
    }
    home = mkdtempSync(join(tmpdir(), "amber-main-job-"));
    source = join(home, "source");
    makeOddTree(source);
    // The datastore is made as for a user, with all its folders.
    const asForUsers = ["--chunk-folders", "in-background"];
    server = await startServerProcess(home, undefined, asForUsers);
  });

  after(async () => {
    await mount?.stop();
    await server.stop();
    for (const tree of [
      "source",
      "copied",
      "restored-legacy",
      "restored-data",
      "restored-metadata",
    ]) {
      removeOddTree(join(home, tree));
    }
    rmSync(home, { recursive: true, force: true });
  });

  for (const mode of ["legacy", "data", "metadata"]) {
    it(`backs up every odd kind of file in mode ${mode}`, () => {
      const run = runAmber(
        ["backup", `odd.pxar:${source}`, "--backup-id", mode, "--change-detection-mode", mode],
        server.env,
      );

      expect(run.stderr).not.to.contain("Error");
      expect(run.status).to.equal(0);
    });
  }

  it("mounts the datastore", async () => {
    mount = await startMountProcess([], join(home, "mnt"), server.env);

    expect(existsSync(join(mount.point, "host/metadata/latest/odd.pxar"))).to.equal(true);
  });

  for (const mode of ["legacy", "data", "metadata"]) {
    it(`shows the ${mode} snapshot equal to its source, both ways`, () => {
      const mounted = join(home, `mnt/host/${mode}/latest/odd.pxar`);

      expect(rsyncDifference(source, mounted)).to.equal("");
      expect(rsyncDifference(mounted, source)).to.equal("");
    });

    it(`restores the ${mode} snapshot equal to its source`, () => {
      const target = join(home, `restored-${mode}`);

      const run = runAmber(["restore", `host/${mode}`, "odd.pxar", target], server.env);

      expect(run.status, run.stderr).to.equal(0);
      expect(rsyncDifference(source, target)).to.equal("");
    });
  }

  it("lets cp -a copy everything out of the mount", () => {
    const target = join(home, "copied");

    const run = spawnSync("cp", ["-a", join(home, "mnt/host/metadata/latest/odd.pxar"), target], {
      encoding: "utf8",
    });

    expect(run.stderr).to.equal("");
    expect(rsyncDifference(source, target)).to.equal("");
  });

  it("uploads next to nothing for an unchanged tree, and only the changed file's neighbourhood after a change", () => {
    const uploaded = (): number => {
      const run = runAmber(
        ["backup", `odd.pxar:${source}`, "--backup-id", "again", "--output-format", "json"],
        server.env,
      );
      expect(run.status, run.stderr).to.equal(0);
      const last = run.stdout.trim().split("\n").at(-1) ?? "{}";
      return (JSON.parse(last) as { uploadedBytes: number }).uploadedBytes;
    };
    const first = uploaded();
    spawnSync("sleep", ["1.1"]); // snapshots are named by the second

    const unchanged = uploaded();

    expect(unchanged).to.be.lessThan(first / 50);
    writeFileSync(join(source, "changed"), readFileSync("/proc/self/cmdline"));
    spawnSync("sleep", ["1.1"]);
    expect(uploaded()).to.be.lessThan(first / 2);
  });
});
