import { getSystemErrorName } from "node:util";

import { type AsyncLibcFunction, bindLibcAsync } from "./libc.ts";
import { SystemError } from "./system-error.ts";

let syncfs: AsyncLibcFunction | undefined;

/**
 * Waits until everything written to the file system of an open file is on its medium; syncfs(2).
 *
 * Runs off the calling thread: it can take minutes on a busy disk.
 *
 * @throws {SystemError} As the call fails, for example `EIO` or `EBADF`.
 */
export async function syncFileSystem(descriptor: number): Promise<void> {
  syncfs ??= bindLibcAsync("int syncfs(int fd)");
  const { result, errno } = await syncfs(descriptor);
  if (result !== 0) throw new SystemError(getSystemErrorName(-errno), "syncfs");
}
