import { LiveChunks } from "../../src/server/store/live-chunks.ts";
import { interleave, type InterleavingFigures } from "../support/interleaved-store.ts";

// Runs the store's actors in as many orders as one likes: `npm run interleavings -- [COUNT [FIRST_SEED]]`.
// With `--without notePublished` (or noteUsed, addSession), collection is not told what it has to know: the check has to fail then.

const blinders: Readonly<Record<string, () => void>> = {
  notePublished: () => {
    LiveChunks.prototype.notePublished = () => undefined;
  },
  noteUsed: () => {
    LiveChunks.prototype.noteUsed = () => undefined;
  },
  addSession: () => {
    LiveChunks.prototype.addSession = () => undefined;
  },
};

const args = process.argv.slice(2);
const without = args.indexOf("--without");
if (without >= 0) {
  const [, name = ""] = args.splice(without, 2);
  const blind = blinders[name];
  if (!blind) throw new TypeError(`--without ${Object.keys(blinders).join("|")}`);
  blind();
}
const count = Number(args[0] ?? 100_000);
const first = Number(args[1] ?? 1);
const totals = { turns: 0, removedChunks: 0, finishedBackups: 0, restarts: 0 };
const started = performance.now();
for (let seed = first; seed < first + count; seed++) {
  let figures: InterleavingFigures;
  try {
    figures = await interleave(seed);
  } catch (error) {
    console.error(`interleaving ${seed} (${seed - first + 1} of ${count}) fails:`, error);
    process.exitCode = 1;
    break;
  }
  totals.turns += figures.turns;
  totals.removedChunks += figures.removedChunks;
  totals.finishedBackups += figures.finishedBackups;
  totals.restarts += figures.restarts;
  if ((seed - first + 1) % 10_000 === 0) console.log(seed - first + 1, totals);
}
const seconds = Math.round((performance.now() - started) / 1000);
console.log(JSON.stringify({ count, first, ...totals, seconds }));
