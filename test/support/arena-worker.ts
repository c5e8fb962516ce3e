// Takes, fills, checks and gives back slots of an arena as fast as it can, then says how often it found them intact.
import { parentPort, threadId, workerData } from "node:worker_threads";
import { SharedArena, type SharedArenaHandle } from "../../src/chunks/shared-arena.ts";

const { handle, rounds } = workerData as { handle: SharedArenaHandle; rounds: number };
const arena = SharedArena.attach(handle);
let intact = 0;
for (let round = 0; round < rounds; round++) {
  const slot = arena.acquire();
  const bytes = arena.view(slot, 0, 64);
  bytes.fill(threadId);
  if (bytes.every((byte) => byte === threadId)) intact++;
  arena.release(slot);
}
parentPort?.postMessage(intact);
