import { bindLibc, errnoNumber, lastErrno, type LibcFunction } from "./libc.ts";
import { lastSystemError } from "./system-error.ts";

/** The process's working directory; both paths are absolute, so it does not count. */
const AT_FDCWD = -100;
const RENAME_EXCHANGE = 2;

let renameat2: LibcFunction | undefined;

/**
 * Lets two names of one file system change places in one step; renameat2(2) with `RENAME_EXCHANGE`.
 *
 * @param a Absolute path, as `b`; whatever they name has to exist.
 * @returns `false` where the file system cannot do that, as over a network; nothing has happened then.
 * @throws {SystemError} As the call fails, for example `ENOENT`.
 */
export function exchangeNames(a: string, b: string): boolean {
  renameat2 ??= bindLibc(
    "int renameat2(int oldDirectory, const char *oldPath, int newDirectory, const char *newPath, unsigned int flags)",
  );
  if (renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) === 0) return true;
  const errno = lastErrno();
  if (["EINVAL", "ENOSYS", "EOPNOTSUPP"].some((name) => errno === errnoNumber(name))) return false;
  throw lastSystemError("renameat2", a);
}
