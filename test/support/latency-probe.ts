import { Agent, request } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";

/** What the thread is told. */
export interface LatencyProbe {
  readonly port: number;
  readonly authorization: string;
  readonly durationMs: number;
}

/** Latencies of `GET /version` over one connection in milliseconds, sorted; in a thread, so that only the server's loop counts. */
async function measure({ port, authorization, durationMs }: LatencyProbe): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
  const latencies: number[] = [];
  const until = performance.now() + durationMs;
  while (performance.now() < until) {
    const start = performance.now();
    await new Promise<void>((resolve, reject) => {
      const path = "/api2/json/version";
      const call = request({ port, path, agent, headers: { authorization } }, (response) => {
        response.resume();
        response.on("end", resolve);
      });
      call.on("error", reject);
      call.end();
    });
    latencies.push(performance.now() - start);
    await sleep(5);
  }
  agent.destroy();
  return latencies.sort((a, b) => a - b);
}

parentPort?.postMessage(await measure(workerData as LatencyProbe));
