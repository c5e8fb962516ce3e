/**
 * Question: what does a mount of very many files cost: until the prompt is back, until the first listing is there, in memory and time while
 * everything is looked at?
 *
 * Usage: `npm run --silent build && npx tsx bench/many-files-mount.ts 50000 500000 5000000` (root, FUSE). Encodes snapshots of so many files
 * that never were on a disk below `/dev/shm` (14 MB per million), their metadata in chunks as this program makes them, or with `long` in front of the
 * numbers as others do, and mounts each: the archive alone and the whole datastore, from a server of its
 * own and from the folder. Prints the median of five mounts, then CPU seconds and peak memory of the mount process
 * under `find` and `find -ls`; at the end the exponents k of the power laws that fit: cost ~ files^k. `find` fills the kernel with
 * 1 KiB an entry, which it gives back when it needs it.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

import { createLocalDatastore } from "../src/server/store/create-local-datastore.ts";
import { timeText } from "../src/format/snapshot/time-text.ts";
import { eventually, runAmber, startServerProcess } from "../test/support/amber-program.ts";
import { slope } from "../test/support/growth.ts";
import { snapshotAt } from "../test/support/make-backup.ts";
import { withApiToken } from "./api-token.ts";
import { cpuSecondsIn } from "./meter.ts";
import { makeSyntheticSnapshot, METADATA_CHUNK_BYTES } from "./synthetic-snapshot.ts";
import { rssMiB } from "./timed-run.ts";

const MOUNTS = 5;

interface Way {
  readonly name: string;
  readonly what: "archive" | "datastore";
  readonly from: "server" | "folder";
}

const ways: readonly Way[] = (["archive", "datastore"] as const).flatMap((what) =>
  (["folder", "server"] as const).map((from) => ({ name: `${what}, ${from}`, what, from })),
);

/** The process that answers for a mount point: the one that was started to stay. */
function pidOfMount(point: string): number {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      if (words.includes(point) && words.some((word) => word.startsWith("--background-child")))
        return Number(pid);
    } catch {
      // It has ended meanwhile.
    }
  }
  throw new Error(`nobody answers for ${point}`);
}

function cpuSeconds(pid: number): number {
  return cpuSecondsIn(readFileSync(`/proc/${pid}/stat`, "utf8"));
}

function timedMs(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): number {
  const startMs = performance.now();
  const run = spawnSync(command, args, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "pipe"],
    encoding: "utf8",
  });
  if (run.status !== 0) throw new Error(`${command} ${args.join(" ")}: ${run.stderr}`);
  return performance.now() - startMs;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

const words = process.argv.slice(2);
const chunkBytes = METADATA_CHUNK_BYTES[words[0] === "long" ? "long" : "short"];
const counts = words.filter((word) => word !== "long").map(Number);
const home = mkdtempSync("/dev/shm/amber-many-");
const store = join(home, "store");
await createLocalDatastore(store, { chunkFolders: "on-demand" });
for (const count of counts)
  await makeSyntheticSnapshot(store, snapshotAt(0, `host/many-${count}`), count, chunkBytes);
const server = await startServerProcess(home, store);
const env = withApiToken(server.env);
const point = join(home, "mnt");
const program = join(import.meta.dirname, "../bin/amber.js");
mkdirSync(point);

async function unmount(pid: number): Promise<void> {
  timedMs("umount", [point]);
  await eventually(() => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8") === "";
    } catch {
      return true;
    }
  }, "the end of the mount");
}

try {
  const growth = new Map<string, [number, number][]>();
  for (const count of counts) {
    const snapshot = `host/many-${count}/${timeText(snapshotAt(0).timeSec)}`;
    for (const { name, what, from } of ways) {
      const subject = what === "archive" ? [snapshot, "tree.pxar"] : [];
      const where = from === "folder" ? ["--datastore", store] : [];
      const tree = what === "archive" ? point : join(point, snapshot, "tree.pxar");
      const mount = (): { promptMs: number; pid: number } => {
        const args = [program, "mount", ...subject, point, ...where];
        return { promptMs: timedMs(process.execPath, args, env), pid: pidOfMount(point) };
      };
      const promptsMs: number[] = [];
      const listsMs: number[] = [];
      for (let i = 0; i < MOUNTS; i++) {
        const { promptMs, pid } = mount();
        promptsMs.push(promptMs);
        listsMs.push(timedMs("ls", [tree]));
        await unmount(pid);
      }
      console.log(
        `${count} files, ${name}: prompt ${median(promptsMs).toFixed(0)} ms (least ${Math.min(...promptsMs).toFixed(0)}), first ls ${median(listsMs).toFixed(0)} ms (least ${Math.min(...listsMs).toFixed(0)})`,
      );
      for (const find of [
        ["find", tree],
        ["find", tree, "-ls"],
      ] as const) {
        const { pid } = mount();
        const before = cpuSeconds(pid);
        const ms = timedMs(find[0], find.slice(1));
        const cpu = cpuSeconds(pid) - before;
        console.log(
          `  find ${find.slice(2).join("")}: ${(ms / 1000).toFixed(1)} s, mount ${cpu.toFixed(2)} CPU s, peak ${rssMiB(pid).toFixed(0)} MiB`,
        );
        const key = `find ${find.slice(2).join("")}, ${name}`;
        growth.set(key, [...(growth.get(key) ?? []), [count, cpu]]);
        await unmount(pid);
      }
    }
  }
  for (const [key, points] of growth) {
    const exponent = slope(
      points.map(([count]) => Math.log(count)),
      points.map(([, cpu]) => Math.log(cpu)),
    );
    console.log(`${key}: CPU ~ files^${exponent.toFixed(2)}`);
  }
} finally {
  runAmber(["umount", point]);
  await server.stop();
  rmSync(home, { recursive: true });
}
