/**
 * Question: what does a long line cost those who read from far away?
 *
 * Usage: `npm run --silent build && npx tsx bench/latency.ts TREE FILE` (root, FUSE). Backs up a directory with many small files (`drivers/gpu`
 * of a Linux tree, say) and one large file, then reads both through a mount, and restores the directory, over a line of 1 Gbit/s with round
 * trips of 0 and 50 ms. Prints seconds, and for the large file the share of what the line could have carried: the bytes
 * that came over it, not those of the file, which are more.
 */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { dirname, basename, join, resolve } from "node:path";

import { startWorker } from "../src/chunks/start-worker.ts";
import {
  type MountProcess,
  runAmber,
  startMountProcess,
  startServerProcess,
} from "../test/support/amber-program.ts";
import { type DelayingLine } from "./delaying-proxy.ts";

const BYTES_PER_SECOND = 125_000_000;

const [tree, file] = process.argv.slice(2).map((path) => resolve(path));
if (tree === undefined || file === undefined) throw new Error("usage: latency.ts TREE FILE");
const home = mkdtempSync("/dev/shm/amber-latency-");
const server = await startServerProcess(home);

function must(...args: readonly string[]): string {
  const run = runAmber(args, server.env);
  if (run.status !== 0) throw new Error(`amber ${args.join(" ")}: ${run.stderr}`);
  return run.stderr;
}

function secondsOf(command: string, args: readonly string[]): number {
  const startMs = performance.now();
  const run = spawnSync(command, args, { stdio: ["ignore", "ignore", "inherit"] });
  if (run.status !== 0) throw new Error(`${command} ${args.join(" ")}`);
  return (performance.now() - startMs) / 1000;
}

function repositoryAt(port: number): NodeJS.ProcessEnv {
  const repository = (server.env["PBS_REPOSITORY"] ?? "").replace(/:\d+:/, `:${port}:`);
  return { ...server.env, PBS_REPOSITORY: repository };
}

/** Runs `use` in a mount that was just made. */
async function mounted(env: NodeJS.ProcessEnv, use: (mount: MountProcess) => void): Promise<void> {
  const mount = await startMountProcess([], join(home, "mnt"), env);
  try {
    use(mount);
  } finally {
    await mount.stop();
  }
}

try {
  must("backup", `tree.pxar:${tree}`, "--backup-id", "tree");
  must("backup", `file.pxar:${dirname(file)}`, "--backup-id", "file");
  const { size } = statSync(file);
  const port = Number(/:(\d+):/.exec(server.env["PBS_REPOSITORY"] ?? "")?.[1]);
  for (const roundTripMs of [0, 50]) {
    const workerData: DelayingLine = { port, roundTripMs, bytesPerSecond: BYTES_PER_SECOND };
    const proxy = startWorker("delaying-proxy", import.meta.url, { workerData });
    const [proxyPort] = (await once(proxy, "message")) as [number];
    const env = repositoryAt(proxyPort);
    const say = (what: string, seconds: number, more = ""): void => {
      console.log(
        `${roundTripMs} ms  ${what.padEnd(22)} ${seconds.toFixed(2).padStart(7)} s${more}`,
      );
    };
    await mounted(env, ({ point }) => {
      const from = join(point, "host/file/latest/file.pxar", basename(file));
      const seconds = secondsOf("dd", [`if=${from}`, "of=/dev/null", "bs=1M", "status=none"]);
      const lineShare = size / seconds / BYTES_PER_SECOND;
      say(
        "read one file",
        seconds,
        `  ${(size / seconds / 1e6).toFixed(0)} MB/s, ${lineShare.toFixed(2)} of the line`,
      );
    });
    await mounted(env, ({ point }) => {
      say("first ls", secondsOf("ls", ["-l", join(point, "host/tree/latest/tree.pxar")]));
      say("find -ls", secondsOf("find", [join(point, "host/tree/latest/tree.pxar"), "-ls"]));
      const copy = join(home, "copy");
      say("cp -a", secondsOf("cp", ["-a", join(point, "host/tree/latest/tree.pxar"), copy]));
      rmSync(copy, { recursive: true });
    });
    const target = join(home, "restored");
    mkdirSync(target);
    const startMs = performance.now();
    const run = runAmber(["restore", "host/tree", "tree.pxar", join(target, "tree")], env);
    if (run.status !== 0) throw new Error(run.stderr);
    say("restore", (performance.now() - startMs) / 1000);
    rmSync(target, { recursive: true });
    await proxy.terminate();
  }
} finally {
  await server.stop();
  rmSync(home, { recursive: true, force: true });
}
// Threads of the loader outlive the proxies, which run from source, and would keep the process alive.
// eslint-disable-next-line n/no-process-exit -- everything of this program has ended
process.exit();
