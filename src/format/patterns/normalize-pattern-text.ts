const SLASH = 0x2f;
const DOT = 0x2e;
const EXCLAMATION_MARK = 0x21;

/**
 * Takes out of a pattern what no path contains: components `.` and `..` (with the one before it) and doubled slashes.
 *
 * Purely textual: an escaped or bracketed slash counts as a slash. `!` in front, the first slash and slashes at the end, which have
 * a meaning, stay. Without this step such a pattern matches nothing (spec pxar.md §9.2, from 4.1.13 on).
 *
 * @param text Borrowed.
 * @param onChange Told, with a reason to be shown, when the result differs.
 * @returns `text` itself or an owned array.
 */
export function normalizePatternText(
  text: Uint8Array,
  onChange: (reason: string) => void,
): Uint8Array {
  const start = text[0] === EXCLAMATION_MARK ? 1 : 0;
  const components: Uint8Array[] = [];
  for (let at = start; at <= text.length;) {
    const slash = text.indexOf(SLASH, at);
    const end = slash < 0 ? text.length : slash;
    const component = text.subarray(at, end);
    if (isDots(component, 2)) components.pop();
    else if (component.length > 0 && !isDots(component, 1)) components.push(component);
    at = end + 1;
  }
  const body = components.flatMap((component, i) => [...(i > 0 ? [SLASH] : []), ...component]);
  const head = [...text.subarray(0, start), ...(text[start] === SLASH ? [SLASH] : [])];
  const tail = body.length > 0 && text.at(-1) === SLASH ? [SLASH] : [];
  const normal = Uint8Array.from([...head, ...body, ...tail]);
  if (isSame(normal, text)) return text;
  const decoder = new TextDecoder();
  onChange(`pattern "${decoder.decode(text)}" was read as "${decoder.decode(normal)}"`);
  return normal;
}

function isDots(component: Uint8Array, count: number): boolean {
  return component.length === count && component.every((byte) => byte === DOT);
}

function isSame(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, i) => byte === right[i]);
}
