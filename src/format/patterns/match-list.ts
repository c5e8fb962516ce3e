import { Pattern, type PatternReach } from "./pattern.ts";

/** What becomes of an entry that a pattern matches. */
export type MatchVerdict = "exclude" | "include";

/** A pattern with what stands around it. */
export interface MatchEntry {
  readonly pattern: Pattern;
  readonly verdict: MatchVerdict;
  /** Which entries it can match. */
  readonly applies: "to all" | "to directories";
  readonly reach: PatternReach;
}

const SLASH = 0x2f;
const EXCLAMATION_MARK = 0x21;

/**
 * Parses a pattern with its marks: `!` in front makes it an include, a slash at the end restricts it to directories.
 *
 * @param text Borrowed. Nothing but slashes means the root itself, which matches no entry.
 * @throws {FormatError} As the constructor of {@link Pattern}.
 * @see spec pxar.md §9.2, §9.2.1
 */
export function parseMatchEntry(text: Uint8Array, reach: PatternReach): MatchEntry {
  const isInclude = text[0] === EXCLAMATION_MARK;
  const start = isInclude ? 1 : 0;
  let end = text.length;
  while (end > start && text[end - 1] === SLASH) end--;
  const isRoot = end === start;
  return {
    pattern: new Pattern(isRoot ? Uint8Array.of(SLASH) : text.subarray(start, end)),
    verdict: isInclude ? "include" : "exclude",
    applies: end < text.length || isRoot ? "to directories" : "to all",
    reach,
  };
}

/**
 * Ordered patterns; the last one that matches an entry decides about it (spec pxar.md §9.1).
 *
 * Grows while a walk descends and shrinks when it returns: remember {@link size} and {@link truncate} to it.
 */
export class MatchList {
  readonly #entries: MatchEntry[] = [];

  /** Number of patterns. */
  get size(): number {
    return this.#entries.length;
  }

  /** All patterns, first to last; borrowed until the list changes. */
  get entries(): readonly MatchEntry[] {
    return this.#entries;
  }

  /** Appends patterns. */
  add(entries: Iterable<MatchEntry>): void {
    for (const entry of entries) this.#entries.push(entry);
  }

  /** Drops all but the first `size` patterns. */
  truncate(size: number): void {
    this.#entries.length = Math.min(this.#entries.length, size);
  }

  /**
   * What the list says about an entry; `undefined` when no pattern matches, which means it is included.
   *
   * @param path `/` and the path relative to the root of the backup; borrowed.
   */
  verdict(path: Uint8Array, kind: "directory" | "other"): MatchVerdict | undefined {
    for (let i = this.#entries.length - 1; i >= 0; i--) {
      const entry = this.#entries[i];
      if (!entry || (entry.applies === "to directories" && kind !== "directory")) continue;
      if (entry.pattern.matches(path, entry.reach)) return entry.verdict;
    }
    return undefined;
  }
}
