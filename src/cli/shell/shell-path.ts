import { quotedPath } from "../quoted-path.ts";
import { bytesOfText, textOfBytes } from "./byte-text.ts";

/** Names on the way from the root of an archive to an entry; none for the root. */
export type ShellPath = readonly Uint8Array[];

const SLASH = 0x2f;

/** The path that a text means in a directory: absolute or relative, with `.` and `..`. */
export function resolveShellPath(directory: ShellPath, text: string): ShellPath {
  const path = text.startsWith("/") ? [] : [...directory];
  for (const name of text.split("/")) {
    if (name === "..") path.pop();
    else if (name !== "" && name !== ".") path.push(bytesOfText(name));
  }
  return path;
}

/** A path as bytes: `/` and the names with slashes between them. */
export function shellPathBytes(path: ShellPath): Uint8Array {
  return path.length === 0
    ? Uint8Array.of(SLASH)
    : Buffer.concat(path.flatMap((name) => [Uint8Array.of(SLASH), name]));
}

/** A path or a name as the shell shows it, and as it can be typed: in quotes where it would be taken for something else. */
export function shownPath(bytes: Uint8Array): string {
  const quoted = quotedPath(bytes);
  const plain = quoted.slice(1, -1);
  return plain === textOfBytes(bytes) && !/[\s'"\\#]/u.test(plain) ? plain : quoted;
}

const SPECIAL = new Set(Buffer.from("\\*?[]"));
const BACKSLASH = 0x5c;

/** A pattern that matches this path alone (spec pxar.md §9.2.1). */
export function patternOfPath(path: ShellPath): Uint8Array {
  return Uint8Array.from(
    [...shellPathBytes(path)].flatMap((byte) => (SPECIAL.has(byte) ? [BACKSLASH, byte] : [byte])),
  );
}
