import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join, resolve } from "node:path";

import { expect } from "chai";

import { amberProgram, runAmber, type ServerProcess } from "../support/amber-program.ts";
import { type GenuineStoreServer, startOnGenuineStore } from "../support/genuine-store-server.ts";
import { skipBecause } from "../support/skip-because.ts";

const fixtures = resolve(import.meta.dirname, "../../fixtures");
const trace = "host/trace/2024-06-05T14:24:36Z";

function fixture(name: string): string {
  return readFileSync(join(fixtures, "cli", `${name}.txt`), "utf8");
}

/** The program without a server: what it says about itself and about wrong usage. */
describe("integration/cli usage", () => {
  const commands = [
    [],
    ["backup"],
    ["restore"],
    ["mount"],
    ["umount"],
    ["list"],
    ["snapshot"],
    ["snapshot", "list"],
    ["snapshot", "files"],
    ["snapshot", "forget"],
    ["snapshot", "upload-log"],
    ["upload-log"],
    ["snapshot", "notes", "show"],
    ["snapshot", "notes", "update"],
    ["snapshot", "protected", "show"],
    ["snapshot", "protected", "update"],
    ["catalog", "dump"],
    ["catalog", "shell"],
    ["group", "forget"],
    ["namespace", "list"],
    ["change-owner"],
    ["prune"],
    ["verify"],
    ["garbage-collect"],
    ["task", "list"],
    ["task", "log"],
    ["server-identity"],
    ["status"],
    ["benchmark"],
    ["login"],
    ["logout"],
    ["version"],
    ["server"],
  ];
  it("does not mind that nobody reads its help to the end", async () => {
    const child = spawn(process.execPath, [amberProgram, "mount", "--help"], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout.destroy();
    let said = "";
    child.stderr.on("data", (piece: Buffer) => (said += piece.toString()));
    const [status] = (await once(child, "close")) as [number];

    expect([status, said]).to.deep.equal([0, ""]);
  });

  for (const command of commands) {
    it(`explains \`amber ${command.join(" ")}\``, () => {
      const run = runAmber([...command, "--help"]);

      expect(run.status).to.equal(0);
      expect(run.stderr).to.equal("");
      expect(run.stdout).to.match(new RegExp(`^Usage: amber ${command.join(" ")}`));
    });
  }

  it("imports no TypeScript in the built program", () => {
    // The compiler leaves the extension of a dynamic import alone in a block with `using`.
    const dist = resolve(import.meta.dirname, "../../dist");
    const wrong = readdirSync(dist, { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".js"))
      .filter((path) => /\bimport\(\s*"[^"]*\.ts"/.test(readFileSync(join(dist, path), "utf8")));

    expect(wrong).to.deep.equal([]);
  });

  it("prints its version", () => {
    const { version } = JSON.parse(
      readFileSync(resolve(import.meta.dirname, "../../package.json"), "utf8"),
    );

    expect(runAmber(["--version"]).stdout).to.equal(`${version}\n`);
    expect(runAmber(["version"]).stdout).to.equal(`client version: ${version}\n`);
  });

  it("prints what it runs on as JSON", () => {
    const run = runAmber(["version", "--verbose", "--output-format", "json"]);

    expect(JSON.parse(run.stdout)).to.include({ node: process.versions.node });
    expect(JSON.parse(run.stdout)).to.include.keys("client", "koffi", "codec provider");
  });

  const mistakes: [args: string[], words: RegExp][] = [
    [["lisst"], /^Error: unknown command 'lisst'\n\(Did you mean list\?\)\n/],
    [["list", "--color"], /^Error: unknown option '--color'\n/],
    [["snapshot", "files"], /^Error: missing required argument 'snapshot'\n/],
    [["list", "--output-format", "xml"], /^Error: option .* argument 'xml' is invalid/],
    [["list"], /^Error: Cannot choose a repository: none was given/],
    [["list", "--repository", "bob@pbs:tank"], /^Error: Cannot use "bob@pbs:tank" as a repository/],
    [["list", "--repository", "tank", "--ns", "a//b"], /^Error: Cannot read namespace/],
    [["snapshot", "forget", "host/web", "--repository", "x"], /^Error: Cannot read snapshot/],
    [["snapshot", "protected", "update", "a/b", "maybe"], /^Error: .*'maybe' is invalid/],
  ];
  for (const [args, words] of mistakes) {
    it(`answers \`amber ${args.join(" ")}\` with one clear line and status 1`, () => {
      const run = runAmber(args, { PBS_REPOSITORY: undefined, PBS_PASSWORD: "x" });

      expect(run.status).to.equal(1);
      expect(run.stderr).to.match(words);
      expect(run.stderr).not.to.match(/\n\s+at /);
      expect(run.stdout).to.equal("");
    });
  }

  it("completes commands and options", () => {
    const complete = (...words: string[]): string[] =>
      runAmber(["complete", "--", ...words])
        .stdout.split("\n")
        .map((line) => line.split("\t")[0] ?? "");

    expect(complete("snap")).to.include("snapshot");
    expect(complete("snapshot", "")).to.include.members(["list", "files", "forget", "notes"]);
    expect(complete("list", "--out")).to.include("--output-format");
    expect(complete("list", "--output-format", "")).to.include.members(["text", "json"]);
  });

  for (const shell of ["bash", "zsh", "fish", "powershell"]) {
    it(`prints a completion script for ${shell}`, () => {
      const run = runAmber(["completion", shell]);

      expect(run.status).to.equal(0);
      expect(run.stdout).to.include("amber");
    });
  }

  it("says that a server cannot be reached, with the cause", () => {
    const run = runAmber(["list", "--repository", "bob@pbs!ci@127.0.0.1:1:tank"], {
      PBS_PASSWORD: "x",
    });

    expect(run.status).to.equal(1);
    expect(run.stderr).to.equal(
      'Error: Cannot connect to "127.0.0.1:1"\n  Caused by: connect ECONNREFUSED 127.0.0.1:1\n',
    );
  });

  it("reports failures at the lowest level of PBS_LOG, too", () => {
    const run = runAmber(["list", "--repository", "bob@pbs!ci@127.0.0.1:1:tank"], {
      PBS_PASSWORD: "x",
      PBS_LOG: "error",
    });

    expect(run.status).to.equal(1);
    expect(run.stderr).to.include("Error: Cannot connect");
  });

  describe("with a server that never answers", () => {
    let silent: Server;
    let port: number;

    before(async () => {
      silent = createServer(() => undefined);
      await new Promise<void>((done) => silent.listen(0, "127.0.0.1", done));
      port = (silent.address() as { port: number }).port;
    });

    after(() => silent.close());

    it("exits with 130 on Ctrl-C", async () => {
      const child = spawn(
        process.execPath,
        [amberProgram, "list", "--repository", `bob@pbs!ci@127.0.0.1:${port}:tank`],
        { env: { ...process.env, PBS_PASSWORD: "x" }, stdio: ["ignore", "pipe", "pipe"] },
      );
      let log = "";
      child.stderr.on("data", (part: Buffer) => (log += part.toString()));
      await new Promise((done) => silent.once("connection", done));

      child.kill("SIGINT");
      const status = await new Promise((done) => child.once("exit", done));

      expect(status).to.equal(130);
      expect(log).to.equal("Error: interrupted\n");
    });
  });
});

/** Every command against a real server with a datastore that the official programs made. */
describe("integration/cli", () => {
  let place: GenuineStoreServer;
  let home: string;
  let server: ServerProcess;

  before(async function () {
    this.timeout(60_000);
    place = await startOnGenuineStore();
    ({ home, server } = place);
  });

  after(async function () {
    this.timeout(60_000);
    await place[Symbol.asyncDispose]();
  });

  function amber(...args: string[]) {
    return runAmber(args, { ...server.env, LC_ALL: "C", PROXMOX_OUTPUT_FORMAT: undefined });
  }

  /** A member of what a command prints as JSON, or all of it. */
  function json(...args: string[]): unknown {
    const run = amber(...args, "--output-format", "json");
    expect(run.stderr).to.equal("");
    return JSON.parse(run.stdout);
  }

  /** One member of every object in a list that a command prints as JSON. */
  function column(name: string, ...args: string[]): unknown[] {
    return (json(...args) as Record<string, unknown>[]).map((item) => item[name]);
  }

  it("lists groups as the official client does", () => {
    const run = amber("list");

    const row = (text: string): string[] => text.split("|").map((cell) => cell.trim());
    const mine = run.stdout.split("\n").map(row);
    for (const line of fixture("list")
      .split("\n")
      .filter((each) => /golden|ct\/101/.test(each))) {
      expect(mine.map((cells) => cells[1])).to.include(row(line)[1]);
    }
    expect(run.status).to.equal(0);
    expect(run.stderr).to.equal("");
  });

  it("prints the API's data as JSON", () => {
    const groups = json("list") as object[];

    expect(groups.length).to.be.greaterThan(10);
    expect(groups[0]).to.include.keys("backup-type", "backup-id", "last-backup", "owner");
  });

  it("takes the output format from the environment", () => {
    const run = runAmber(["list"], { ...server.env, PROXMOX_OUTPUT_FORMAT: "json-pretty" });

    expect(run.stdout).to.match(/^\[\n {2}\{\n/);
  });

  it("lists the snapshots of a group, and of a namespace", () => {
    expect(column("backup-time", "snapshot", "list", "host/v4meta").sort()).to.deep.equal([
      1_717_597_476, 1_717_597_576,
    ]);
    expect(json("snapshot", "list", "--ns", "team/sub")).to.have.length(1);
    expect(amber("snapshot", "list", "host/trace").stdout).to.include(trace);
  });

  it("lists the files of a snapshot as the official client does", () => {
    const run = amber("snapshot", "files", trace);

    for (const name of ["tiny.pxar.didx", "conf.conf.blob", "catalog.pcat1.didx"]) {
      expect(run.stdout).to.include(`| ${name}`);
    }
  });

  it("takes a group for its newest snapshot", () => {
    const names = column("filename", "snapshot", "files", "host/trace");

    expect(names).to.not.include("tiny.pxar.didx");
    expect(names).to.include("conf.conf.blob");
  });

  it("says that a group has no snapshots", () => {
    const run = amber("snapshot", "files", "host/nobody");

    expect(run.status).to.equal(1);
    expect(run.stderr).to.equal(
      'Error: Cannot find a snapshot of "host/nobody": the group has no finished one\n',
    );
  });

  it("changes and shows notes", () => {
    expect(amber("snapshot", "notes", "update", trace, "ä note\nsecond line").status).to.equal(0);

    expect(amber("snapshot", "notes", "show", trace).stdout).to.equal("ä note\nsecond line\n");
    expect(json("snapshot", "notes", "show", trace)).to.equal("ä note\nsecond line");
  });

  it("shows notes on a terminal without letting them do anything to it, and gives them as they are elsewhere", function () {
    if (spawnSync("script", ["--version"]).status !== 0) skipBecause(this, "no script(1)");
    const notes = "\u001b]0;title\u0007\u001b[2Jwiped\u202e";
    expect(amber("snapshot", "notes", "update", trace, notes).status).to.equal(0);

    const words = [process.execPath, amberProgram, "snapshot", "notes", "show", trace];
    const screen = spawnSync("script", ["-qec", words.join(" "), "/dev/null"], {
      env: { ...process.env, ...server.env, TERM: "xterm" },
      encoding: "utf8",
    });

    expect(screen.stdout).to.equal("\\u{1b}]0;title\\u{7}\\u{1b}[2Jwiped\\u{202e}\r\n");
    expect(amber("snapshot", "notes", "show", trace).stdout).to.equal(`${notes}\n`);
    expect(json("snapshot", "notes", "show", trace)).to.equal(notes);
  });

  it("protects a snapshot from being removed", () => {
    const snapshot = "host/golden-plain/2024-06-05T14:24:36Z";
    expect(amber("snapshot", "protected", "update", snapshot, "true").status).to.equal(0);
    expect(amber("snapshot", "protected", "show", snapshot).stdout).to.equal("true\n");

    const refused = amber("snapshot", "forget", snapshot);
    expect(amber("snapshot", "protected", "update", snapshot, "false").status).to.equal(0);
    const done = amber("snapshot", "forget", snapshot);

    expect(refused.status).to.equal(1);
    expect(refused.stderr).to.match(/^Error: .*protected/);
    expect(done.status).to.equal(0);
    expect(json("snapshot", "list", "host/golden-plain")).to.have.length(1);
  });

  it("shows the space of the datastore", () => {
    expect(json("status")).to.have.property("total").greaterThan(0);
    expect(amber("status").stdout).to.match(/\| total \| +\d+ {2}\(100 %\) \|/);
  });

  it("dumps a catalogue as the official client does", () => {
    expect(amber("catalog", "dump", trace).stdout).to.equal(fixture("catalog-dump"));
  });

  it("lists split archives as the official client does", () => {
    const run = amber("catalog", "dump", "host/v4meta/2024-06-05T14:26:16Z");

    expect(run.stdout).to.equal(fixture("v4-catalog-dump"));
  });

  it("says that an encrypted snapshot needs its key", () => {
    const run = amber("catalog", "dump", "host/golden-encrypted");

    expect(run.status).to.equal(1);
    expect(run.stderr).to.match(/^Error: Cannot read "catalog\.pcat1\.didx/);
    expect(run.stderr).to.include("key");
  });

  it("passes on the server's words about a wrong password", () => {
    const run = runAmber(["list"], { ...server.env, PBS_PASSWORD: "wrong" });

    expect(run.status).to.equal(1);
    expect(run.stderr).to.equal("Error: permission check failed.\n");
  });

  it("shows both fingerprints when they differ", () => {
    const wrong = Array.from({ length: 32 }, () => "00").join(":");
    const run = runAmber(["list"], { ...server.env, PBS_FINGERPRINT: wrong });

    expect(run.status).to.equal(1);
    expect(run.stderr).to.include(wrong).and.include(server.env["PBS_FINGERPRINT"]);
  });

  it("logs in for later commands, and out", () => {
    const withoutPassword = { ...server.env, PBS_PASSWORD: undefined };
    expect(amber("login").status).to.equal(0);
    const during = runAmber(["list"], withoutPassword);
    expect(statSync(join(home, "proxmox-backup/tickets")).mode & 0o777).to.equal(0o600);

    expect(amber("logout").status).to.equal(0);
    const after = runAmber(["list"], withoutPassword);

    expect(during.status).to.equal(0);
    expect(after.status).to.equal(1);
    expect(after.stderr).to.match(/^Error: Cannot authenticate as "admin@pbs": no password/);
  });

  it("completes what the server has, and asks nobody for a password", () => {
    const complete = (env: NodeJS.ProcessEnv, ...words: string[]): string[] =>
      runAmber(["complete", "--", ...words], { ...server.env, ...env })
        .stdout.split("\n")
        .map((line) => line.split("\t")[0] ?? "");

    expect(complete({}, "snapshot", "files", "")).to.include.members([trace, "host/trace"]);
    expect(complete({}, "prune", "host/v4m")).to.include("host/v4meta");
    expect(complete({}, "restore", trace, "")).to.include.members(["tiny.pxar", "index.json"]);
    const nowhere = { PBS_PASSWORD: undefined, XDG_CACHE_HOME: join(home, "other") };
    expect(complete(nowhere, "snapshot", "files", "")).to.not.include(trace);
  });

  it("prints a catalogue as JSON", () => {
    expect(json("catalog", "dump", trace)).to.deep.include({
      path: "./tiny.pxar.didx/a.txt",
      type: "f",
      size: 6,
      mtime: 1_795_169_111,
    });
  });

  it("removes a group only after a question or with --yes", () => {
    const asked = amber("group", "forget", "host/token-owned");
    const kept = json("snapshot", "list", "host/token-owned");
    const done = amber("group", "forget", "host/token-owned", "--yes");

    expect(asked.status).to.equal(1);
    expect(asked.stderr).to.match(/^Error: Cannot remove group .*: there is no terminal to ask on/);
    expect(kept).to.have.length(1);
    expect(done.status).to.equal(0);
    expect(json("snapshot", "list", "host/token-owned")).to.deep.equal([]);
  });

  it("prints the log of a task, without times", () => {
    const [task] = json("task", "list", "--all") as { upid: string }[];
    const run = amber("task", "log", task?.upid ?? "");

    expect(run.status).to.equal(0);
    expect(run.stdout).to.match(/^[a-z].*\n(.*\n)*TASK OK\n$/);
  });

  for (const command of ["list --output-format json-pretty", `catalog dump ${trace}`]) {
    it(`does not mind that the reader of \`amber ${command}\` leaves early`, async () => {
      const script = `{ "$0" "$1" ${command}; echo "status $?" >&2; } | :`;
      const child = spawn("/bin/sh", ["-c", script, process.execPath, amberProgram], {
        env: { ...process.env, ...server.env },
      });
      let log = "";
      child.stderr.on("data", (part: Buffer) => (log += part.toString()));
      await new Promise((done) => child.once("close", done));

      expect(log).to.equal("status 0\n");
    });
  }
});
