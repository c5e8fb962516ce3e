/** Work that was done in some time. */
export interface MeasuredSpeed {
  /** How often something was done; at least once. */
  readonly count: number;
  /** Bytes it was done with, all together. */
  readonly bytes: number;
  readonly elapsedMs: number;
}

/** How long something is measured, and with which clock. */
export interface MeasureOptions {
  /** Nothing new is begun after that; at least one piece of work is done. */
  readonly durationMs: number;
  /** Time that only goes forward, in milliseconds. */
  readonly monotonicMs: () => number;
  readonly signal?: AbortSignal;
}

/** Shortest time that a speed is computed with: a clock may not have moved on in between. */
const ELAPSED_MS_MIN = 0.001;

/** Speed in bytes a second. */
export function bytesPerSecond({ bytes, elapsedMs }: MeasuredSpeed): number {
  return (bytes * 1000) / Math.max(elapsedMs, ELAPSED_MS_MIN);
}
