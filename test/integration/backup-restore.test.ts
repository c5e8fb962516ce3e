import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

import { expect } from "chai";

import {
  amberProgram,
  runAmber,
  type ServerProcess,
  startServerProcess,
} from "../support/amber-program.ts";
import { describeTree } from "../support/describe-tree.ts";
import { makeOddTree, removeOddTree } from "../support/odd-tree.ts";
import { skipBecause } from "../support/skip-because.ts";

describe("amber backup and amber restore, against a server", function () {
  this.timeout(120_000);
  let base = "";
  let source = "";
  let server: ServerProcess;
  before(async () => {
    base = fs.mkdtempSync(path.join(os.tmpdir(), "amber-backup-"));
    fs.chmodSync(base, 0o755);
    source = path.join(base, "source");
    makeOddTree(source);
    const home = path.join(base, "home");
    fs.mkdirSync(home);
    server = await startServerProcess(home);
  });
  after(async () => {
    await server.stop();
    fs.rmSync(path.join(base, "home"), { recursive: true }); // Tens of thousands of folders, none of them odd.
    removeOddTree(base);
  });

  function amber(...args: readonly string[]): ReturnType<typeof runAmber> {
    return runAmber(args, server.env);
  }
  const events = (stdout: string): Record<string, unknown>[] =>
    stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  for (const mode of ["legacy", "data", "metadata"]) {
    it(`restores what was backed up, and the second time uploads nothing (${mode})`, () => {
      const group = ["--backup-id", mode, "--change-detection-mode", mode];
      const spec = `root.pxar:${source}`;
      const first = amber("backup", spec, ...group, "--backup-time", "1700000000");
      expect(first.status, first.stderr).to.equal(0);

      const times = ["--backup-time", "1700000001", "--output-format", "json"];
      const second = amber("backup", spec, ...group, ...times);

      expect(second.status, second.stderr).to.equal(0);
      const uploads = events(second.stdout).filter(({ type }) => type === "archive-uploaded");
      expect(uploads).to.have.length(2);
      for (const upload of uploads) expect(upload).to.include({ uploadedCount: 0 });
      const target = path.join(base, `restored-${mode}`);
      const restored = amber("restore", `host/${mode}`, "root.pxar", target);
      expect(restored.status, restored.stderr).to.equal(0);
      expect([...describeTree(target)]).to.deep.equal([...describeTree(source)]);
      const again = amber("restore", `host/${mode}`, "root.pxar", target);
      expect(again.status).to.equal(1);
      expect(again.stderr).to.include("not empty");
    });
  }

  it("takes several sources at once and lists the payload before the metadata", () => {
    const image = path.join(base, "image");
    fs.writeFileSync(image, Buffer.alloc(9_000_001, "image "));
    const group = ["--backup-id", "several"];
    const run = amber(
      "backup",
      ...[`a.pxar:${source}/links`, `b.pxar:${source}/sizes`],
      ...[`disk.img:${image}`, `host.conf:/etc/hostname`],
      ...group,
    );
    expect(run.status, run.stderr).to.equal(0);

    const manifest = JSON.parse(amber("restore", "host/several", "index.json", "-").stdout) as {
      files: { filename: string }[];
    };

    expect(manifest.files.map(({ filename }) => filename)).to.deep.equal([
      "a.ppxar.didx",
      "a.mpxar.didx",
      "b.ppxar.didx",
      "b.mpxar.didx",
      "disk.img.fidx",
      "host.conf.blob",
    ]);
    const bytes = amber("restore", "host/several", "disk.img", "-").stdoutBytes;
    expect(Buffer.compare(bytes, fs.readFileSync(image))).to.equal(0);
    const copy = path.join(base, "copy.img");
    expect(amber("restore", "host/several", "disk.img", copy).status).to.equal(0);
    expect(Buffer.compare(fs.readFileSync(copy), fs.readFileSync(image))).to.equal(0);
    expect(amber("restore", "host/several", "disk.img", copy).status).to.equal(1);
    const conf = amber("restore", "host/several", "host.conf", "-").stdout;
    expect(conf).to.equal(fs.readFileSync("/etc/hostname", "utf8"));
  });

  it("keeps an image sparse on its way to the server and back", () => {
    const image = path.join(base, "sparse.img");
    const copy = path.join(base, "sparse-copy.img");
    fs.writeFileSync(image, "");
    fs.truncateSync(image, 300 * 1024 * 1024 + 5);
    const fd = fs.openSync(image, "r+");
    for (const at of [0, 101_000_000, 250_000_000]) fs.writeSync(fd, "data ".repeat(50_000), at);
    fs.closeSync(fd);
    const group = ["--backup-id", "sparse"];
    const run = amber("backup", `disk.img:${image}`, ...group, "--output-format", "json");
    expect(run.status, run.stderr).to.equal(0);

    const restored = amber("restore", "host/sparse", "disk.img", copy);

    expect(restored.status, restored.stderr).to.equal(0);
    expect(spawnSync("cmp", [image, copy]).status).to.equal(0);
    expect(fs.statSync(copy).blocks).to.equal(fs.statSync(image).blocks);
    const uploads = events(run.stdout).filter(({ type }) => type === "archive-uploaded");
    // Three with data, zeros once, and the short one at the end.
    expect(uploads.map(({ uploadedCount }) => uploadedCount)).to.deep.equal([5]);
  });

  it("backs up what comes through a pipe, as an image and as a small file", () => {
    const spec = ["disk.img:/dev/stdin", "x.conf:/etc/hostname"];
    const command = `head -c 9000001 /dev/zero | tr '\\0' A | "$0" "$@"`;
    const program = [process.execPath, amberProgram];

    const image = spawnSync(
      "sh",
      ["-c", command, ...program, "backup", ...spec, "--backup-id", "pipe"],
      { env: { ...process.env, ...server.env }, encoding: "utf8" },
    );
    const file = spawnSync(
      "sh",
      ["-c", `echo note | "$0" "$@"`, ...program, "backup", "a.log:/dev/stdin", "--backup-id=log"],
      { env: { ...process.env, ...server.env }, encoding: "utf8" },
    );

    expect([image.status, file.status], image.stderr + file.stderr).to.deep.equal([0, 0]);
    const { stdoutBytes } = amber("restore", "host/pipe", "disk.img", "-");
    expect(Buffer.compare(stdoutBytes, Buffer.alloc(9_000_001, "A"))).to.equal(0);
    expect(amber("restore", "host/log", "a.log", "-").stdout).to.equal("note\n");
    const dash = amber("backup", "disk.img:-");
    expect([dash.status, dash.stderr.includes("/dev/stdin")]).to.deep.equal([1, true]);
  });

  it("stores the log of a backup with its snapshot, which still verifies and restores", () => {
    const log = path.join(base, "backup.log");
    fs.writeFileSync(log, "INFO: done\n");
    const time = ["--backup-id", "logged", "--backup-time", "1700000000"];
    expect(amber("backup", "host.conf:/etc/hostname", ...time).status).to.equal(0);
    const snapshot = "host/logged/2023-11-14T22:13:20Z";

    const run = amber("upload-log", snapshot, log);

    expect(run.status, run.stderr).to.equal(0);
    expect(amber("snapshot", "files", snapshot).stdout).to.include("client.log.blob");
    const conf = amber("restore", snapshot, "host.conf", "-").stdout;
    expect(conf).to.equal(fs.readFileSync("/etc/hostname", "utf8"));
    expect(amber("snapshot", "upload-log", snapshot, path.join(base, "none")).status).to.equal(1);
  });

  it("leaves out what is excluded, and can tell afterwards what that was", () => {
    const prelude = path.join(base, "prelude");
    const target = path.join(base, "excluded");
    const run = amber(
      "backup",
      `x.pxar:${source}/links`,
      ...["--exclude", "second", "--exclude", "/sub"],
      ...["--backup-id", "excludes"],
    );
    expect(run.status, run.stderr).to.equal(0);

    const restored = amber(
      "restore",
      "host/excludes",
      "x.pxar",
      target,
      "--prelude-target",
      prelude,
    );

    expect(restored.status, restored.stderr).to.equal(0);
    expect(fs.readdirSync(target)).to.include("first").and.not.include.members(["second", "sub"]);
    expect(JSON.parse(fs.readFileSync(prelude, "utf8"))).to.deep.equal({
      "exclude-patterns": "second\n/sub\n",
    });
  });

  it("ends with status 3 when something could not be read", function () {
    if (process.getuid?.() !== 0) skipBecause(this, "needs root");
    const readable = path.join(base, "readable");
    fs.mkdirSync(readable, { mode: 0o755 });
    fs.writeFileSync(path.join(readable, "public"), "yes", { mode: 0o644 });
    fs.writeFileSync(path.join(readable, "secret"), "no", { mode: 0o600 });
    const home = path.join(base, "nobody");
    fs.mkdirSync(home);
    fs.chownSync(home, 65_534, 65_534);
    const args = ["backup", `r.pxar:${readable}`, "--backup-id", "partly"];
    const run = spawnSync(process.execPath, [amberProgram, ...args], {
      env: { ...process.env, ...server.env, XDG_RUNTIME_DIR: home, XDG_CONFIG_HOME: home },
      uid: 65_534,
      gid: 65_534,
    });
    if (run.status === 1 && !run.stderr.toString().includes("Upload")) {
      skipBecause(this, "another user cannot see the program");
    }

    expect(run.stderr.toString()).to.include('"secret": EACCES');
    expect(run.status).to.equal(3);
    const target = path.join(base, "partly");
    expect(amber("restore", "host/partly", "r.pxar", target).status).to.equal(0);
    expect(fs.readdirSync(target)).to.deep.equal(["public"]);
  });

  it("ends with status 130 on Ctrl-C and leaves nothing behind", async () => {
    const large = path.join(base, "large");
    fs.mkdirSync(large);
    fs.writeFileSync(path.join(large, "file"), "");
    fs.truncateSync(path.join(large, "file"), 20 * 1024 * 1024 * 1024);
    const args = ["backup", `l.pxar:${large}`, "--backup-id", "interrupted"];
    const child = spawn(process.execPath, [amberProgram, ...args], {
      env: { ...process.env, ...server.env },
      stdio: ["ignore", "ignore", "pipe"],
    });
    await new Promise<void>((resolve) => {
      child.stderr.on("data", (text: Buffer) => {
        if (text.includes("Upload directory")) resolve();
      });
    });
    const ended = once(child, "exit");
    child.kill("SIGINT");

    const [status] = (await ended) as [number | null];

    expect(status).to.equal(130);
    const listed = amber("snapshot", "list", "--output-format", "json").stdout;
    expect(listed).to.not.include("interrupted");
  });

  it("says what it would do without doing it", () => {
    const run = amber("backup", `d.pxar:${source}`, "--backup-id", "dry", "--dry-run");

    expect(run.status).to.equal(0);
    expect(run.stderr).to.include(`Would upload directory "${source}" as d.pxar`);
    expect(amber("snapshot", "list", "--output-format", "json").stdout).to.not.include("dry");
  });

  for (const [args, reason] of [
    [["x.pxar:/tmp", "x.pxar:/var"], "twice"],
    [["x.y.pxar:/tmp"], "NAME.pxar:PATH"],
    [["x.pxar:/tmp", "--chunk-size", "100"], "power of two"],
    [["x.pxar:/tmp", "--include-dev", "/", "--all-file-systems"], "--include-dev"],
    [["x.pxar:/tmp", "--burst", "1MB"], "--rate"],
    [["x.pxar:/nowhere/at/all", "--backup-id", "none"], "ENOENT"],
  ] as const) {
    it(`refuses ${args.join(" ")}`, () => {
      const run = amber("backup", ...args);

      expect(run.status).to.equal(1);
      expect(run.stderr).to.include(reason);
    });
  }
});
