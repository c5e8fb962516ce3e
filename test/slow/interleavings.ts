import { fork } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";

import { interleave, type InterleavingFigures } from "../support/interleaved-store.ts";
import { leaveOut, protectionNames } from "../support/leave-out.ts";

// Runs the store's actors in as many orders as one likes, on all cores: `npm run interleavings -- [COUNT [FIRST_SEED]]`.
// With `--without NAME` something is left out that keeps chunks alive: the check has to fail then.

const nothing = {
  ...{ turns: 0, removedChunks: 0, finishedBackups: 0, pulled: 0, setAside: 0 },
  ...{ advisoryRaces: 0, restarts: 0 },
};
const names = Object.keys(nothing) as (keyof InterleavingFigures)[];

const args = process.argv.slice(2);
const without = args.indexOf("--without");
if (without >= 0) {
  const [, wanted] = args.splice(without, 2);
  const name = protectionNames.find((known) => known === wanted);
  if (!name) throw new TypeError(`--without ${protectionNames.join("|")}`);
  leaveOut(name);
}
const [count = 100_000, first = 1] = args.map(Number);
const started = performance.now();
if (process.send) await runShare();
else await runAll();

/** One process for each core; with n of them, each takes every n-th seed. */
async function runAll(): Promise<void> {
  const all = { runs: 0, ...nothing };
  const children = Array.from({ length: availableParallelism() }, (_, share) =>
    fork(process.argv[1] ?? "", process.argv.slice(2), {
      env: { ...process.env, AMBER_SHARE: String(share) },
    }),
  );
  await Promise.all(
    children.map(async (child) => {
      child.on("message", (figures: InterleavingFigures) => {
        all.runs++;
        for (const name of names) all[name] += figures[name];
        if (all.runs % 10_000 === 0) report(all);
      });
      const [status] = (await once(child, "exit")) as [number | null];
      if (status === 0) return;
      process.exitCode = 1;
      for (const other of children) other.kill();
    }),
  );
  report(all);
}

async function runShare(): Promise<void> {
  const share = Number(process.env["AMBER_SHARE"]);
  for (let seed = first + share; seed < first + count; seed += availableParallelism()) {
    try {
      process.send?.(await interleave(seed));
    } catch (error) {
      console.error(`interleaving ${seed} (${seed - first + 1} of ${count}) fails:`, error);
      process.exitCode = 1;
      break;
    }
  }
  process.disconnect();
}

function report(all: typeof nothing & { readonly runs: number }): void {
  const seconds = Math.round((performance.now() - started) / 1000);
  console.log(JSON.stringify({ first, ...all, seconds }));
}
