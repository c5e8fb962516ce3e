import { ByteWriter } from "../bytes/byte-writer.ts";
import { FormatError } from "../format-error.ts";
import { type MatchEntry, parseMatchEntry } from "./match-list.ts";
import { normalizePatternText } from "./normalize-pattern-text.ts";

const NEWLINE = 0x0a;
const SLASH = 0x2f;
const EXCLAMATION_MARK = 0x21;

/**
 * Parses a pattern given on a command line; it may match at any depth.
 *
 * One that starts with `/` can match whole paths only, because nothing else in a path starts so.
 *
 * @param onProblem Told when the pattern was changed, with a reason to be shown.
 * @throws {FormatError} When it cannot be parsed (spec pxar.md §9.2).
 */
export function parseExcludeArgument(
  text: Uint8Array,
  onProblem: (reason: string) => void,
): MatchEntry {
  const normal = normalizePatternText(text, onProblem);
  if (normal.length === 0) throw new FormatError("FORMAT_INVALID", "pattern", "it is empty");
  return parseMatchEntry(normal, "any-depth");
}

/**
 * Patterns as an archive records them, one line each: content of the `.pxarexclude-cli` file at the end of the root of an
 * unsplit archive (spec pxar.md §9.3). Owned.
 */
export function excludeRecordText(entries: Iterable<MatchEntry>): Uint8Array {
  const writer = new ByteWriter();
  for (const { pattern, verdict, applies } of entries) {
    if (verdict === "include") writer.writeU8(EXCLAMATION_MARK);
    writer.write(pattern.text);
    if (applies === "to directories") writer.writeU8(SLASH);
    writer.writeU8(NEWLINE);
  }
  return writer.take();
}

/** The same as the prelude of a split archive: compact JSON (spec pxar.md §9.4). Bytes that are not UTF-8 are replaced. */
export function excludeRecordPrelude(entries: Iterable<MatchEntry>): Uint8Array {
  const text = new TextDecoder().decode(excludeRecordText(entries));
  return new TextEncoder().encode(JSON.stringify({ "exclude-patterns": text }));
}
