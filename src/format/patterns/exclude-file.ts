import { FormatError } from "../format-error.ts";
import { EXCLUDE_FILE_BYTES_MAX, EXCLUDE_FILE_PATTERNS_MAX } from "../limits.ts";
import { type MatchEntry, parseMatchEntry } from "./match-list.ts";
import { normalizePatternText } from "./normalize-pattern-text.ts";

/** Name of the files in a source tree that hold patterns for the directory they lie in (spec pxar.md §9.1). */
export const EXCLUDE_FILE_NAME = ".pxarexclude";

const NEWLINE = 0x0a;
const HASH = 0x23;
const SLASH = 0x2f;
const BACKSLASH = 0x5c;
const EXCLAMATION_MARK = 0x21;
const WHITE_SPACE: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0c, 0x0d]);
/** Bytes that mean more than themselves in a pattern. */
const SPECIAL: ReadonlySet<number> = new Set([BACKSLASH, 0x2a, 0x3f, 0x5b]);

/**
 * Parses a `.pxarexclude` file.
 *
 * A line is a pattern; white space around it, empty lines and lines that start with `#` do not count. A pattern that starts
 * with `/` (after `!`, if any) is anchored at the directory of the file: it matches a whole path only, with that
 * directory in front, taken literally. So it is also in sub-directories, where it never matches anything in clients
 * before 4.1.7. Other patterns match at any depth below; to keep them to that directory is up to the caller, who drops
 * them when leaving it.
 *
 * @param file Content, borrowed, and the path of its directory relative to the root: empty for the root itself.
 * @param onProblem Told of each line that was changed or left out, with a reason to be shown.
 * @throws {FormatError} `FORMAT_OUT_OF_RANGE` above `EXCLUDE_FILE_BYTES_MAX` or `EXCLUDE_FILE_PATTERNS_MAX`.
 * @see spec pxar.md §9.2
 */
export function parseExcludeFile(
  file: { readonly content: Uint8Array; readonly directory: Uint8Array },
  onProblem: (reason: string) => void,
): MatchEntry[] {
  if (file.content.length > EXCLUDE_FILE_BYTES_MAX) throw tooLarge("bytes");
  const entries: MatchEntry[] = [];
  for (const line of linesOf(file.content)) {
    if (line.length === 0 || line[0] === HASH) continue;
    if (entries.length === EXCLUDE_FILE_PATTERNS_MAX) throw tooLarge("patterns");
    const entry = parsePattern(line, file.directory, onProblem);
    if (entry) entries.push(entry);
  }
  return entries;
}

function parsePattern(
  line: Uint8Array,
  directory: Uint8Array,
  onProblem: (reason: string) => void,
): MatchEntry | undefined {
  const text = normalizePatternText(line, onProblem);
  const mark = text[0] === EXCLAMATION_MARK ? 1 : 0;
  if (text.length === mark) return undefined; // Nothing was left of it, as was said.
  const isAnchored = text[mark] === SLASH;
  try {
    if (!isAnchored) return parseMatchEntry(text, "any-depth");
    const prefix = directory.length > 0 ? [SLASH, ...escaped(directory)] : [];
    const whole = Uint8Array.from([...text.subarray(0, mark), ...prefix, ...text.subarray(mark)]);
    return parseMatchEntry(whole, "anchored");
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    onProblem(error.message);
    return undefined;
  }
}

/** Lines without the white space around them, as views. */
function* linesOf(content: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start <= content.length;) {
    const newline = content.indexOf(NEWLINE, start);
    const next = newline < 0 ? content.length : newline;
    let end = next;
    while (start < end && WHITE_SPACE.has(content[start] ?? 0)) start++;
    while (start < end && WHITE_SPACE.has(content[end - 1] ?? 0)) end--;
    yield content.subarray(start, end);
    start = next + 1;
  }
}

function escaped(path: Uint8Array): number[] {
  return [...path].flatMap((byte) => (SPECIAL.has(byte) ? [BACKSLASH, byte] : [byte]));
}

function tooLarge(unit: "bytes" | "patterns"): FormatError {
  const limit = unit === "bytes" ? EXCLUDE_FILE_BYTES_MAX : EXCLUDE_FILE_PATTERNS_MAX;
  return new FormatError("FORMAT_OUT_OF_RANGE", EXCLUDE_FILE_NAME, `more than ${limit} ${unit}`);
}
