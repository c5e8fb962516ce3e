import { setFlagsFromString } from "node:v8";

import { returnAllocationsFrom } from "../linux/large-allocations.ts";

/** Buffers of this size are not kept by the C library once they are freed. */
const RETURNED_BYTES_MIN = 1024 * 1024;

/** How much a heap may grow before it is collected whole, in percent of what was in use after the last time. */
const HEAP_GROWTH_PERCENT = 300;

/**
 * Sets up the memory of a process that moves backups: call it before the first thread is started.
 *
 * What such a process holds is a few MB of objects, and gigabytes of buffers that pass through. The runtime counts these as
 * growth of the heap and would collect it whole every few dozen MB received: some 36 times for 1 GiB read through a mount, 16 times with this
 * (bench/results.md).
 */
export function tuneMemory(): void {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_PERCENT}`);
  returnAllocationsFrom(RETURNED_BYTES_MIN);
}
