import { type MessagePort, parentPort, workerData } from "node:worker_threads";

import { BlockingSource, type ChunkAsking } from "../../src/client/archive/blocking-source.ts";
import { JobRing } from "../../src/client/target/job-ring.ts";
import { parseDynamicIndex } from "../../src/format/index/dynamic-index.ts";

/** What a thread reads while it is woken too early. */
export type LateSignalReading =
  /** The fifth record of a ring. */
  | { readonly kind: "ring"; readonly memory: SharedArrayBuffer }
  | { readonly kind: "source"; readonly asking: ChunkAsking; readonly index: Uint8Array };

if (parentPort) read(parentPort, workerData as LateSignalReading);

/** Reads one thing, for which it blocks, and tells what it got. */
function read(port: MessagePort, reading: LateSignalReading): void {
  port.postMessage("ready");
  if (reading.kind === "ring") {
    const ring = JobRing.attach(reading.memory);
    for (let i = 0; i < 4; i++) ring.next();
    const { kind, bytes } = ring.next();
    port.postMessage({ kind, bytes: [...bytes] });
    return;
  }
  const index = parseDynamicIndex(reading.index);
  const source = new BlockingSource(index, reading.asking, { keptMax: 1 });
  port.postMessage([...source.read(0, 4)]);
}
