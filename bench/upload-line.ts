/**
 * Question: how fast does one client upload over a long line?
 *
 * Usage: `npm run --silent build && npx tsx bench/upload-line.ts [MiB] [rounds]`. Backs up an image of noise (512 MiB unless told) to a new
 * server, over a line of 1 Gbit/s with round trips of 0 and 50 ms; everything in memory. Prints seconds, the share of what the line
 * could have carried, and CPU seconds and peak memory of the server.
 */
import { randomFillSync } from "node:crypto";
import { once } from "node:events";
import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";

import { startWorker } from "../src/chunks/start-worker.ts";
import { startServerProcess } from "../test/support/amber-program.ts";
import { type DelayingLine } from "./delaying-proxy.ts";
import { cpuSecondsOf } from "./meter.ts";
import { rssMiB, timed } from "./timed-run.ts";
import { amberProgram } from "../test/support/amber-program.ts";

const BYTES_PER_SECOND = 125_000_000;
const MIB = 2 ** 20;

const [mibText = "512", roundsText = "1"] = process.argv.slice(2);
const sizeBytes = Number(mibText) * MIB;
const home = mkdtempSync("/dev/shm/amber-upload-line-");
const image = join(home, "noise.img");
const piece = Buffer.alloc(4 * MIB);

try {
  for (let done = 0; done < sizeBytes; done += piece.length) {
    appendFileSync(image, randomFillSync(piece).subarray(0, sizeBytes - done));
  }
  for (let round = 0; round < Number(roundsText); round++) {
    for (const roundTripMs of [0, 50]) {
      const place = mkdtempSync(join(home, "server-"));
      const server = await startServerProcess(place);
      const repository = server.env["PBS_REPOSITORY"] ?? "";
      const port = Number(/:(\d+):/.exec(repository)?.[1]);
      const workerData: DelayingLine = { port, roundTripMs, bytesPerSecond: BYTES_PER_SECOND };
      const proxy = startWorker("delaying-proxy", import.meta.url, { workerData });
      const [proxyPort] = (await once(proxy, "message")) as [number];
      const env = { ...server.env, PBS_REPOSITORY: repository.replace(/:\d+:/, `:${proxyPort}:`) };
      const args = ["backup", `noise.img:${image}`, "--backup-id", "line"];
      // The line's thread needs this process to leave the processor alone, which waiting for a child does.
      const { seconds } = timed(process.execPath, [amberProgram, ...args], env);
      const share = sizeBytes / seconds / BYTES_PER_SECOND;
      const pid = server.child.pid ?? 0;
      console.log(
        `${roundTripMs} ms: ${seconds.toFixed(2)} s, ${share.toFixed(2)} of the line; server ${cpuSecondsOf(pid).toFixed(1)} CPU s, peak ${rssMiB(pid).toFixed(0)} MiB`,
      );
      await proxy.terminate();
      await server.stop();
      rmSync(place, { recursive: true });
    }
  }
} finally {
  rmSync(home, { recursive: true, force: true });
}
// Threads of the loader outlive the proxies, which run from source, and would keep the process alive.
// eslint-disable-next-line n/no-process-exit -- everything of this program has ended
process.exit();
