import { bindLibcAsync, errnoNumber } from "./libc.ts";

const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;

/** A range of an open file in bytes. */
interface Range {
  readonly offset: number;
  readonly size: number;
}

/**
 * Makes a range of an open file or block device read as zeros without writing them; works in a thread of the pool.
 *
 * On a block device the blocks are discarded or zeroed by the device itself, and never only hinted at.
 *
 * @returns `false` when the kernel or the device cannot, also for a range that is not aligned to blocks: then nothing has
 *   changed, and zeros have to be written.
 */
export async function zeroRange(fd: number, { offset, size }: Range): Promise<boolean> {
  const fallocate = bindLibcAsync("int fallocate(int fd, int mode, int64_t offset, int64_t size)");
  for (;;) {
    const mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    const { result, errno } = await fallocate(fd, mode, offset, size);
    if (result === 0) return true;
    if (errno !== errnoNumber("EINTR")) return false;
  }
}
