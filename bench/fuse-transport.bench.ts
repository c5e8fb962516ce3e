/**
 * Question: how fast does each transport answer when the file system behind it costs nothing, and what processor time
 * does it take? The bound for everything a mount can do.
 *
 * Usage (root): `npx tsx bench/fuse-transport.bench.ts [--rounds 3] [--transports fuse,fuse-native] [--stages find]`.
 * Every stage has a fresh mount, so the kernel's caches are cold. The rows compare with those of the design's
 * measurements: "raw, worker" is ours, "fuse-native" the package.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { open, stat } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { fuseNativeTransport } from "../src/fs/fuse-native-transport.ts";
import { fuseTransport } from "../src/fs/fuse-transport.ts";
import { SHAPE } from "./synthetic-file-system.ts";

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    transports: { type: "string", default: "fuse,fuse-native" },
    stages: { type: "string", default: "" },
  },
});

const [TOP, MIDDLE, FILES] = SHAPE;
const entryCount = TOP + TOP * MIDDLE + TOP * MIDDLE * FILES;
const READ_BYTES = 2 * 2 ** 30;
const RANDOM_COUNT = 20_000;

/** One stage: does its work on a mount and says how many units that were. */
interface Stage {
  readonly name: string;
  readonly unit: "entries" | "stats" | "opens" | "MB";
  run(path: string): Promise<number>;
}

async function runProgram(program: string, args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  await once(child, "close");
  if (child.exitCode !== 0) throw new Error(`${program}: ${said}`);
}

/** Paths in an order that no cache helps with, the same in every run. */
function scatteredPaths(root: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const n = (i * 7919) % (TOP * MIDDLE * FILES);
    const [file, middle] = [n % FILES, Math.floor(n / FILES) % MIDDLE];
    return join(root, `d${Math.floor(n / FILES / MIDDLE)}`, `d${middle}`, `f${file}`);
  });
}

const stages: readonly Stage[] = [
  {
    name: "find",
    unit: "entries",
    run: async (path) => {
      await runProgram("find", [path]);
      return entryCount;
    },
  },
  {
    name: "find with stat",
    unit: "entries",
    run: async (path) => {
      await runProgram("find", [path, "-printf", "%s %T@\\n"]);
      return entryCount;
    },
  },
  {
    name: "find again, warm",
    unit: "entries",
    run: async (path) => {
      await runProgram("find", [path]);
      await runProgram("find", [path]);
      return 2 * entryCount;
    },
  },
  {
    name: "scattered stat, cold",
    unit: "stats",
    run: async (path) => {
      for (const file of scatteredPaths(path, RANDOM_COUNT)) await stat(file);
      return RANDOM_COUNT;
    },
  },
  {
    name: "open, read 4 KiB, close",
    unit: "opens",
    run: async (path) => {
      const buffer = Buffer.alloc(4096);
      for (const name of scatteredPaths(path, RANDOM_COUNT / 4)) {
        const file = await open(name);
        await file.read(buffer, 0, buffer.length, 0);
        await file.close();
      }
      return RANDOM_COUNT / 4;
    },
  },
  {
    name: "dd bs=1M",
    unit: "MB",
    run: async (path) => {
      await runProgram("dd", [`if=${path}/d0/d0/f0`, "of=/dev/null", "bs=1M"]);
      return READ_BYTES / 1e6;
    },
  },
  {
    name: "dd bs=128K, 4 readers",
    unit: "MB",
    run: async (path) => {
      await Promise.all(
        [0, 1, 2, 3].map(async (i) => {
          const args = [`if=${path}/d1/d${i}/f0`, "of=/dev/null", "bs=128K", "count=4096"];
          await runProgram("dd", args);
        }),
      );
      return (4 * 2 ** 29) / 1e6;
    },
  },
];

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

const transports = [fuseTransport, fuseNativeTransport].filter(({ name }) =>
  options.transports.split(",").includes(name),
);
console.log(`${cpus().length} x ${cpus()[0]?.model}, Node ${process.version}`);
console.log("| transport | stage | per second (median, range) | processor us per unit |");
console.log("|---|---|---|---|");
for (const transport of transports) {
  for (const stage of stages.filter(({ name }) => name.includes(options.stages))) {
    const rates: number[] = [];
    const costs: number[] = [];
    for (let round = 0; round < Number(options.rounds); round++) {
      const mountPoint = mkdtempSync(join(tmpdir(), "amber-bench-"));
      const moduleUrl = new URL("./synthetic-file-system.ts", import.meta.url).href;
      const mount = await transport.mount(
        { moduleUrl, argument: undefined },
        {
          mountPoint,
          sourceName: "bench",
          allowOther: false,
          resolve: () => Promise.reject(new Error("nothing is fetched")),
          onError: (error) => {
            console.error(error);
          },
        },
      );
      const cpuBefore = process.cpuUsage();
      const start = process.hrtime.bigint();
      const units = await stage.run(mountPoint);
      const seconds = Number(process.hrtime.bigint() - start) / 1e9;
      const { user, system } = process.cpuUsage(cpuBefore);
      rates.push(units / seconds);
      costs.push((user + system) / units);
      await mount.unmount();
      rmSync(mountPoint, { recursive: true });
    }
    const [low, high] = [Math.min(...rates), Math.max(...rates)].map(Math.round);
    console.log(
      `| ${transport.name} | ${stage.name} | ${Math.round(median(rates))} ${stage.unit} (${low}–${high}) | ${median(costs).toFixed(2)} |`,
    );
  }
}
