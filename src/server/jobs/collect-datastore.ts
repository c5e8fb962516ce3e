import { byteText } from "../../format/bytes/byte-text.ts";
import { type CollectionStatus } from "../store/collection-status.ts";
import { type Datastore } from "../store/datastore.ts";
import { type Task } from "../tasks/task.ts";

/** Most missing chunks that a log names one by one. */
const MISSING_NAMED_MAX = 1000;

/**
 * Collects the garbage of a datastore and logs what a genuine server logs, but for the first line (spec retention-gc-verify-sync.md §3).
 *
 * A missing chunk is a warning that names it and an index that needs it. A chunk is removed only if it was not used for `restSec`.
 *
 * @throws {StoreError} As `collectGarbage`; the abort reason when the task is stopped.
 */
export async function collectDatastore(
  datastore: Datastore,
  task: Task,
  { restSec }: { readonly restSec: number },
): Promise<CollectionStatus> {
  task.log("Start GC phase1 (mark used chunks)");
  let lastMarked = 0;
  let lastSwept = 0;
  let missingCount = 0;
  const status = await datastore.collectGarbage({
    upid: task.upid,
    signal: task.signal,
    restSec,
    progress: {
      marked: (done, total) => {
        const percent = Math.floor((done * 100) / total);
        if (percent === lastMarked) return;
        lastMarked = percent;
        task.log(`marked ${percent}% (${done} of ${total} index files)`);
      },
      missing: (digest, path) => {
        missingCount++;
        if (missingCount > MISSING_NAMED_MAX) return;
        task.warn(`chunk ${digest} is missing, it is needed by "${path}"`);
      },
      sweeping: (strangeIndexes) => {
        if (strangeIndexes > 0) {
          task.log(
            `found (and marked) ${strangeIndexes} index files outside of expected directory scheme`,
          );
        }
        task.log("Start GC phase2 (sweep unused chunks)");
      },
      swept: (percent, seen) => {
        if (percent === lastSwept) return;
        lastSwept = percent;
        task.log(`processed ${percent}% (${seen} chunks)`);
      },
      unsaved: (error) => {
        task.warn(`cannot save the result: ${error.message}`);
      },
    },
  });
  if (missingCount > MISSING_NAMED_MAX) {
    task.warn(`${missingCount - MISSING_NAMED_MAX} further chunks are missing`);
  }
  for (const line of summaryOf(status)) task.log(line);
  return status;
}

/** The last lines of a collection's log. */
function summaryOf(status: CollectionStatus): readonly string[] {
  const dataBytes = status["index-data-bytes"];
  const diskBytes = status["disk-bytes"];
  const diskChunks = status["disk-chunks"];
  const used = dataBytes === 0 ? "" : ` (${((diskBytes * 100) / dataBytes).toFixed(2)}%)`;
  const factor = diskBytes === 0 ? 1 : dataBytes / diskBytes;
  const lines = [
    `Removed garbage: ${byteText(status["removed-bytes"])}`,
    `Removed chunks: ${status["removed-chunks"]}`,
  ];
  if (status["pending-bytes"] > 0) {
    const pending = byteText(status["pending-bytes"]);
    lines.push(`Pending removals: ${pending} (in ${status["pending-chunks"]} chunks)`);
  }
  if (status["removed-bad"] > 0) lines.push(`Removed bad chunks: ${status["removed-bad"]}`);
  if (status["still-bad"] > 0) lines.push(`Leftover bad chunks: ${status["still-bad"]}`);
  lines.push(
    `Original data usage: ${byteText(dataBytes)}`,
    `On-Disk usage: ${byteText(diskBytes)}${used}`,
    `On-Disk chunks: ${diskChunks}`,
    `Deduplication factor: ${factor.toFixed(2)}`,
  );
  if (diskChunks > 0) {
    lines.push(`Average chunk size: ${byteText(Math.floor(diskBytes / diskChunks))}`);
  }
  return lines;
}
