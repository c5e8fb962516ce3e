/** What moves a cursor, changes colours or reverses what is read: control characters and marks of writing direction. */
const INVISIBLE = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/**
 * Text from elsewhere (notes, names, logs of a server) so that a terminal shows it and does nothing else: control characters
 * and marks that reverse the direction of reading become `\u{…}`. Line ends and tabs stay.
 */
export function visibleText(text: string): string {
  return text
    .replaceAll("\r\n", "\n")
    .replace(INVISIBLE, (char) => (char === "\n" || char === "\t" ? char : escaped(char)));
}

/** Like {@link visibleText}, for one line or one cell of a table: line ends are escaped, too, and tabs are spaces. */
export function visibleLine(text: string): string {
  return text.replaceAll("\t", " ").replace(INVISIBLE, escaped);
}

/** A text as it is written to an output: as {@link visibleText} on a terminal, unchanged into a file or a pipe. */
export function shownOn(output: { readonly isTTY?: boolean }, text: string): string {
  return output.isTTY === true ? visibleText(text) : text;
}

function escaped(char: string): string {
  return `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`;
}
