import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** The built program; the test command builds it first. */
export const amberProgram = resolve(import.meta.dirname, "../../bin/amber.js");

/** A finished run of the program. */
export interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stdoutBytes: Uint8Array;
  readonly stderr: string;
}

/** Longest that one run may take, in ms: mocha cannot end a test that waits for a process in its own thread. */
const RUN_MS_MAX = 600_000;

/** Runs `amber` to its end; a run that hangs is killed, and its status is `null`. */
export function runAmber(args: readonly string[], env: NodeJS.ProcessEnv = {}): Run {
  const run = spawnSync(process.execPath, [amberProgram, ...args], {
    env: { ...process.env, ...env },
    maxBuffer: 64 * 1024 * 1024,
    timeout: RUN_MS_MAX,
    killSignal: "SIGKILL",
  });
  return {
    status: run.status,
    stdout: run.stdout.toString(),
    stdoutBytes: run.stdout,
    stderr: run.stderr.toString(),
  };
}

/** Waits until `condition` holds; the event is another process, so it has to be looked at again and again. */
export async function eventually(condition: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 1200; i++) {
    if (condition()) return;
    await sleep(50);
  }
  throw new Error(`waited a minute in vain for ${what}`);
}

/** A child that has ended. */
export function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** A real server, as a process of its own. */
export interface ServerProcess {
  readonly env: NodeJS.ProcessEnv;
  readonly child: ChildProcess;
  stop(): Promise<void>;
}

/**
 * Starts `amber server` below `home` with one datastore called `store1`, whose chunk folders are made as they are needed: to
 * make 65,536 of them at once takes many seconds on some disks.
 */
export async function startServerProcess(
  home: string,
  storePath = join(home, "store"),
  args: readonly string[] = [],
  nodeArgs: readonly string[] = [],
): Promise<ServerProcess> {
  const ready = join(home, "ready.json");
  writeFileSync(join(home, "password"), "test-password\n", { mode: 0o600 });
  const child = spawn(
    process.execPath,
    [
      ...nodeArgs,
      amberProgram,
      "server",
      ...["--config", join(home, "config")],
      ...["--datastore", `store1=${storePath}`],
      ...["--listen", "127.0.0.1:0"],
      ...["--admin-password-file", join(home, "password")],
      ...["--ready-file", ready],
      ...["--session-grace", "0"],
      ...["--chunk-folders", "on-demand"],
      ...args,
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  let log = "";
  child.stderr.on("data", (piece: Buffer) => (log += piece.toString()));
  await eventually(() => existsSync(ready) || hasEnded(child), "the server");
  if (!existsSync(ready)) throw new Error(`the server ended: ${log}`);
  const told = JSON.parse(readFileSync(ready, "utf8")) as { port: number; fingerprint: string };
  return {
    child,
    env: {
      XDG_RUNTIME_DIR: home,
      XDG_CONFIG_HOME: home,
      XDG_CACHE_HOME: home,
      PBS_REPOSITORY: `admin@pbs@127.0.0.1:${told.port}:store1`,
      PBS_PASSWORD: "test-password",
      PBS_FINGERPRINT: told.fingerprint,
    },
    async stop() {
      child.kill("SIGTERM");
      await eventually(() => hasEnded(child), "the end of the server");
    },
  };
}

/** A mount by the real program. */
export interface MountProcess {
  readonly child: ChildProcess;
  readonly point: string;
  log(): string;
  stop(): Promise<void>;
}

function isMounted(path: string): boolean {
  return readFileSync("/proc/self/mounts", "utf8").includes(` ${path} `);
}

/** Runs `amber mount --foreground … POINT` and waits until it answers. */
export async function startMountProcess(
  args: readonly string[],
  point: string,
  env: NodeJS.ProcessEnv = {},
  nodeArgs: readonly string[] = [],
): Promise<MountProcess> {
  mkdirSync(point, { recursive: true });
  const command = [...nodeArgs, amberProgram, "mount", "--foreground", ...args, point];
  const child = spawn(process.execPath, command, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "";
  child.stderr.on("data", (piece: Buffer) => (log += piece.toString()));
  await eventually(() => isMounted(point) || hasEnded(child), "the mount");
  if (hasEnded(child)) throw new Error(`the mount ended: ${log}`);
  return {
    child,
    point,
    log: () => log,
    async stop() {
      child.kill("SIGTERM");
      await eventually(() => hasEnded(child) && !isMounted(point), "the end of the mount");
    },
  };
}

/** Why a test that mounts cannot run here, or `undefined`. */
export function whyNoMount(): string | undefined {
  if (!existsSync("/dev/fuse")) return "no /dev/fuse";
  if (spawnSync("which", ["fusermount3"]).status !== 0 && process.getuid?.() !== 0)
    return "no fusermount3";
  return undefined;
}
