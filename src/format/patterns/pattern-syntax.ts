import { FormatError } from "../format-error.ts";
import { PATTERN_BYTES_MAX } from "../limits.ts";

/** One position of a pattern. */
export interface PatternStep {
  /** Bytes that may pass before the step is taken: none, those of one name (`*`), or any (`**`). */
  readonly loop: "none" | "name" | "path";
  /** Whether the step may be left out, as the slash behind a `**` between slashes: `a`, `**`, `b` matches `a/b` too. */
  readonly isOptional: boolean;
  /** The byte that takes the step, or a set of them as 256 flags; `undefined` at the end of the pattern. */
  readonly accepts: number | Uint8Array | undefined;
}

const SLASH = 0x2f;
const BACKSLASH = 0x5c;
const STAR = 0x2a;
const QUESTION_MARK = 0x3f;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const CARET = 0x5e;
const COLON = 0x3a;
const DASH = 0x2d;

/** Named sets of bytes, as ranges (POSIX locale). */
const NAMED_SETS: Readonly<Record<string, readonly (readonly [first: number, last: number])[]>> = {
  alnum: [
    [0x30, 0x39],
    [0x41, 0x5a],
    [0x61, 0x7a],
  ],
  alpha: [
    [0x41, 0x5a],
    [0x61, 0x7a],
  ],
  blank: [
    [0x20, 0x20],
    [0x09, 0x09],
  ],
  cntrl: [
    [0x00, 0x1f],
    [0x7f, 0x7f],
  ],
  digit: [[0x30, 0x39]],
  graph: [[0x21, 0x7e]],
  lower: [[0x61, 0x7a]],
  print: [[0x20, 0x7e]],
  punct: [
    [0x21, 0x2f],
    [0x3a, 0x40],
    [0x5b, 0x60],
    [0x7b, 0x7e],
  ],
  space: [
    [0x09, 0x0d],
    [0x20, 0x20],
  ],
  upper: [[0x41, 0x5a]],
  xdigit: [
    [0x30, 0x39],
    [0x41, 0x46],
    [0x61, 0x66],
  ],
};

/**
 * Parses the text of a pattern without its trailing slashes into steps; the last one is the end.
 *
 * @param text Borrowed.
 * @throws {FormatError} `FORMAT_INVALID` for a backslash at the end, an open or unknown set, or a NUL byte;
 *   `FORMAT_OUT_OF_RANGE` above `PATTERN_BYTES_MAX`.
 * @see spec pxar.md §9.2.1
 */
export function parsePatternSteps(text: Uint8Array): readonly PatternStep[] {
  return new PatternParser(text).parse();
}

class PatternParser {
  readonly #text: Uint8Array;
  readonly #steps: PatternStep[] = [];
  #at = 0;
  #loop: PatternStep["loop"] = "none";

  constructor(text: Uint8Array) {
    this.#text = text;
  }

  parse(): readonly PatternStep[] {
    if (this.#text.length > PATTERN_BYTES_MAX) {
      throw new FormatError("FORMAT_OUT_OF_RANGE", "pattern", `${this.#text.length} bytes long`);
    }
    if (this.#text.includes(0)) throw this.#invalid("it contains a NUL byte");
    while (this.#at < this.#text.length) this.#parseOne();
    this.#push(undefined, "required");
    return this.#steps;
  }

  #parseOne(): void {
    const byte = this.#next();
    switch (byte) {
      case STAR:
        this.#parseStars();
        break;
      case QUESTION_MARK:
        this.#push(anyBut(SLASH), "required");
        break;
      case OPEN:
        this.#push(this.#parseSet(), "required");
        break;
      case BACKSLASH:
        this.#push(this.#next(), "required");
        break;
      default:
        this.#push(byte, "required");
    }
  }

  /** A run of stars, the first of which is behind us. */
  #parseStars(): void {
    const start = this.#at - 1;
    while (this.#text[this.#at] === STAR) this.#at++;
    const before = this.#text[start - 1];
    const after = this.#text[this.#at];
    const isComponent =
      (before === undefined || before === SLASH) && (after === undefined || after === SLASH);
    if (this.#at - start !== 2 || !isComponent) {
      this.#loop = "name";
      return;
    }
    this.#loop = "path";
    if (before === undefined || after === undefined) return;
    this.#at++;
    if (this.#steps.at(-1)?.isOptional === true)
      this.#loop = "none"; // a/**/**/b is a/**/b
    else this.#push(SLASH, "optional");
  }

  /** The rest of a set, its bracket is behind us. */
  #parseSet(): Uint8Array {
    const set = new Uint8Array(256);
    const isNegated = this.#text[this.#at] === CARET;
    if (isNegated) this.#at++;
    for (;;) {
      const byte = this.#next();
      if (byte === CLOSE) break;
      if (byte === OPEN && this.#text[this.#at] === COLON) {
        this.#at++;
        this.#addNamed(set);
      } else {
        const first = byte === BACKSLASH ? this.#next() : byte;
        set.fill(1, first, this.#rangeEnd(first) + 1);
      }
    }
    return isNegated ? set.map((flag) => 1 - flag) : set;
  }

  /** Last byte of a range that began with `first`, which is also its only one if there is no range. */
  #rangeEnd(first: number): number {
    const last = this.#text[this.#at + 1];
    if (this.#text[this.#at] !== DASH || last === CLOSE || last === undefined) return first;
    this.#at += 2;
    return last === BACKSLASH ? this.#next() : last;
  }

  /** A named set like `alpha:]`. */
  #addNamed(set: Uint8Array): void {
    let name = "";
    for (let byte = this.#next(); byte !== COLON; byte = this.#next()) {
      name += String.fromCharCode(byte);
    }
    if (this.#next() !== CLOSE) throw this.#invalid('a named set does not end with ":]"');
    const ranges = Object.hasOwn(NAMED_SETS, name) ? NAMED_SETS[name] : undefined;
    if (!ranges) throw this.#invalid("a named set is unknown");
    for (const [first, last] of ranges) set.fill(1, first, last + 1);
  }

  #push(accepts: PatternStep["accepts"], presence: "required" | "optional"): void {
    this.#steps.push({ loop: this.#loop, isOptional: presence === "optional", accepts });
    this.#loop = "none";
  }

  #next(): number {
    const byte = this.#text[this.#at++];
    if (byte === undefined) throw this.#invalid("it ends in a backslash or inside a set");
    return byte;
  }

  #invalid(detail: string): FormatError {
    const text = new TextDecoder().decode(this.#text.subarray(0, 80));
    return new FormatError("FORMAT_INVALID", `pattern "${text}"`, detail);
  }
}

function anyBut(byte: number): Uint8Array {
  const set = new Uint8Array(256).fill(1);
  set[byte] = 0;
  return set;
}
