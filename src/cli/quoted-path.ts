/**
 * Renders a path of any bytes in double quotes, as the official client does: valid UTF-8 as it is, quotes and backslashes
 * escaped, control and combining characters as `\u{…}`, other bytes as `\x..`, so that nothing reaches the terminal that
 * could move its cursor.
 */
export function quotedPath(path: Uint8Array): string {
  let text = "";
  for (let i = 0; i < path.length;) {
    const size = sequenceBytes(path, i);
    if (size === 0) {
      text += `\\x${(path[i] ?? 0).toString(16).toUpperCase().padStart(2, "0")}`;
      i += 1;
      continue;
    }
    text += escaped(strict.decode(path.subarray(i, i + size)));
    i += size;
  }
  return `"${text}"`;
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bytes of the UTF-8 character at `offset`; 0 when there is none. */
function sequenceBytes(bytes: Uint8Array, offset: number): number {
  const lead = bytes[offset] ?? 0;
  const size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (size === 1) return 1;
  try {
    strict.decode(bytes.subarray(offset, offset + size));
    return size;
  } catch {
    return 0;
  }
}

function escaped(char: string): string {
  if (char === '"' || char === "\\") return `\\${char}`;
  if (char === "\n") return "\\n";
  if (char === "\r") return "\\r";
  if (char === "\t") return "\\t";
  if (!/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Grapheme_Extend}]/u.test(char)) return char;
  return `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`;
}
