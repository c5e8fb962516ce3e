import { CliError } from "../cli-error.ts";
import { strayByte } from "./byte-text.ts";

/** What stands for what behind a backslash in double quotes, besides numbers. */
const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };

/**
 * Splits a line into words: at white space, with single quotes, double quotes, and backslashes.
 *
 * Double quotes have the escapes that `quotedPath` writes, so what the shell shows can be typed; bytes that are no UTF-8
 * become what `bytesOfText` understands. A `#` where a word would begin makes the rest a comment.
 *
 * @throws {CliError} `CLI_USAGE` for quotes that are not closed, and for an escape that is none.
 */
export function shellWords(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  const rest = new Rest(line);
  for (let char = rest.next(); char !== undefined; char = rest.next()) {
    if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (char === "#" && word === undefined) break;
    else if (char === "'") word = (word ?? "") + rest.until("'");
    else if (char === '"') word = (word ?? "") + quoted(rest);
    else if (char === "\\") word = (word ?? "") + (rest.next() ?? "");
    else word = (word ?? "") + char;
  }
  if (word !== undefined) words.push(word);
  return words;
}

function quoted(rest: Rest): string {
  let text = "";
  for (let char = rest.next(); char !== '"'; char = rest.next()) {
    if (char === undefined) throw notClosed('"');
    text += char === "\\" ? escaped(rest) : char;
  }
  return text;
}

function escaped(rest: Rest): string {
  const char = rest.next() ?? "";
  if (char === "x") return strayByte(number(rest.take(2), /^[0-9A-Fa-f]{2}$/));
  if (char !== "u") return escapes[char] ?? char;
  if (rest.next() !== "{") throw new CliError("CLI_USAGE", "Cannot understand \\u without {…}");
  const code = number(rest.until("}"), /^[0-9A-Fa-f]{1,6}$/);
  if (code > 0x10ffff) throw new CliError("CLI_USAGE", "Cannot understand \\u{…}: no character");
  return String.fromCodePoint(code);
}

function number(digits: string, wanted: RegExp): number {
  if (wanted.test(digits)) return Number.parseInt(digits, 16);
  throw new CliError("CLI_USAGE", `Cannot understand the escape "${digits}": hexadecimal digits`);
}

function notClosed(quote: string): CliError {
  return new CliError("CLI_USAGE", `Cannot understand the line: ${quote} is not closed`);
}

/** The characters of a line that have not been looked at. */
class Rest {
  readonly #chars: string[];
  #next = 0;

  constructor(line: string) {
    this.#chars = Array.from(line);
  }

  next(): string | undefined {
    return this.#chars[this.#next++];
  }

  take(count: number): string {
    this.#next += count;
    return this.#chars.slice(this.#next - count, this.#next).join("");
  }

  until(end: string): string {
    const at = this.#chars.indexOf(end, this.#next);
    if (at < 0) throw notClosed(end);
    const text = this.#chars.slice(this.#next, at).join("");
    this.#next = at + 1;
    return text;
  }
}
