import { type Attributes } from "./file-system.ts";

const LIMIT = 2 ** 32;

/**
 * Makes a function that gives inodes numbers of 32 bits.
 *
 * Programs that copy take two names with one inode number for one file when its link count is above 1, and programs that
 * search take a directory with the number of one above it for a loop. So such inodes have numbers of their own, counted
 * down from the top where theirs is too long; of the others, which nobody compares, the low bits must do.
 */
export function shortInodes(): (attributes: Attributes) => number {
  const shortByIno = new Map<number, number>();
  return ({ ino, nlink, kind }) => {
    if (ino < LIMIT) return ino;
    if (nlink < 2 && kind !== "directory") return ino % LIMIT;
    const known = shortByIno.get(ino);
    if (known !== undefined) return known;
    const short = LIMIT - 1 - shortByIno.size;
    shortByIno.set(ino, short);
    return short;
  };
}
