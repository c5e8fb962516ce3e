import { parsePatternSteps, type PatternStep } from "./pattern-syntax.ts";

/** Where in a path a match may start: only at its beginning, or also behind any slash. */
export type PatternReach = "anchored" | "any-depth";

const SLASH = 0x2f;
const WORD_BITS = 32;

/**
 * A path pattern as of `.pxarexclude`: like shell wildcards, over bytes, with `**` for whole sub-trees.
 *
 * Runs all alternatives at once: the set of positions in the pattern that the bytes so far can lead to is a set of bits, and
 * a byte of the path moves all of them with a few word operations (the shift-and method of Baeza-Yates and
 * Gonnet). So the time is proportional to path length times pattern length / 32, whatever the pattern.
 *
 * @see spec pxar.md §9.2.1
 */
export class Pattern {
  /** Bytes of the pattern without trailing slashes. */
  readonly text: Uint8Array;
  readonly #stepCount: number;
  readonly #wordCount: number;
  /** For each byte value: positions that it takes one step on. */
  readonly #advance: Int32Array;
  /** Positions that stay where they are on any byte but a slash. */
  readonly #loopOnName: Int32Array;
  /** Positions that stay where they are on a slash. */
  readonly #loopOnSlash: Int32Array;
  /** Positions that lead to the next one by themselves. */
  readonly #optional: Int32Array;

  /**
   * Compiles a pattern.
   *
   * @param text Without trailing slashes; borrowed.
   * @throws {FormatError} As {@link parsePatternSteps}.
   */
  constructor(text: Uint8Array) {
    const steps = parsePatternSteps(text);
    const words = Math.ceil(steps.length / WORD_BITS);
    this.text = new Uint8Array(text); // Not `slice`, which does not copy a Buffer.
    this.#stepCount = steps.length;
    this.#wordCount = words;
    this.#advance = new Int32Array(256 * words);
    this.#loopOnName = new Int32Array(words);
    this.#loopOnSlash = new Int32Array(words);
    this.#optional = new Int32Array(words);
    steps.forEach((step, position) => {
      this.#addStep(step, position);
    });
  }

  /** Whether the pattern matches all of `path`, or all of its end from some slash on. */
  matches(path: Uint8Array, reach: PatternReach): boolean {
    return this.#wordCount === 1 ? this.#matchesWord(path, reach) : this.#matchesWords(path, reach);
  }

  #addStep(step: PatternStep, position: number): void {
    const word = Math.floor(position / WORD_BITS);
    const bit = 1 << (position % WORD_BITS);
    const set = (words: Int32Array, at: number): void => {
      words[at] = (words[at] ?? 0) | bit;
    };
    if (step.loop !== "none") set(this.#loopOnName, word);
    if (step.loop === "path") set(this.#loopOnSlash, word);
    if (step.isOptional) set(this.#optional, word);
    const { accepts } = step;
    if (typeof accepts === "number") set(this.#advance, accepts * this.#wordCount + word);
    else if (accepts) {
      for (let byte = 0; byte < accepts.length; byte++) {
        if (accepts[byte] === 1) set(this.#advance, byte * this.#wordCount + word);
      }
    }
  }

  /** For patterns of up to 31 steps, which nearly all are. */
  #matchesWord(path: Uint8Array, reach: PatternReach): boolean {
    const [loopOnName = 0] = this.#loopOnName;
    const [loopOnSlash = 0] = this.#loopOnSlash;
    const [optional = 0] = this.#optional;
    const again = reach === "any-depth" ? 1 : 0;
    let positions = 1;
    for (let i = 0; i < path.length; i++) {
      const byte = path[i] ?? 0;
      const isSlash = byte === SLASH;
      const stay = positions & (isSlash ? loopOnSlash : loopOnName);
      // Only who arrives may go on by itself; who stays there has begun to use the optional step.
      const arrived = (positions & (this.#advance[byte] ?? 0)) << 1;
      positions = arrived | ((arrived & optional) << 1) | stay;
      if (isSlash) positions |= again;
      else if (positions === 0 && again === 0) return false;
    }
    return (positions & (1 << (this.#stepCount - 1))) !== 0;
  }

  #matchesWords(path: Uint8Array, reach: PatternReach): boolean {
    const words = this.#wordCount;
    const positions = new Int32Array(words);
    positions[0] = 1;
    for (let i = 0; i < path.length; i++) {
      const byte = path[i] ?? 0;
      const isSlash = byte === SLASH;
      const loop = isSlash ? this.#loopOnSlash : this.#loopOnName;
      let carry = 0;
      for (let word = 0; word < words; word++) {
        const current = positions[word] ?? 0;
        const moved = current & (this.#advance[byte * words + word] ?? 0);
        const arrived = (moved << 1) | carry;
        const skipped = arrived & (this.#optional[word] ?? 0);
        positions[word] = arrived | (skipped << 1) | (current & (loop[word] ?? 0));
        carry = (moved >>> 31) | (skipped >>> 31);
      }
      if (isSlash && reach === "any-depth") positions[0] |= 1;
    }
    const last = this.#stepCount - 1;
    const word = positions[Math.floor(last / WORD_BITS)] ?? 0;
    return (word & (1 << (last % WORD_BITS))) !== 0;
  }
}
