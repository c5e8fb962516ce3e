import { parentPort, workerData } from "node:worker_threads";

import { announceLoaded } from "../../chunks/announce-loaded.ts";
import { SharedArena } from "../../chunks/shared-arena.ts";
import { closeDescriptor } from "../../linux/open-at.ts";
import { type EntrySink } from "./entry-sink.ts";
import { runFileJobs } from "./file-queue.ts";
import { FileWriter } from "./file-writer.ts";
import { JobRing } from "./job-ring.ts";
import { takeApart } from "./restore-failure.ts";
import { type WriterAnswer, type WriterRequest } from "./restore-request.ts";

// Thread that makes the files of some directories of one restore; see `restoreTree`, which starts it.

announceLoaded();

// eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- what `restoreTree` passes
const request = workerData as WriterRequest;

function answer(message: WriterAnswer): void {
  parentPort?.postMessage(message);
}

/** Takes what still comes after a failure, so that nobody waits for it, and does nothing. */
const nowhere: EntrySink = {
  begin: () => undefined,
  write: () => undefined,
  end: () => undefined,
  abandon: () => undefined,
  leave: ({ fd }) => {
    closeDescriptor(fd);
  },
};

const writer = new FileWriter(request.options, (problem) => {
  answer({ kind: "problem", problem });
});
let sink: EntrySink = writer;

/** Calls the sink; the first failure is told, and everything after it is dropped. */
function attempt(call: (sink: EntrySink) => void): void {
  try {
    call(sink);
  } catch (error) {
    sink = nowhere;
    writer.close();
    answer({ kind: "failed", failure: takeApart(error) });
  }
}

runFileJobs(JobRing.attach(request.ring), SharedArena.attach(request.arena), {
  begin: (directory, file) => {
    attempt((to) => {
      to.begin(directory, file);
    });
  },
  write: (piece, offset) => {
    attempt((to) => {
      to.write(piece, offset);
    });
  },
  end: () => {
    attempt((to) => {
      to.end();
    });
  },
  abandon: () => {
    attempt((to) => {
      to.abandon();
    });
  },
  leave: (directory, metadata) => {
    attempt((to) => {
      to.leave(directory, metadata);
    });
  },
});
