import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, statSync, symlinkSync, utimesSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { amberProgram, runAmber, whyNoMount } from "../support/amber-program.ts";
import { fixtures } from "../support/fixtures.ts";
import { tempDir } from "../support/temp-dir.ts";
import { skipBecause } from "../support/skip-because.ts";

/** Archives whose tree has everything that decides their bytes; the others left something out when they were made. */
const whole = [
  ...["acls", "empty-root", "files", "flags", "goodbye", "links", "mixed", "modes", "mtimes"],
  ...["names", "nested", "no-meta", "root-meta", "special", "xattrs"],
];

describe("integration/pxar", function () {
  this.timeout(60_000);
  let folder: Awaited<ReturnType<typeof tempDir>>;
  let home: string;
  let pxar: string;

  before(async () => {
    folder = await tempDir();
    home = folder.path;
    pxar = join(home, "pxar");
    symlinkSync(amberProgram, pxar);
  });

  after(async () => {
    // One of the trees has files that even root cannot remove while they are marked so.
    spawnSync("chattr", ["-R", "-f", "-i", "-a", home]);
    await folder[Symbol.asyncDispose]();
  });

  const run = (args: readonly string[], input?: Uint8Array) =>
    spawnSync(process.execPath, [pxar, ...args], { cwd: home, ...(input ? { input } : {}) });
  const v1 = (name: string): string => join(fixtures, `pxar/v1/${name}.pxar`);
  const v2 = (name: string): string => join(fixtures, `pxar/v2/${name}`);

  for (const name of whole) {
    it(`makes the official archive ${name} again from what it holds`, function () {
      // Owners, devices and inode flags are root's business.
      if (process.getuid?.() !== 0) skipBecause(this, "needs root");

      const extracted = run(["extract", v1(name), name]);
      const created = run(["create", `${name}.pxar`, name]);

      expect(extracted.stderr.toString() + created.stderr.toString()).to.equal("");
      expect([extracted.status, created.status]).to.deep.equal([0, 0]);
      expect(readFileSync(join(home, `${name}.pxar`)).equals(readFileSync(v1(name)))).to.equal(
        true,
      );
    });
  }

  it("makes an archive with excludes again, with the record of them", function () {
    if (process.getuid?.() !== 0) skipBecause(this, "needs root");
    run(["extract", v1("exclude-cli-only"), "only"]);
    const { atime, mtime } = statSync(join(home, "only"), { bigint: false });
    rmSync(join(home, "only/.pxarexclude-cli"));
    utimesSync(join(home, "only"), atime, mtime);

    run(["create", "only.pxar", "only", "--exclude", "b*", "--exclude=/d/x"]);

    expect(run(["list", "only.pxar"]).stdout.toString()).to.equal(
      run(["list", v1("exclude-cli-only")]).stdout.toString(),
    );
  });

  it("reads and makes split archives", () => {
    run(["extract", v2("split.mpxar"), "split", "--payload-input", v2("split.ppxar")]);

    const made = run(["create", "s.mpxar", "split", "--payload-output=s.ppxar"]);
    const again = run(["extract", "s.mpxar", "again", "--payload-input", "s.ppxar"]);

    expect([made.status, again.status]).to.deep.equal([0, 0]);
    const payload = readFileSync(join(home, "s.ppxar"));
    expect(payload.equals(readFileSync(v2("split.ppxar")))).to.equal(true);
    const paths = (file: string) => run(["list", file]).stdout.toString().split("\n").sort();
    // The other archive was not made by a program that sorts.
    expect(paths("s.mpxar")).to.deep.equal(paths(v2("split.mpxar")));
    expect(readdirSync(join(home, "again"))).to.not.have.length(0);
  });

  it("writes to standard output and reads from standard input", () => {
    run(["extract", v1("nested"), "from"]);

    const archive = run(["create", "-", "from"]).stdout;
    const listed = run(["list", "-"], archive);
    const extracted = run(["extract", "-", "to"], archive);

    expect(listed.stdout.toString()).to.equal(run(["list", v1("nested")]).stdout.toString());
    expect(extracted.status).to.equal(0);
    expect(readdirSync(join(home, "to"))).to.deep.equal(readdirSync(join(home, "from")));
  });

  it("lists paths, and with PXAR_LOG=debug kinds and sizes", () => {
    const paths = runAmber(["pxar", "list", v1("links")]).stdout.split("\n");
    const details = runAmber(["pxar", "list", v1("links")], { PXAR_LOG: "debug" }).stdout;

    expect(paths).to.include.members(['"/a"', '"/a/big"', '"/sym-abs"']);
    expect(details).to.match(/^f "\/a\/big" 70000 /m);
  });

  it("restores only what matches a pattern or a line of a file", () => {
    const status = run(["extract", v1("links"), "part", "--pattern", "a/orig"]).status;

    expect(status).to.equal(0);
    expect(readdirSync(join(home, "part/a"))).to.deep.equal(["orig"]);
  });

  it("overwrites no archive, and leaves no half one behind", () => {
    const first = run(["create", "once.pxar", "pxar-missing"]);
    const left = readdirSync(home).includes("once.pxar");
    run(["extract", v1("files"), "few"]);
    const made = run(["create", "once.pxar", "few"]);
    const second = run(["create", "once.pxar", "few"]);

    expect([first.status, left, made.status, second.status]).to.deep.equal([255, false, 0, 255]);
    expect(second.stderr.toString()).to.match(/^Error: .*once\.pxar/);
  });

  it("leaves out what the options say", () => {
    run(["create", "bare.pxar", ".", "--exclude", "*", "--no-xattrs", "--no-device-nodes", "true"]);

    expect(run(["list", "bare.pxar"]).status).to.equal(0);
  });

  /** What each option of `extract` leaves out of `special` or `xattrs`, as entries or attributes there are. */
  const reductions: readonly [archive: string, option: string][] = [
    ["special", "--no-device-nodes"],
    ["special", "--no-fifos"],
    ["special", "--no-sockets"],
    ["xattrs", "--no-xattrs"],
    ["xattrs", "--no-fcaps"],
    ["acls", "--no-acls"],
  ];
  for (const [name, option] of reductions) {
    it(`extracts ${name} with ${option} as it would be packed with it`, function () {
      if (process.getuid?.() !== 0) skipBecause(this, "needs root");
      const [full, less] = [`full${option}`, `less${option}`];
      run(["extract", v1(name), full]);
      run(["create", `all${option}.pxar`, full]);
      run(["create", `${full}.pxar`, full, option]);

      const extracted = run(["extract", v1(name), less, option]);
      run(["create", `${less}.pxar`, less]);

      expect(extracted.status).to.equal(0);
      const archive = (file: string) => readFileSync(join(home, `${file}.pxar`)).toString("hex");
      expect(archive(less)).to.equal(archive(full));
      expect(archive(less)).to.not.equal(archive(`all${option}`));
    });
  }

  it("says that a damaged archive is damaged", () => {
    const broken = run(["list", "-"], readFileSync(v1("nested")).subarray(0, 500));

    expect(broken.status).to.equal(255);
    expect(broken.stderr.toString()).to.match(/^Error: /);
  });

  it("mounts an archive and goes to the background", function () {
    const reason = whyNoMount();
    if (reason !== undefined) skipBecause(this, reason);
    const point = join(home, "mnt");
    spawnSync("mkdir", [point]);

    const mounted = run(["mount", v1("links"), "mnt"]);
    const content = readFileSync(join(point, "a/orig"));
    const ended = runAmber(["umount", point]);

    expect(mounted.status, mounted.stderr.toString()).to.equal(0);
    expect(content).to.have.length(19);
    expect(ended.status).to.equal(0);
  });
});
