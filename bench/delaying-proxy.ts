import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { parentPort, workerData } from "node:worker_threads";

/** A line between a client and a server. */
export interface DelayingLine {
  /** Where the server listens on 127.0.0.1. */
  readonly port: number;
  /** From sending a byte to having its answer, at least, in ms. */
  readonly roundTripMs: number;
  /** What the line carries each way, in bytes a second. */
  readonly bytesPerSecond: number;
}

/** Bytes that are on the line at most each way; beyond, whoever sends has to wait. */
const BACKLOG_BYTES = 32 * 1024 * 1024;

// A thread of its own, so that it delays as it should while others work. Tells the port on which it listens.
const line = workerData as DelayingLine;

/** Passes on what comes from one end, each piece when the line would have brought it. */
function pass(from: Socket, to: Socket): void {
  const pieces: { readonly dueMs: number; readonly bytes: Buffer }[] = [];
  let waitingBytes = 0;
  let freeAtMs = 0;
  let timer: NodeJS.Timeout | undefined;
  let hasEnded = false;
  const deliver = (): void => {
    timer = undefined;
    const nowMs = performance.now();
    for (let next = pieces[0]; next && next.dueMs <= nowMs; next = pieces[0]) {
      pieces.shift();
      waitingBytes -= next.bytes.length;
      to.write(next.bytes);
    }
    if (waitingBytes < BACKLOG_BYTES) from.resume();
    const next = pieces[0];
    if (next) timer = setTimeout(deliver, Math.max(0, next.dueMs - performance.now()));
    else if (hasEnded) to.end();
  };
  from.on("data", (bytes) => {
    const nowMs = performance.now();
    // Sent when the line is free, and there half a round trip after its last byte has left.
    freeAtMs = Math.max(freeAtMs, nowMs) + (bytes.length / line.bytesPerSecond) * 1000;
    pieces.push({ dueMs: freeAtMs + line.roundTripMs / 2, bytes: Buffer.from(bytes) });
    waitingBytes += bytes.length;
    if (waitingBytes >= BACKLOG_BYTES) from.pause();
    timer ??= setTimeout(deliver, line.roundTripMs / 2);
  });
  from.on("end", () => {
    hasEnded = true;
    timer ??= setTimeout(deliver, 0);
  });
  from.on("error", () => to.destroy());
  from.on("close", () => {
    if (!hasEnded) to.destroy();
  });
}

const server = createServer({ noDelay: true }, (client) => {
  const behind = connect({ port: line.port, host: "127.0.0.1", noDelay: true });
  pass(client, behind);
  pass(behind, client);
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
parentPort?.postMessage((server.address() as AddressInfo).port);
