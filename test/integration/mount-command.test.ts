import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, open, readdir, readFile, rm, stat } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { expect } from "chai";

import { readMountTable } from "../../src/linux/mount-table.ts";
import { eventually } from "../support/amber-program.ts";
import { reasonWithoutFuse } from "../support/fuse-here.ts";
import { tempDir } from "../support/temp-dir.ts";
import { startTestServer } from "../support/test-server.ts";
import { skipBecause } from "../support/skip-because.ts";

const store = fileURLToPath(new URL("../../fixtures/datastore-real/store", import.meta.url));
const program = fileURLToPath(new URL("../support/program-from-source.ts", import.meta.url));

function start(args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  return spawn(process.execPath, ["--import", "tsx", program, ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

async function end(child: ChildProcess): Promise<Ended> {
  let stderr = "";
  child.stderr?.on("data", (piece: Buffer) => (stderr += piece.toString()));
  await once(child, "close");
  return { code: child.exitCode, signal: child.signalCode, stderr };
}

async function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return await end(start(args, env));
}

function isMounted(point: string): boolean {
  return readMountTable().some(({ mountPoint }) => mountPoint === point);
}

async function withPlace(use: (temp: string, point: string) => Promise<void>): Promise<void> {
  await using temp = await tempDir();
  const point = path.join(temp.path, "mount");
  await mkdir(point);
  try {
    await use(temp.path, point);
  } finally {
    if (isMounted(point)) await run(["umount", "--lazy", point]);
  }
}

describe("integration/mount-command", function () {
  this.timeout(60_000);

  before(function () {
    const reason = reasonWithoutFuse();
    if (reason === undefined) return;
    skipBecause(this, reason);
  });

  it("mounts a local datastore, returns, and unmounts", async () => {
    await withPlace(async (_temp, point) => {
      const mounting = await run(["mount", "--datastore", store, "--", point]);

      const config = await readFile(
        path.join(point, "host/golden-plain/latest/qemu-server.conf"),
        "utf8",
      );
      const types = await readdir(point);
      const unmounting = await run(["umount", point]);

      expect(mounting).to.deep.equal({ code: 0, signal: null, stderr: "" });
      expect(config).to.include("cores");
      expect(types).to.have.members(["ct", "host", "ns"]);
      expect(unmounting.code).to.equal(0);
      expect(isMounted(point)).to.equal(false);
    });
  });

  it("does not unmount what a program uses unless told to, and says so", async () => {
    await withPlace(async (_temp, point) => {
      await run(["mount", "--datastore", store, "--", point]);
      const used = await open(path.join(point, "host/golden-plain/latest/qemu-server.conf"));
      try {
        const refused = await run(["umount", point]);
        const lazy = await run(["umount", "--lazy", point]);

        expect(refused.code).to.equal(1);
        expect(refused.stderr).to.include("--lazy").and.include("EBUSY").and.not.include("--help");
        expect(lazy.code).to.equal(0);
        expect(isMounted(point)).to.equal(false);
      } finally {
        await used.close();
      }
    });
  });

  it("refuses to mount a group that does not exist", async () => {
    await withPlace(async (_temp, point) => {
      const mounting = await run(["mount", "--datastore", store, "host/typo", point]);

      expect(mounting.code).to.equal(1);
      expect(mounting.stderr).to.include('"host/typo": there is no such group');
      expect(isMounted(point)).to.equal(false);
    });
  });

  it("mounts one archive of a snapshot behind a server, until it is asked to end", async () => {
    await withPlace(async (temp, point) => {
      const storePath = path.join(temp, "store");
      await cp(store, storePath, { recursive: true });
      await using server = await startTestServer({ storePath });
      const child = start(["mount", "--foreground", "host/v4meta/latest", "tiny", point], {
        PBS_REPOSITORY: `${server.tokenId}@127.0.0.1:${server.port}:store1`,
        PBS_PASSWORD: server.tokenSecret,
        PBS_FINGERPRINT: server.fingerprint,
        XDG_RUNTIME_DIR: temp,
        XDG_CONFIG_HOME: temp,
      });
      const ended = end(child);
      await eventually(() => isMounted(point) || child.exitCode !== null, "the mount");
      if (child.exitCode !== null) expect.fail((await ended).stderr);

      const names = await readdir(point);
      const text = await readFile(path.join(point, "a.txt"), "utf8");
      child.kill("SIGTERM");

      expect(names).to.include.members(["a.txt", "d"]);
      expect(text).to.equal("hello\n");
      expect(await ended).to.include({ code: 0, signal: null });
      expect(isMounted(point)).to.equal(false);
    });
  });

  it("fails before it mounts what is not there", async () => {
    await withPlace(async (_temp, point) => {
      const { code, stderr } = await run([
        ...["mount", "--datastore", store],
        ...["host/golden-plain/latest/none.pxar", point],
      ]);

      expect(code).to.equal(1);
      expect(stderr).to.include("none.pxar").and.include("mixed.pxar");
      expect(isMounted(point)).to.equal(false);
    });
  });

  it("mounts again where a mount was killed", async () => {
    await withPlace(async (_temp, point) => {
      const child = start(["mount", "--foreground", "--datastore", store, point]);
      const ended = end(child);
      await eventually(() => isMounted(point), "the mount");
      child.kill("SIGKILL");
      await ended;

      const again = await run(["mount", "--datastore", store, point]);

      expect(again).to.deep.equal({ code: 0, signal: null, stderr: "" });
      expect(await readdir(point)).to.include("host");
    });
  });

  it("serves what it read before from the cache on disk, and nothing that was damaged there", async () => {
    await withPlace(async (temp, point) => {
      const copy = path.join(temp, "store");
      const cache = path.join(temp, "cache");
      await cp(store, copy, { recursive: true });
      const mount = async (): Promise<void> => {
        const words = `datastore=${copy},disk_cache=${cache},_netdev`;
        const { code, stderr } = await run(["mount", "-o", words, "host/v4meta", point]);
        expect(code, stderr).to.equal(0);
      };
      const file = path.join(point, "latest/tiny.pxar/a.txt");
      await mount();
      await readFile(file);
      await run(["umount", point]);
      await rm(path.join(copy, ".chunks"), { recursive: true });
      await mkdir(path.join(copy, ".chunks"));

      await mount();
      const cached = await readFile(file, "utf8");

      expect(cached).to.equal("hello\n");
      expect((await stat(cache)).mode & 0o777).to.equal(0o700);
      await run(["umount", point]);
    });
  });
});
