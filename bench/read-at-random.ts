import { closeSync, openSync, readSync } from "node:fs";

/** How long the reads took. */
export interface RandomReads {
  /** All of them, one after another. */
  readonly seconds: number;
  /** One read: the value in the middle, and that which one in a hundred exceeds. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const BLOCK_BYTES = 4096;

/** Reads a block of 4 KiB at each offset, one after another, in this process. */
export function readAtRandom(path: string, offsets: readonly number[]): RandomReads {
  const block = Buffer.alloc(BLOCK_BYTES);
  const fd = openSync(path, "r");
  try {
    const startMs = performance.now();
    const eachMs = offsets.map((offset) => {
      const fromMs = performance.now();
      if (readSync(fd, block, 0, BLOCK_BYTES, offset) !== BLOCK_BYTES) {
        throw new Error(`${path}: fewer than ${BLOCK_BYTES} bytes at ${offset}`);
      }
      return performance.now() - fromMs;
    });
    const seconds = (performance.now() - startMs) / 1000;
    eachMs.sort((a, b) => a - b);
    const quantile = (share: number): number =>
      eachMs[Math.min(eachMs.length - 1, Math.floor(eachMs.length * share))] ?? Number.NaN;
    return { seconds, p50Ms: quantile(0.5), p99Ms: quantile(0.99) };
  } finally {
    closeSync(fd);
  }
}
