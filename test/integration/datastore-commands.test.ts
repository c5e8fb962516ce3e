import { spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { decodeBlob } from "../../src/format/chunk/data-blob.ts";
import { createNativeProvider } from "../../src/format/crypto/native-provider.ts";
import {
  amberProgram,
  eventually,
  hasEnded,
  runAmber,
  type ServerProcess,
  startServerProcess,
} from "../support/amber-program.ts";
import { knownKey } from "../support/known-key.ts";
import { fixtures } from "../support/fixtures.ts";
import { tempDir } from "../support/temp-dir.ts";

const KEY = join(fixtures, "crypt/known-key-none.json");

/** Snapshots enough that verifying them takes much longer than a signal needs. */
const MANY = 3000;

/** The commands that look after a datastore, with the real program and the real server. */
describe("integration/datastore-commands", function () {
  this.timeout(120_000);
  let folder: Awaited<ReturnType<typeof tempDir>>;
  let home: string;
  let store: string;
  let server: ServerProcess;

  before(async () => {
    folder = await tempDir();
    home = folder.path;
    store = join(home, "store");
    cpSync(join(fixtures, "datastore-real/store"), store, { recursive: true });
    makeMany(store);
    server = await startServerProcess(home);
    for (const day of [1, 2, 3, 4]) {
      const time = String(1_717_545_600 + day * 86_400);
      const what = ["--backup-id", "thin", "--backup-time", time];
      const run = amber("backup", `etc.conf:${join(home, "password")}`, ...what);
      expect(run.status, run.stderr).to.equal(0);
    }
  });

  after(async () => {
    await server.stop();
    await folder[Symbol.asyncDispose]();
  });

  const amber = (...args: string[]) => runAmber(args, { ...server.env, LC_ALL: "C", TZ: "UTC" });
  const json = (...args: string[]): unknown => {
    const run = amber(...args, "--output-format", "json");
    expect(run.status, run.stderr).to.equal(0);
    return JSON.parse(run.stdout);
  };
  const times = (group: string, ...args: string[]): unknown[] =>
    (json("snapshot", "list", group, ...args) as Record<string, unknown>[]).map(
      (item) => item["backup-time"],
    );

  it("verifies a snapshot, says so, and fails for one that is damaged", () => {
    const whole = amber("verify", "host/thin");
    cpSync(join(store, "host/trace"), join(store, "host/hurt"), { recursive: true });
    const [time = ""] = readdirSync(join(store, "host/hurt")).filter((name) => name.includes("T"));
    rmSync(join(store, "host/hurt", time, "tiny.pxar.didx"), { force: true });
    writeFileSync(join(store, "host/hurt", time, "conf.conf.blob"), "broken");

    const hurt = amber("verify", `host/hurt/${time}`);
    rmSync(join(store, "host/hurt"), { recursive: true });

    expect(whole.status, whole.stdout).to.equal(0);
    expect(whole.stdout).to.match(/verify .*host\/thin[^]*TASK OK\n$/);
    expect(hurt.status).to.equal(1);
    expect(hurt.stderr).to.match(/^Error: task failed \(status .*\)\n$/);
  });

  it("prints a task's name and does not wait for it with JSON output", () => {
    const upid = json("verify", "host/thin", "--ignore-verified", "false") as string;

    const log = amber("task", "log", upid);

    expect(upid).to.match(/^UPID:.*:verif/);
    expect(log.status).to.equal(0);
    expect(log.stdout).to.match(/TASK OK\n$/);
  });

  it("stops a verification on Ctrl-C, and says so", async () => {
    const child = spawn(process.execPath, [amberProgram, "verify", "--ns", "many"], {
      env: { ...process.env, ...server.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let shown = "";
    child.stdout.on("data", (piece: Buffer) => (shown += piece.toString()));
    await eventually(() => shown.includes("verify "), "the first line about a snapshot");

    child.kill("SIGINT");
    await eventually(() => hasEnded(child), "the end of the command");

    const tasks = json("task", "list", "--all") as Record<string, unknown>[];
    const task = tasks.find((each) => String(each["worker_id"]).includes("many"));
    expect(child.exitCode).to.equal(130);
    expect(task?.["status"]).to.match(/abort/);
    expect(amber("task", "log", String(task?.["upid"])).status).to.equal(1);
  });

  it("explains and prunes", () => {
    const explained = amber("prune", "host/thin", "--keep-last", "2", "--explain");
    const before = times("host/thin");
    const quiet = amber("prune", "host/thin", "--keep-last", "2", "--dry-run", "--quiet");
    const pruned = json("prune", "host/thin", "--keep-last", "2") as { keep: boolean }[];

    expect(explained.stdout).to.match(/2024-06-06T00:00:00Z .*\| +remove \| no rule keeps it/);
    expect(explained.stdout).to.match(/2024-06-09T00:00:00Z .*\| +keep \| keep-last 1 of 2/);
    expect(before).to.have.length(4);
    expect(quiet.stdout.match(/remove/g)).to.have.length(2);
    expect(quiet.stdout).to.not.match(/\| +keep/);
    expect(pruned.map(({ keep }) => keep)).to.deep.equal([false, false, true, true]);
    expect(times("host/thin")).to.have.length(2);
  });

  it("keeps everything when prune is told no rule", () => {
    const run = amber("prune", "host/thin");

    expect(run.status, run.stderr).to.equal(0);
    expect(times("host/thin")).to.have.length(2);
  });

  it("makes, lists and removes namespaces", () => {
    const made = ["lab", "lab/a"].map((name) => amber("namespace", "create", name).status);
    const orphan = amber("namespace", "create", "nowhere/a");
    const listed = amber("namespace", "list", "lab").stdout;
    const what = [`etc.conf:${join(home, "password")}`, "--ns", "lab/a", "--backup-id", "x"];
    const backup = amber("backup", ...what);
    const refused = amber("namespace", "delete", "lab/a");
    const removed = amber("namespace", "delete", "lab/a", "--delete-groups");
    const rest = amber("namespace", "delete", "lab");

    expect(made).to.deep.equal([0, 0]);
    expect(orphan.status).to.equal(1);
    expect(orphan.stderr).to.match(/^Error: Cannot create namespace "a" in "nowhere"\n/);
    expect(listed).to.include("lab/a\n");
    expect(backup.status, backup.stderr).to.equal(0);
    expect(refused.status).to.equal(1);
    expect(refused.stderr).to.match(/^Error: /);
    expect([removed.status, rest.status]).to.deep.equal([0, 0]);
    expect(amber("namespace", "list").stdout).to.not.include("lab");
    expect(existsSync(join(store, "ns/lab"))).to.equal(false);
  });

  it("removes a group, and names one that is not there", () => {
    const done = amber("group", "forget", "host/v4legacy", "--yes");
    const again = amber("group", "forget", "host/v4legacy", "--yes");

    expect(done.status, done.stderr).to.equal(0);
    expect(existsSync(join(store, "host/v4legacy"))).to.equal(false);
    expect(again.stderr).to.equal('Error: Cannot find a snapshot of group "host/v4legacy"\n');
  });

  it("gives a group to another account, and refuses one that does not exist", () => {
    const refused = amber("change-owner", "host/thin", "nobody@pbs");
    const done = amber("change-owner", "host/thin", "root@pam");
    const groups = json("list") as Record<string, unknown>[];

    expect(refused.status).to.equal(1);
    expect(refused.stderr).to.match(/^Error: .*nobody@pbs.* is inactive or non-existent/);
    expect(done.status, done.stderr).to.equal(0);
    expect(groups.find((group) => group["backup-id"] === "thin")?.["owner"]).to.equal("root@pam");
  });

  it("collects garbage and shows what came of it", () => {
    const run = amber("garbage-collect");

    expect(run.status, run.stderr).to.equal(0);
    expect(run.stdout).to.match(/Removed garbage: .*[^]*TASK OK\n$/i);
  });

  it("lists a running backup as a task, and stops it; nothing of the backup stays", async () => {
    const what = ["backup", "endless.img:/dev/stdin", "--backup-id", "endless"];
    const child = spawn(process.execPath, [amberProgram, ...what], {
      env: { ...process.env, ...server.env },
      stdio: ["pipe", "ignore", "pipe"],
    });
    let log = "";
    child.stderr.on("data", (piece: Buffer) => (log += piece.toString()));
    const running = (): Record<string, unknown>[] =>
      (json("task", "list") as Record<string, unknown>[]).filter((task) =>
        String(task["worker_id"]).includes("endless"),
      );
    await eventually(() => running().length > 0 || hasEnded(child), "the task of the backup");

    const [task] = running();
    const stopped = amber("task", "stop", String(task?.["upid"]));
    child.stdin.end("the last bytes");
    await eventually(() => hasEnded(child), "the end of the backup");

    expect(stopped.status, stopped.stderr).to.equal(0);
    expect(child.exitCode).to.equal(1);
    expect(log).to.match(/^Error: /m);
    expect(times("host/endless")).to.deep.equal([]);
  });

  it("verifies a new backup at once when the datastore is set to that", async () => {
    const config = ["--config", join(home, "config")];
    const set = amber(
      "manager",
      "datastore",
      "update",
      "store1",
      "--verify-new",
      "true",
      ...config,
    );
    const backup = amber("backup", `etc.conf:${join(home, "password")}`, "--backup-id", "new");

    expect(set.status, set.stderr).to.equal(0);
    expect(backup.status, backup.stderr).to.equal(0);
    const states = (): unknown[] =>
      (json("snapshot", "list", "host/new") as { verification?: { state?: unknown } }[]).map(
        ({ verification }) => verification?.state,
      );
    await eventually(() => states()[0] !== undefined, "the verification");
    expect(states()).to.deep.equal(["ok"]);
  });

  it("stores a log with a snapshot, encrypted with the key, and only once", () => {
    const snapshot = "host/logged/2024-06-05T14:24:36Z";
    const file = join(home, "client.log");
    const text = "what happened\n".repeat(100);
    writeFileSync(file, text);
    const what = ["--backup-id", "logged", "--backup-time", "1717597476"];
    expect(amber("backup", `etc.conf:${file}`, ...what).status).to.equal(0);

    const stored = amber("snapshot", "upload-log", snapshot, file, "--keyfile", KEY);
    const again = amber("snapshot", "upload-log", snapshot, file, "--keyfile", KEY);
    const blob = readFileSync(join(store, snapshot, "client.log.blob"));

    expect(stored.status, stored.stderr).to.equal(0);
    expect(again.status).to.equal(1);
    expect(again.stderr).to.match(/^Error: .*client\.log\.blob|^Error: .*already/m);
    const provider = createNativeProvider();
    const plain = decodeBlob(provider, blob, { sizeMax: 10_000, key: knownKey, what: "the log" });
    expect(Buffer.from(plain).toString()).to.equal(text);
    expect(blob.includes("happened")).to.equal(false);
    expect(() => decodeBlob(provider, blob, { sizeMax: 10_000, what: "the log" })).to.throw(/key/);
  });
});

/** A namespace whose verification takes a while: one snapshot under very many names. */
function makeMany(store: string): void {
  const from = join(store, "host/trace/2024-06-05T14:24:36Z");
  const group = join(store, "ns/many/host/many");
  mkdirSync(group, { recursive: true });
  cpSync(join(store, "host/trace/owner"), join(group, "owner"));
  const names = readdirSync(from);
  for (let i = 0; i < MANY; i++) {
    const time = new Date(1_717_597_476_000 + i * 1000).toISOString().replace(".000Z", "Z");
    mkdirSync(join(group, time));
    for (const name of names) linkSync(join(from, name), join(group, time, name));
  }
}
