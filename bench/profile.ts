/**
 * Question: where does the time go, in each thread of client, server and mount, at one step?
 *
 * Usage: `npm run bench:profile -- [STEP…] [--tree DIR] [--image FILE] [--out DIR]` (root, FUSE). Steps: backup, unchanged, restore,
 * find, cp, read, image, image-restore, image-read, random; all when none is named. Runs each with `node --cpu-prof` for all
 * programs, the server a new one each time, and leaves a flame graph `STEP.svg` and a table `STEP.txt` of what took longest by
 * itself in each thread in `--out` (default: `profiles`). Without `--tree`, 6,000 small files and one of 256 MiB; without `--image`,
 * that file.
 *
 * Samples count time and not work: a thread that blocks in a system call is shown in the function that made it. Samples slow
 * everything down a little; take shares, not seconds. A thread that posts a message may lose its core to the one that it wakes, and
is then shown in `postMessage`.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

import {
  amberProgram,
  startMountProcess,
  startServerProcess,
} from "../test/support/amber-program.ts";
import { readProfiles, selfTimes, type ThreadProfile } from "./cpu-profile.ts";
import { randomOffsets } from "./disk-image.ts";
import { drawFlameGraph } from "./flame-graph.ts";
import { readAtRandom } from "./read-at-random.ts";
import { makeRegressionData } from "./regression-data.ts";
import { nextSecond } from "./timed-run.ts";

const { values: options, positionals } = parseArgs({
  options: {
    tree: { type: "string" },
    image: { type: "string" },
    out: { type: "string", default: "profiles" },
  },
  allowPositionals: true,
});

const TOP_FUNCTIONS = 12;
const RANDOM_READS = 500;

const home = mkdtempSync(join(process.env["TMPDIR"] ?? tmpdir(), "amber-profile-"));
const out = resolve(options.out);
const filled = join(home, "store");

/** What a step may do; every program that it starts leaves its profile. */
interface Stage {
  /** Runs a command of ours to its end. */
  client(...args: readonly string[]): void;
  /** Shows the datastore, runs one thing in it and ends the mount. */
  mount(use: (point: string) => void): Promise<void>;
}

/** A step, and the datastore that it needs: an empty one, or one with the tree and the image in it. */
interface ProfiledStep {
  readonly store: "empty" | "filled";
  run(stage: Stage): Promise<void> | void;
}

const treeIn = "host/tree/latest/tree.pxar";
const imageIn = "host/image/latest/disk.img";
const target = join(home, "restored");

const steps: Readonly<Record<string, ProfiledStep>> = {
  backup: { store: "empty", run: backUpTree },
  unchanged: { store: "filled", run: backUpTree },
  restore: { store: "filled", run: restoring("host/tree", "tree.pxar") },
  find: {
    store: "filled",
    run: async (stage) => {
      await stage.mount((point) => {
        must("find", [join(point, treeIn), "-ls"]);
      });
    },
  },
  cp: {
    store: "filled",
    run: async (stage) => {
      await stage.mount((point) => {
        must("cp", ["-a", join(point, treeIn), target]);
      });
    },
  },
  read: {
    store: "filled",
    run: async (stage) => {
      const args = ["bs=1M", "count=1024", "of=/dev/null"];
      await stage.mount((point) => {
        must("dd", [...args, `if=${join(point, imageIn)}`]);
      });
    },
  },
  image: { store: "empty", run: backUpImage },
  "image-restore": { store: "filled", run: restoring("host/image", "disk.img") },
  random: {
    store: "filled",
    run: async (stage) => {
      const size = statSync(image).size;
      const offsets = randomOffsets(RANDOM_READS, 1).map(
        (offset) => offset % (size - (size % 4096)),
      );
      await stage.mount((point) => readAtRandom(join(point, imageIn), offsets));
    },
  },
};

function restoring(group: string, archive: string): ProfiledStep["run"] {
  return (stage) => {
    mkdirSync(target);
    stage.client("restore", group, archive, join(target, archive));
  };
}

function backUpTree(stage: Pick<Stage, "client">): void {
  stage.client("backup", `tree.pxar:${tree}`, "--backup-id", "tree");
}

function backUpImage(stage: Pick<Stage, "client">): void {
  stage.client("backup", `disk.img:${image}`, "--backup-id", "image");
}

function must(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): void {
  const stdio = ["ignore", "ignore", "pipe"] as const;
  const run = spawnSync(command, args, { env: { ...process.env, ...env }, stdio: [...stdio] });
  if (run.status !== 0) throw new Error(`${[command, ...args].join(" ")}: ${String(run.stderr)}`);
}

/** Runs one step with a server of its own; returns what all threads did. */
async function profiled(step: ProfiledStep): Promise<readonly ThreadProfile[]> {
  const folder = mkdtempSync(join(home, "step-"));
  const nodeArgs = (program: string): readonly string[] => [
    "--cpu-prof",
    `--cpu-prof-dir=${join(folder, program)}`,
  ];
  const storePath = step.store === "filled" ? filled : join(folder, "store");
  const server = await startServerProcess(folder, storePath, [], nodeArgs("server"));
  const programs = new Set(["server"]);
  try {
    await step.run({
      client: (...args) => {
        programs.add("client");
        must(process.execPath, [...nodeArgs("client"), amberProgram, ...args], server.env);
      },
      mount: async (use) => {
        programs.add("mount");
        const point = join(folder, "mnt");
        const mount = await startMountProcess([], point, server.env, nodeArgs("mount"));
        try {
          use(point);
        } finally {
          await mount.stop();
        }
      },
    });
  } finally {
    await server.stop();
  }
  const threads = [...programs].flatMap((name) => readProfiles(join(folder, name), name));
  for (const path of [folder, target]) rmSync(path, { recursive: true, force: true });
  return threads.sort((a, b) => b.busyMs - a.busyMs);
}

/** The functions of each thread that took longest by themselves. */
function tableOf(threads: readonly ThreadProfile[]): string {
  return threads
    .flatMap((thread) => [
      `${thread.name}: ${thread.busyMs.toFixed(0)} ms`,
      ...selfTimes(thread)
        .slice(0, TOP_FUNCTIONS)
        .map(([name, ms]) => {
          const share = (100 * ms) / thread.busyMs;
          return `  ${ms.toFixed(0).padStart(7)} ms ${share.toFixed(1).padStart(5)} %  ${name}`;
        }),
      "",
    ])
    .join("\n");
}

for (const name of positionals) {
  if (!Object.hasOwn(steps, name)) throw new Error(`unknown step "${name}"`);
}
const tree = resolve(options.tree ?? join(home, "data/tree"));
const image = resolve(options.image ?? join(tree, "big.bin"));
try {
  mkdirSync(out, { recursive: true });
  if (options.tree === undefined) {
    makeRegressionData(join(home, "data"), { files: 6000, bigMiB: 256 });
  }
  const server = await startServerProcess(home, filled);
  const client = (...args: readonly string[]): void => {
    must(process.execPath, [amberProgram, ...args], server.env);
  };
  backUpTree({ client });
  backUpImage({ client });
  await server.stop();
  for (const [name, step] of Object.entries(steps)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    await nextSecond();
    const threads = await profiled(step);
    const table = tableOf(threads);
    writeFileSync(join(out, `${name}.txt`), table);
    writeFileSync(join(out, `${name}.svg`), drawFlameGraph(`amber, ${name}`, threads));
    console.log(`${name}\n\n${table}`);
  }
} finally {
  rmSync(home, { recursive: true, force: true });
}
