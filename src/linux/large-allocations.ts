import { bindLibc } from "./libc.ts";

/** malloc.h of the GNU C library. */
const M_MMAP_THRESHOLD = -3;

/**
 * Gives allocations from this size on pages of their own for the life of the process, so that they go back to the system
 * as soon as they are freed.
 *
 * The library starts with 128 KiB and raises that, up to 32 MiB, to the size of whatever is freed; memory that large
 * buffers were in then stays with the process.
 *
 * @param bytes At most 32 MiB.
 * @returns Whether the library has agreed.
 */
export function returnAllocationsFrom(bytes: number): boolean {
  return bindLibc("int mallopt(int parameter, int value)")(M_MMAP_THRESHOLD, bytes) === 1;
}
