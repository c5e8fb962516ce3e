import { type ErrnoName, FsError } from "./fs-error.ts";

/** Answers that programs ask for all day: no such name, no such attribute, not writable, not supported. */
const ordinaryCodes: ReadonlySet<ErrnoName> = new Set<ErrnoName>([
  "ENOENT",
  "ENODATA",
  "ENOTDIR",
  "ENXIO",
  "ERANGE",
  "EROFS",
  "ENOSYS",
  "EINTR",
  "ENAMETOOLONG",
]);

/** Whether a failed request tells about a fault of the backup, the network or this program, and so belongs in the log. */
export function isWorthReporting(error: unknown): boolean {
  return !(error instanceof FsError && ordinaryCodes.has(error.code));
}
