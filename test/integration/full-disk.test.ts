import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { rootNamespace } from "../../src/format/snapshot/namespace.ts";
import { parseSnapshotId } from "../../src/format/snapshot/snapshot-id.ts";
import { systemClock } from "../../src/format/clock.ts";
import { LocalBackend } from "../../src/server/store/local-backend.ts";
import { eventually } from "../support/eventually.ts";
import { skipBecause } from "../support/skip-because.ts";
import { amberProgram } from "../support/amber-program.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { newVerifyMemory } from "../../src/server/store/verify-memory.ts";
import { datastoreOn } from "../support/make-backup.ts";
import { rawCall } from "../support/raw-client.ts";
import { mountSmallDisk, type SmallDisk } from "../support/small-disk.ts";
import { tempDir } from "../support/temp-dir.ts";
import { startTestServer, type TestServer } from "../support/test-server.ts";

const MIB = 1024 * 1024;

describe("integration/full-disk", function () {
  this.timeout(120_000);
  let home: Awaited<ReturnType<typeof tempDir>>;
  let disk: SmallDisk | undefined;
  let server: TestServer;
  let tree = "";
  let timeSec = 1_719_000_000;

  before(async function () {
    home = await tempDir();
    try {
      disk = mountSmallDisk(home.path, 48 * MIB);
    } catch (error) {
      skipBecause(this, `no file system can be made here: ${String(error).split("\n")[0]}`);
    }
    tree = join(home.path, "tree");
    mkdirSync(tree);
    writeFileSync(join(tree, "small"), randomBytes(MIB));
    server = await startTestServer({ storePath: join(disk.path, "store") });
  });

  after(async () => {
    if (disk) await server[Symbol.asyncDispose]();
    disk?.[Symbol.dispose]();
    await home[Symbol.asyncDispose]();
  });

  interface Outcome {
    readonly status: number;
    readonly text: string;
  }

  /** The real program; not `spawnSync`, since the server runs in this process. */
  async function amber(...args: readonly string[]): Promise<Outcome> {
    return await new Promise((resolve) => {
      const env = {
        ...process.env,
        PBS_REPOSITORY: `${server.tokenId}@127.0.0.1:${server.port}:store1`,
        PBS_PASSWORD: server.tokenSecret,
        PBS_FINGERPRINT: server.fingerprint,
        XDG_RUNTIME_DIR: home.path,
        XDG_CONFIG_HOME: home.path,
      };
      execFile(process.execPath, [amberProgram, ...args], { env }, (error, stdout, stderr) => {
        // -1 for a program that a signal ended.
        const status = error ? Number(error.code ?? -1) : 0;
        resolve({ status, text: `${stdout}${stderr}${error?.signal ?? ""}` });
      });
    });
  }

  async function backup(): Promise<Outcome> {
    const time = ["--backup-time", String((timeSec += 60))];
    return await amber("backup", `tree.pxar:${tree}`, "--backup-id", "a", ...time);
  }

  async function api<Data>(path: string): Promise<Data> {
    const { authorization } = server;
    const headers = { authorization };
    const answer = await rawCall(server.port, `GET /api2/json${path}`, { headers });
    return (JSON.parse(answer.text) as { data: Data }).data;
  }

  async function snapshotTimes(): Promise<number[]> {
    const found = await api<{ "backup-time": number }[]>("/admin/datastore/store1/snapshots");
    return found.map((snapshot) => snapshot["backup-time"]).sort();
  }

  /** Lines of the newest backup's task log. */
  async function taskLog(): Promise<string> {
    const tasks =
      await api<{ upid: string; starttime: number; worker_type: string }[]>(
        "/nodes/localhost/tasks",
      );
    const [newest] = tasks.filter((task) => task.worker_type === "backup");
    const lines = await api<{ t: string }[]>(
      `/nodes/localhost/tasks/${encodeURIComponent(newest?.upid ?? "")}/log?limit=0`,
    );
    return lines.map(({ t }) => t).join("\n");
  }

  it("says that the disk is full, on both sides, and leaves nothing half", async () => {
    expect((await backup()).status).to.equal(0);
    const kept = await snapshotTimes();
    writeFileSync(join(tree, "large"), randomBytes(64 * MIB));

    const failed = await backup();

    expect(failed.status, failed.text).to.equal(1);
    expect(failed.text).to.include("no space left on the disk");
    expect(await taskLog()).to.include("507 Insufficient Storage: datastore: no space left");
    // The server notices on its own that the client is gone.
    await eventually(async () => (await snapshotTimes()).length === kept.length);
    expect(await snapshotTimes()).to.deep.equal(kept);
    const folders = readdirSync(join(disk!.path, "store/host/a"));
    expect(folders.filter((name) => name.endsWith("Z"))).to.have.length(1);
    rmSync(join(tree, "large"));
  });

  it("prunes and collects on a full disk, and a backup fits again", async () => {
    // How much room the failed one has left is a matter of luck.
    disk!.free();
    const second = await backup();
    expect(second.status, second.text).to.equal(0);
    const newest = (await snapshotTimes()).at(-1);
    const chunks = join(disk!.path, "store/.chunks");
    const twoDaysAgo = Date.now() / 1000 - 2 * 86_400;
    const names = readdirSync(chunks, { recursive: true, encoding: "utf8" });
    for (const name of names.filter((path) => path.length > 60)) {
      utimesSync(join(chunks, name), twoDaysAgo, twoDaysAgo);
    }
    disk!.fill();

    const pruned = await amber("prune", "host/a", "--keep-last", "1");
    const collected = await amber("garbage-collect");

    expect(pruned.status, pruned.text).to.equal(0);
    expect(await snapshotTimes()).to.deep.equal([newest]);
    expect(collected.status, collected.text).to.equal(0);
    // What the failed backup had stored.
    expect(Number(/Removed chunks: (\d+)/.exec(collected.text)?.[1])).to.be.greaterThan(0);
    expect((await backup()).status).to.equal(0);
    for (const time of await snapshotTimes()) await expectSound(time);
    expect((await amber("snapshot", "forget", snapshotName(newest!))).status).to.equal(0);
  });

  it("forgets snapshots of a full disk, and refuses to begin or end another backup there", async () => {
    disk!.fill();

    const refused = await backup();
    const [first] = await snapshotTimes();
    const forgotten = await amber("snapshot", "forget", snapshotName(first!));

    expect(refused.status, refused.text).to.equal(1);
    expect(refused.text).to.include("no space left on the disk");
    expect(forgotten.status, forgotten.text).to.equal(0);
    expect(await snapshotTimes()).to.deep.equal([]);
  });

  it("backs up again once there is space, and what it has verifies", async () => {
    disk!.free();

    const again = await backup();
    expect(again.status, again.text).to.equal(0);
    writeFileSync(join(tree, "more"), randomBytes(MIB));
    expect((await backup()).status).to.equal(0);

    for (const time of await snapshotTimes()) await expectSound(time);
  });

  it("says that the file system is read-only, and keeps what is there readable", async () => {
    const kept = await snapshotTimes();
    disk!.breakDown();

    const failed = await backup();
    const target = join(home.path, "restored");
    const restored = await amber("restore", snapshotName(kept.at(-1)!), "tree.pxar", target);

    expect(failed.status, failed.text).to.equal(1);
    expect(failed.text).to.include("the file system is read-only");
    expect(restored.status, restored.text).to.equal(0);
    for (const name of ["small", "more"]) {
      const [is, was] = [target, tree].map((folder) => readFileSync(join(folder, name)));
      expect(is!.equals(was!), name).to.equal(true);
    }
    expect(await snapshotTimes()).to.deep.equal(kept);
  });

  it("goes on after the disk was repaired", async () => {
    const { storePath } = server;
    const kept = await snapshotTimes();
    await server.close();
    disk!.repair();
    server = await startTestServer({ storePath });

    const again = await backup();

    expect(again.status, again.text).to.equal(0);
    expect(await snapshotTimes()).to.have.length(kept.length + 1);
    for (const time of await snapshotTimes()) await expectSound(time);
  });

  function snapshotName(time: number): string {
    return `host/a/${new Date(time * 1000).toISOString().replace(".000", "")}`;
  }

  async function expectSound(time: number): Promise<void> {
    const access = { access: "read-only", clock: systemClock } as const;
    await using backend = await LocalBackend.open(server.storePath, access);
    const store = datastoreOn(backend, new FakeClock());
    const snapshot = parseSnapshotId(snapshotName(time));
    const { faults } = await store.verifySnapshot(rootNamespace, snapshot, newVerifyMemory());
    expect(faults).to.deep.equal([]);
  }
});
