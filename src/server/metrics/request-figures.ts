import { Counter, Histogram, Registry } from "prom-client";

/** One request that was answered. */
export interface AnsweredRequest {
  readonly method: string;
  readonly status: number;
  /** From its first byte to the last of the answer. */
  readonly durationMs: number;
}

/** Upper bounds in seconds: what a person does not notice, waits for, and gives up on. */
const BOUNDS_SEC = [0.01, 0.05, 0.1, 0.5, 1, 5, 30, 300];

/** Counts requests since the start of the server; sessions after an upgrade are not among them. */
export class RequestFigures {
  readonly #registry = new Registry();
  readonly #requests = new Counter({
    name: "amber_requests_total",
    help: "Requests that were answered since the start, by method and class of status.",
    labelNames: ["method", "status"],
    registers: [this.#registry],
  });
  readonly #durations = new Histogram({
    name: "amber_request_duration_seconds",
    help: "Seconds from a request to the end of its answer.",
    buckets: BOUNDS_SEC,
    registers: [this.#registry],
  });

  /** Counts a request. */
  add({ method, status, durationMs }: AnsweredRequest): void {
    const known = /^(GET|POST|PUT|DELETE|HEAD)$/.test(method) ? method : "other";
    this.#requests.inc({ method: known, status: `${Math.floor(status / 100)}xx` });
    this.#durations.observe(durationMs / 1000);
  }

  /** The figures in the text format of Prometheus. */
  async text(): Promise<string> {
    return await this.#registry.metrics();
  }
}
