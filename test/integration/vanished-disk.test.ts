import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import {
  type Run,
  runAmber,
  type ServerProcess,
  startServerProcess,
} from "../support/amber-program.ts";
import { skipBecause } from "../support/skip-because.ts";
import { mountSmallDisk, type SmallDisk } from "../support/small-disk.ts";
import { tempDir } from "../support/temp-dir.ts";

/** A disk that goes away under a running server leaves an empty folder of another disk in its place. */
describe("integration/vanished-disk", function () {
  this.timeout(120_000);
  let home: Awaited<ReturnType<typeof tempDir>>;
  let disk: SmallDisk | undefined;
  let server: ServerProcess | undefined;
  let point = "";
  let tree = "";

  before(async function () {
    home = await tempDir();
    try {
      disk = mountSmallDisk(home.path, 48 * 1024 * 1024);
    } catch (error) {
      skipBecause(this, `no file system can be made here: ${String(error).split("\n")[0]}`);
    }
    point = disk.path;
    tree = join(home.path, "tree");
    mkdirSync(tree);
    writeFileSync(join(tree, "file"), randomBytes(100_000));
    mkdirSync(join(point, ".chunks"));
    server = await startServerProcess(home.path, point);
    expect(backup("before").status).to.equal(0);
  });

  after(async () => {
    await server?.stop();
    disk?.[Symbol.dispose]();
    await home[Symbol.asyncDispose]();
  });

  function amber(...args: readonly string[]): Run {
    return runAmber(args, server?.env);
  }

  function backup(id: string): Run {
    return amber("backup", `tree.pxar:${tree}`, "--backup-id", id);
  }

  it("refuses all work while the disk is away, says why, and writes nothing in its place", () => {
    disk?.detach();

    const refused = [
      backup("before"),
      backup("during"),
      amber("namespace", "create", "below"),
      amber("list"),
      amber("snapshot", "list"),
      amber("prune", "host/before", "--keep-last", "1"),
      amber("verify"),
      amber("garbage-collect"),
      amber("restore", "host/before", "tree.pxar", join(home.path, "nothing")),
    ];

    for (const run of refused) {
      expect(run.status, run.stdout).to.equal(1);
      expect(run.stderr).to.include("is not a datastore");
    }
    expect(readdirSync(point)).to.deep.equal([]);
  });

  it("goes on when the disk is back, with everything that was on it", () => {
    disk?.attach();

    const again = backup("before");
    const target = join(home.path, "restored");
    const restored = amber("restore", "host/before", "tree.pxar", target);

    expect(again.status, again.stderr).to.equal(0);
    expect(restored.status, restored.stderr).to.equal(0);
    const [is, was] = [target, tree].map((folder) => readFileSync(join(folder, "file")));
    expect(was && is?.equals(was)).to.equal(true);
    expect(amber("verify").status).to.equal(0);
  });
});
