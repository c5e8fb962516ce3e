import { parentPort, workerData } from "node:worker_threads";

import { announceLoaded } from "../../chunks/announce-loaded.ts";
import { ArchiveExtraction } from "./extract-archive.ts";
import { endFileJobs } from "./file-queue.ts";
import { JobRing } from "./job-ring.ts";
import { takeApart } from "./restore-failure.ts";
import { type RestoreAnswer, type RestoreRequest } from "./restore-request.ts";

// Thread that restores one archive; see `restoreTree`, which starts it.

announceLoaded();

// eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- what `restoreTree` passes
const request = workerData as RestoreRequest;

function answer(message: RestoreAnswer): void {
  parentPort?.postMessage(message);
}

let extraction: ArchiveExtraction | undefined;
try {
  extraction = new ArchiveExtraction(request, {
    problem: (problem) => {
      answer({ kind: "problem", problem });
    },
    damage: (damage) => {
      answer({ kind: "damage", damage });
    },
  });
  extraction.run();
} catch (error) {
  const { path = new Uint8Array(0), missingChunk: chunk } = extraction ?? {};
  answer({ kind: "failed", failure: takeApart(error), path, chunk });
} finally {
  for (const memory of request.rings) endFileJobs(JobRing.attach(memory));
}
