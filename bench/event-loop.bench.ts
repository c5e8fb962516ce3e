import { once } from "node:events";
import { availableParallelism, loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";

import { startWorker } from "../src/chunks/start-worker.ts";
import { type LatencyProbe } from "../test/support/latency-probe.ts";
import { startTestServer, type TestServer } from "../test/support/test-server.ts";
import { type UploadLoad } from "../test/support/upload-load.ts";
import { TurnMeter } from "./turn-meter.ts";

const DURATION_MS = 6000;

/** What other requests may wait while eight clients upload: the server's promise. */
const P99_MS_MAX = 50;

/** Longest turn of the event loop in CPU time, met by one request of a hundred; holds on a busy machine too. */
const TURN_P99_MS_MAX = 25;

describe("bench/event-loop", function () {
  this.timeout(60_000);
  let server: TestServer | undefined;

  before(async () => {
    server = await startTestServer();
  });

  after(async () => {
    await server?.[Symbol.asyncDispose]();
  });

  for (const kind of ["incompressible", "compressible"] as const) {
    it(`answers within ${P99_MS_MAX} ms while eight clients upload ${kind} chunks`, async () => {
      const machineLoad = loadavg()[0] ?? 0;
      const { port, authorization } = server!;
      const load: UploadLoad = {
        port,
        authorization,
        clientCount: 8,
        kind,
        durationMs: DURATION_MS,
      };
      const worker = startWorker("../test/support/upload-load", import.meta.url, {
        workerData: load,
      });
      const uploaded = once(worker, "message") as Promise<[number]>;
      await sleep(1500); // The chunks are being made.

      const meter = new TurnMeter();
      const probe: LatencyProbe = { port, authorization, durationMs: DURATION_MS - 2000 };
      const prober = startWorker("../test/support/latency-probe", import.meta.url, {
        workerData: probe,
      });
      const [latencies] = (await once(prober, "message")) as [number[]];
      const turns = meter.stop();
      const [bytes] = await uploaded;

      const p99 = latencies[Math.floor(latencies.length * 0.99)] ?? Infinity;
      const p50 = latencies[Math.floor(latencies.length * 0.5)] ?? Infinity;
      console.log(
        `      ${latencies.length} requests: p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, max ${(latencies.at(-1) ?? 0).toFixed(1)} ms; ${(bytes / DURATION_MS / 1000).toFixed(0)} MB/s uploaded`,
      );
      console.log(
        `      a request meets a turn of: p50 ${turns.p50.toFixed(1)} ms, p99 ${turns.p99.toFixed(1)} ms, max ${turns.max.toFixed(1)} ms of CPU`,
      );
      expect(turns.p99).to.be.below(TURN_P99_MS_MAX);
      if (machineLoad > 1.5 * availableParallelism()) {
        console.log(`      load ${machineLoad.toFixed(1)}: other work decides about the latency`);
      } else expect(p99).to.be.below(P99_MS_MAX);
    });
  }
});
