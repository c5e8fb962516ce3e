import {
  linkSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createHash } from "node:crypto";
import { basename, join } from "node:path";

import { expect } from "chai";

import { runAmber, type ServerProcess } from "../support/amber-program.ts";
import { type GenuineStoreServer, startOnGenuineStore } from "../support/genuine-store-server.ts";
import { fixtures } from "../support/fixtures.ts";
import { seededBytes } from "../support/odd-tree.ts";

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

const KEY = join(fixtures, "crypt/known-key-none.json");

/** What `amber restore` writes to standard output: archives, and what it tells programs. */
describe("integration/restore-output", function () {
  this.timeout(60_000);
  let place: GenuineStoreServer;
  let home: string;
  let server: ServerProcess;

  before(async () => {
    place = await startOnGenuineStore();
    ({ home, server } = place);
  });

  after(async () => {
    await place[Symbol.asyncDispose]();
  });

  const amber = (...args: string[]) => runAmber(args, server.env);
  const digest = (...args: string[]): string => {
    const run = amber("restore", ...args, "-");
    expect(run.status, run.stderr).to.equal(0);
    return createHash("sha256").update(run.stdoutBytes).digest("hex");
  };

  for (const group of ["host/v4data", "host/v4meta/2024-06-05T14:24:36Z"]) {
    it(`sends the official split archive of ${group} as the official one that is not split`, () => {
      expect(digest(group, "tiny.pxar")).to.equal(digest("host/v4legacy", "tiny.pxar"));
    });
  }

  it("sends a split archive of ours as the other mode packs the same tree, excludes and key included", () => {
    const source = join(home, "tree");
    mkdirSync(join(source, "a/b"), { recursive: true });
    writeFileSync(join(source, "a/large"), Buffer.alloc(9 * 1024 * 1024, "0123456789"));
    writeFileSync(join(source, "a/small"), "small");
    writeFileSync(join(source, "left.tmp"), "out");
    linkSync(join(source, "a/small"), join(source, "a/b/again"));
    symlinkSync("../small", join(source, "a/b/link"));
    for (const mode of ["legacy", "data"]) {
      const what = ["--change-detection-mode", mode, "--backup-id", mode, "--exclude", "*.tmp"];
      const run = amber("backup", `tree.pxar:${source}`, ...what, "--keyfile", KEY);
      expect(run.status, run.stderr).to.equal(0);
    }

    const joined = digest("host/data", "tree.pxar", "--keyfile", KEY);

    expect(joined).to.equal(digest("host/legacy", "tree.pxar", "--keyfile", KEY));
  });

  it("tells programs what it does, an object a line", () => {
    const target = join(home, "out");
    const run = amber("restore", "host/v4data", "tiny.pxar", target, "--output-format", "json");

    const lines = run.stdout.trimEnd().split("\n");
    const objects = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(objects[0]).to.include({ type: "started", archive: "tiny.pxar", target });
    expect(objects.at(-1)).to.include({ type: "finished", target, namespace: "" });
    expect(objects.at(-1)).to.have.property("entries").greaterThan(3);
  });

  it("tells programs which file is damaged, and why", () => {
    const source = join(home, "damaged");
    mkdirSync(join(source, "d"), { recursive: true });
    writeFileSync(join(source, "d/file"), seededBytes(300_000, 3));
    const chunks = join(home, "store/.chunks");
    const before = new Set(filesBelow(chunks));
    amber("backup", `tree.pxar:${source}`, "--backup-id", "damaged");
    const made = filesBelow(chunks).filter((file) => !before.has(file));
    const largest = made.toSorted((a, b) => statSync(b).size - statSync(a).size)[0] ?? "";
    rmSync(largest);

    const target = join(home, "damaged-out");
    const run = amber("restore", "host/damaged", "tree.pxar", target, "--output-format", "json");

    expect(run.status).to.equal(1);
    const objects = run.stdout.split("\n").filter((line) => line.includes('"damage"'));
    const damage = JSON.parse(objects[0] ?? "") as Record<string, unknown>;
    expect(damage).to.include({ archive: "tree.ppxar.didx", path: "d/file" });
    expect(damage["causes"]).to.be.an("array");
    expect((damage["causes"] as string[])[0]).to.include(basename(largest));
  });

  it("says how many entries it has restored", () => {
    const run = amber("restore", "host/v4data", "tiny.pxar", join(home, "again"));

    expect(run.stderr).to.match(/^Restored \d+ entries, [\d.]+ \w+ in /m);
  });
});
