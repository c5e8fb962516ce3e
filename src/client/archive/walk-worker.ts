import { parentPort, workerData } from "node:worker_threads";

import { announceLoaded } from "../../chunks/announce-loaded.ts";
import { type WalkRequest } from "./pack-request.ts";
import { walkSource } from "./walk-source.ts";
import { WalkSender, type WalkStreamEnd } from "./walk-stream.ts";

// Thread that walks trees, one after another; see `PackThread`, which starts it.

announceLoaded();

// eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- what `PackThread` passes
const sender = new WalkSender(workerData as WalkStreamEnd);

parentPort?.on("message", (request: WalkRequest) => {
  walkSource(request, sender);
});
