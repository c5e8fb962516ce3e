import { statusAt } from "../../linux/file-status.ts";
import { type PlaceOfName, renameAt } from "../../linux/name-calls.ts";
import { OPEN_FLAGS, openAt } from "../../linux/open-at.ts";
import { SystemError } from "../../linux/system-error.ts";

const NEW_FILE = OPEN_FLAGS.write | OPEN_FLAGS.create | OPEN_FLAGS.exclusive | OPEN_FLAGS.noFollow;
const NAME_BYTES_MAX = 255;
const SUFFIX: Uint8Array = Buffer.from(".partial");
/** Files called `NAME.partial`, `NAME.partial-1` and so on that may be there already. */
const TAKEN_MAX = 100;

/** A file that was just made, open for writing. */
export interface MadeFile {
  readonly fd: number;
  /** What it is called. */
  readonly name: Uint8Array;
}

/** Makes a new, empty file; nothing is followed or replaced: `EEXIST` when the name is taken. */
export function makeFile({ directoryFd, name }: PlaceOfName, mode: number): MadeFile {
  return { fd: openAt(directoryFd, name, NEW_FILE, mode), name };
}

/**
 * Makes a new, empty file beside the name it is to have: `NAME.partial`, or with a number behind it where that is taken.
 *
 * Names so long that this does not fit are cut short.
 */
export function makePartialFile({ directoryFd, name }: PlaceOfName, mode: number): MadeFile {
  for (let takenCount = 0; ; takenCount++) {
    try {
      return makeFile({ directoryFd, name: partialName(name, takenCount) }, mode);
    } catch (error) {
      if (!isCode(error, "EEXIST") || takenCount >= TAKEN_MAX) throw error;
    }
  }
}

/**
 * Gives a partial file, now whole, its name.
 *
 * @param existing Whether a file of that name is replaced, in one step; otherwise that is `EEXIST`.
 */
export function giveName(
  partial: PlaceOfName,
  name: Uint8Array,
  existing: "refuse" | "replace",
): void {
  const to = { directoryFd: partial.directoryFd, name };
  if (existing === "replace") {
    renameAt(partial, to, existing);
    return;
  }
  try {
    renameAt(partial, to, existing);
  } catch (error) {
    // Some network file systems cannot refuse by themselves.
    if (!isCode(error, "EINVAL")) throw error;
    if (isTaken(to)) throw new SystemError("EEXIST", "rename", Buffer.from(name).toString());
    renameAt(partial, to, "replace");
  }
}

/** Whether a name is that of anything. */
export function isTaken({ directoryFd, name }: PlaceOfName): boolean {
  try {
    statusAt(directoryFd, name);
    return true;
  } catch (error) {
    if (!isCode(error, "ENOENT")) throw error;
    return false;
  }
}

function partialName(name: Uint8Array, takenCount: number): Uint8Array {
  const number = takenCount === 0 ? "" : `-${takenCount}`;
  const end = Buffer.concat([SUFFIX, Buffer.from(number)]);
  return Buffer.concat([name.subarray(0, NAME_BYTES_MAX - end.length), end]);
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof SystemError && error.code === code;
}
