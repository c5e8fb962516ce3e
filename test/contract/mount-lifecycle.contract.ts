import { spawn, type ChildProcess } from "node:child_process";
import { chmodSync, readFileSync, statSync } from "node:fs";
import {
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";

import { expect } from "chai";

import { cleanStaleMount } from "../../src/fs/clean-stale-mount.ts";
import { type Transport } from "../../src/fs/transport.ts";
import { unmountFileSystem } from "../../src/linux/mount-calls.ts";
import { mountedAt } from "../../src/linux/mount-table.ts";
import { reasonWithoutFuse } from "../support/fuse-here.ts";
import { memoryFileSystemUrl, mountForTest } from "../support/test-mount.ts";
import { type BlockNeed, LISTED_USER } from "../support/memory-file-system.ts";
import { rejection } from "../support/rejection.ts";
import { waitsInFuse } from "../support/waits-in-fuse.ts";
import { skipBecause } from "../support/skip-because.ts";

/** Abilities that transports differ in. */
export interface LifecycleLimits {
  /** Whether a process that waits for something that never comes can be killed. */
  readonly canKillWaiting: boolean;
  /** Whether access control lists decide what other users may see. */
  readonly checksAccessLists: boolean;
}

const NOBODY = LISTED_USER;

/** Declares the tests of how a mount begins and ends that every transport passes, with real mounts and processes. */
export function itMountsAndUnmounts(
  name: string,
  loadTransport: () => Promise<Transport>,
  limits: LifecycleLimits,
): void {
  const reason = reasonWithoutFuse();
  if (reason !== undefined) {
    it.skip(`mounts and unmounts through ${name} (skipped: ${reason})`);
    return;
  }

  let transport: Transport;
  let directory: string;
  const children: ChildProcess[] = [];

  before(async () => {
    transport = await loadTransport();
  });

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "amber-mount-"));
  });

  afterEach(async () => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
    await cleanStaleMount(directory);
    await rm(directory, { recursive: true });
  });

  const start = (
    command: string,
    args: readonly string[],
    uid?: number,
    gid = uid,
  ): ChildProcess => {
    const identity = uid === undefined || gid === undefined ? {} : { uid, gid };
    const child = spawn(command, args, { stdio: ["pipe", "pipe", "ignore"], ...identity });
    children.push(child);
    return child;
  };

  /** A process that has the suite's file system mounted; fails when it cannot. */
  const mountInChild = async (uid?: number): Promise<ChildProcess> => {
    const script = new URL("../support/mount-child.ts", import.meta.url).pathname;
    const args = ["--import", "tsx", script, name, directory];
    const child = start(process.execPath, args, uid);
    expect(await firstLine(child)).to.equal("mounted");
    return child;
  };

  it("mounts what it is told some time after it was prepared", async () => {
    const prepared = transport.prepare(memoryFileSystemUrl);
    await setImmediate();
    const late: Transport = {
      ...transport,
      mount: async ({ argument }, options) => await prepared.mount(argument, options),
    };

    const mounted = await mountForTest(late, { mountPoint: directory });
    const names = await readdir(directory);
    await mounted.mount.unmount();
    await prepared[Symbol.asyncDispose]();

    expect(names).to.include("acl.txt");
  });

  it("leaves nothing behind when nothing is mounted after all", async () => {
    const threadsBefore = (await readdir("/proc/self/task")).length;

    const prepared = transport.prepare(memoryFileSystemUrl);
    await prepared[Symbol.asyncDispose]();
    await prepared[Symbol.asyncDispose]();

    expect((await readdir("/proc/self/task")).length).to.equal(threadsBefore);
  });

  it("refuses a mount point that does not exist or is no directory", async () => {
    const file = join(directory, "file");
    await writeFile(file, "");

    for (const mountPoint of [join(directory, "missing"), file]) {
      expect(await rejection(mountForTest(transport, { mountPoint }))).to.have.property(
        "code",
        "MOUNT_POINT_INVALID",
      );
    }
  });

  it("refuses a mount point where a backup is mounted already", async () => {
    const first = await mountForTest(transport, { mountPoint: directory });

    const error = await rejection(mountForTest(transport, { mountPoint: directory }));

    expect(error).to.have.property("code", "MOUNT_POINT_BUSY");
    await first.mount.unmount();
  });

  it("leaves nothing mounted when the file system cannot be made", async () => {
    const error = await rejection(
      mountForTest(transport, { mountPoint: directory, argument: "broken" }),
    );

    expect(error).to.have.property("message", "this file system cannot be made");
    expect(mountedAt(directory)).to.equal(undefined);
  });

  it("mounts through a symbolic link and a path with blanks and odd characters", async () => {
    const odd = join(directory, "a b\tc\\d,e$(f)");
    await mkdir(odd);
    await symlink(odd, join(directory, "link"));

    const { mount } = await mountForTest(transport, { mountPoint: join(directory, "link") });

    expect(await readFile(join(odd, "plain.txt"), "utf8")).to.equal("hello\n");
    await mount.unmount();
    expect(await readdir(odd)).to.deep.equal([]);
  });

  it("shows itself read-only with its source in the table of mounts", async () => {
    const { mount } = await mountForTest(transport, {
      mountPoint: directory,
      sourceName: "me@host:store, second\\part",
    });

    expect(mountedAt(directory)).to.include({
      type: "fuse.amber",
      source: "me@host:store, second\\part",
    });
    const line = readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .find((entry) => entry.includes(directory));
    expect(line).to.match(/ ro,nosuid,nodev/);
    await mount.unmount();
  });

  it("unmounts, more than once, and says that it has ended", async () => {
    const { mount } = await mountForTest(transport, { mountPoint: directory });

    await Promise.all([mount.unmount(), mount.unmount()]);
    await mount.ended;
    await mount.unmount();

    expect(mountedAt(directory)).to.equal(undefined);
    expect(await readdir(directory)).to.deep.equal([]);
  });

  it("can be mounted again after that", async () => {
    for (let round = 0; round < 3; round++) {
      const { mount } = await mountForTest(transport, { mountPoint: directory });
      expect(await readFile(join(directory, "plain.txt"), "utf8")).to.equal("hello\n");
      await mount.unmount();
    }
  });

  it("unmounts while a process has its working directory and a file open inside", async () => {
    const { mount } = await mountForTest(transport, { mountPoint: directory });
    const user = start("/bin/sh", [
      "-c",
      'cd "$1/deep" && exec 3<"$1/pattern.bin" && echo inside && read -r line && ' +
        "cat <&3 >/dev/null 2>&1; echo $?; ls . >/dev/null 2>&1; echo $?",
      "sh",
      directory,
    ]);
    expect(await firstLine(user)).to.equal("inside");

    await mount.unmount();

    expect(mountedAt(directory)).to.equal(undefined);
    const rest = collect(user);
    user.stdin?.end("go\n");
    expect(await rest).to.match(/^[1-9]\d*\n[1-9]\d*\n$/);
  });

  it("ends when somebody else unmounts it", async () => {
    const { mount } = await mountForTest(transport, { mountPoint: directory });

    unmountFileSystem(directory, "plain");

    await mount.ended;
    await mount.unmount();
  });

  it("fails requests that wait for something when it is unmounted", async () => {
    const { mount } = await mountForTest(transport, { mountPoint: directory });
    const reader = start("/bin/cat", [join(directory, "never.bin")]);
    await waitsInFuse(reader);

    await mount.unmount();

    expect((await ended(reader)).code).to.equal(1);
  });

  if (limits.canKillWaiting) {
    it("lets a process be killed while it waits for something that never comes", async function () {
      const { mount } = await mountForTest(transport, { mountPoint: directory });
      for (const path of ["never.bin", "never.bin"]) {
        const reader = start("/bin/cat", [join(directory, path)]);
        await waitsInFuse(reader);

        reader.kill("SIGINT");

        expect((await ended(reader)).signal).to.equal("SIGINT");
      }
      await mount.unmount();
    });
  }

  if (limits.canKillWaiting) {
    it("does not disturb a process by signals that it handles, and lets it be killed later", async function () {
      let release: () => void = () => undefined;
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      const { mount } = await mountForTest(transport, {
        mountPoint: directory,
        resolve: async (need) => {
          await ((need as BlockNeed).file === "never" ? new Promise(() => undefined) : released);
          return new Uint8Array(1);
        },
      });
      const program =
        "$| = 1; $SIG{USR1} = sub {}; print 'ready'; -e $ARGV[0] or die; print 'found'; -e $ARGV[1]; print 'odd'";
      const paths = ["fetched-directory", "never-directory"].map((name) =>
        join(directory, name, "inside"),
      );
      const reader = start("perl", ["-e", program, ...paths]);
      // Before that, a signal ends it; and a process that loads its program for long looks as if it waited in FUSE.
      expect(await firstLine(reader)).to.equal("ready");
      await waitsInFuse(reader);
      const signal = async (): Promise<void> => {
        reader.kill("SIGUSR1");
        await new Promise((resolve) => setTimeout(resolve, 30));
      };

      for (let i = 0; i < 3; i++) await signal();
      release();
      expect(await firstLine(reader)).to.equal("found");

      await waitsInFuse(reader);
      await signal();
      expect(reader.exitCode).to.equal(null);
      reader.kill("SIGTERM");
      expect((await ended(reader)).signal).to.equal("SIGTERM");
      await mount.unmount();
    });
  }

  it("unmounts when its process exits or fails without doing so", async () => {
    for (const order of ["exit\n", "throw\n"]) {
      const child = await mountInChild();

      child.stdin?.write(order);
      await ended(child);

      expect(mountedAt(directory)).to.equal(undefined);
    }
  });

  it("lets a process that unmounts on SIGTERM end by itself", async () => {
    const child = await mountInChild();

    child.kill("SIGTERM");

    expect((await ended(child)).code).to.equal(0);
    expect(mountedAt(directory)).to.equal(undefined);
  });

  it("leaves a mount that answers ENOTCONN when killed, which the next mount clears away", async () => {
    const child = await mountInChild();
    child.kill("SIGKILL");
    await ended(child);
    expect(await rejection(stat(directory))).to.have.property("code", "ENOTCONN");

    const { mount } = await mountForTest(transport, { mountPoint: directory });

    expect(await readFile(join(directory, "plain.txt"), "utf8")).to.equal("hello\n");
    await mount.unmount();
    expect(mountedAt(directory)).to.equal(undefined);
  });

  it("mounts for an ordinary user, who may read what is not readable for all", async function () {
    if (process.getuid?.() !== 0) skipBecause(this, "needs root");
    const deviceMode = statSync("/dev/fuse").mode & 0o777;
    await chown(directory, NOBODY, NOBODY);
    chmodSync("/dev/fuse", 0o666);
    try {
      const child = await mountInChild(NOBODY);
      const paths = ["plain.txt", "other-owner.txt"].map((file) => join(directory, file));
      const reader = start("/bin/cat", paths, NOBODY);
      expect(await collect(reader)).to.equal("hello\nsecret");
      expect(mountedAt(directory)).to.include({ type: "fuse.amber" });
      expect(await rejection(stat(directory))).to.have.property("code", "EACCES");

      child.kill("SIGTERM");

      expect((await ended(child)).code).to.equal(0);
      expect(mountedAt(directory)).to.equal(undefined);
    } finally {
      chmodSync("/dev/fuse", deviceMode);
      await chown(directory, 0, 0).catch(() => undefined);
    }
  });

  it("shows others only what its permissions allow them when they may see it at all", async function () {
    if (process.getuid?.() !== 0) skipBecause(this, "needs root");
    chmodSync(directory, 0o755);
    const { mount } = await mountForTest(transport, { mountPoint: directory, allowOther: true });

    const reads = async (file: string, uid: number, gid = uid): Promise<boolean> => {
      const reader = start("/bin/cat", [join(directory, file)], uid, gid);
      return (await ended(reader)).code === 0;
    };

    expect(await reads("plain.txt", NOBODY)).to.equal(true);
    expect(await reads("other-owner.txt", NOBODY)).to.equal(false);
    expect(await reads("acl.txt", NOBODY - 1)).to.equal(false);
    if (limits.checksAccessLists) {
      expect(await reads("acl.txt", NOBODY)).to.equal(true);
      expect(await reads("acl.txt", NOBODY - 1, 0)).to.equal(false);
    }
    await mount.unmount();
  });
}

/** What a process says next; rejects when it ends without a word. */
async function firstLine(child: ChildProcess): Promise<string> {
  const silent = once(child, "close").then(([code, signal]: (number | string | null)[]) => {
    throw new Error(`it ended (${code ?? signal}) and said nothing`);
  });
  const [chunk] = (await Promise.race([once(child.stdout!, "data"), silent])) as [Buffer];
  return chunk.toString().split("\n")[0] ?? "";
}

async function collect(child: ChildProcess): Promise<string> {
  let text = "";
  for await (const chunk of child.stdout!) text += String(chunk);
  return text;
}

async function ended(
  child: ChildProcess,
): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  return { code: child.exitCode, signal: child.signalCode };
}
