/** Runs programs with a clock beside them, and mounts in the background. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** One timed run. */
export interface Sample {
  readonly seconds: number;
  /** User and system time. */
  readonly cpuSeconds: number;
  readonly maxRssMiB: number;
}

/** Longest that one command may take, in seconds. */
const RUN_SEC_MAX = 1200;

export function sh(command: string): void {
  execFileSync("bash", ["-c", command], { stdio: ["ignore", "ignore", "inherit"] });
}

export function timed(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Sample {
  const report = join(tmpdir(), `amber-bench-time-${process.pid}`);
  const time = ["-o", report, "-f", "%e %M %U %S"];
  const bounded = [
    "timeout",
    "--foreground",
    "--signal=KILL",
    String(RUN_SEC_MAX),
    command,
    ...args,
  ];
  const run = spawnSync("/usr/bin/time", [...time, ...bounded], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "pipe"],
    encoding: "utf8",
  });
  if (run.status !== 0) throw new Error(`${command} ${args.join(" ")}: ${run.stderr}`);
  const [seconds = 0, kib = 0, user = 0, system = 0] = readFileSync(report, "utf8")
    .trim()
    .split(/\s+/)
    .slice(-4)
    .map(Number);
  rmSync(report);
  return { seconds, cpuSeconds: user + system, maxRssMiB: kib / 1024 };
}

/** Snapshots are named by the second: waits until the next has another name. */
export async function nextSecond(): Promise<void> {
  await new Promise((wake) => setTimeout(wake, 1100));
}

export function rssMiB(pid: number | undefined): number {
  if (pid === undefined || !existsSync(`/proc/${pid}/status`)) return 0;
  return (
    Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024
  );
}

export async function until(condition: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 600; i++) {
    if (condition()) return;
    await new Promise((wake) => setTimeout(wake, 50));
  }
  throw new Error(`waited in vain for ${what}`);
}

function isMounted(path: string): boolean {
  return readFileSync("/proc/self/mounts", "utf8").includes(` ${path} `);
}

export async function unmount(path: string, child?: ChildProcess): Promise<void> {
  spawnSync("umount", [path]);
  await until(() => !isMounted(path), `unmount of ${path}`);
  if (child)
    await until(() => child.exitCode !== null || child.signalCode !== null, "end of the mount");
}

export async function backgroundMount(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  point: string,
): Promise<ChildProcess> {
  mkdirSync(point, { recursive: true });
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: "ignore" });
  await until(() => isMounted(point), `mount of ${command}`);
  return child;
}
