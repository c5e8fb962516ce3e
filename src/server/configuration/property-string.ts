/** Members of a property string, in its order. */
export type PropertyString = ReadonlyMap<string, string>;

/**
 * Parses `key=value,key=value`, with values in `"…"` when they hold special characters (spec rest-api.md §1.2).
 *
 * In quotes, `\"` and `\\` stand for the character.
 *
 * @param defaultKey Key of a first member without one: `offline` is `type=offline`.
 * @returns `undefined` when the text has another form or names a key twice.
 */
export function parsePropertyString(text: string, defaultKey?: string): PropertyString | undefined {
  const members = new Map<string, string>();
  const member = /\s*(?:([A-Za-z0-9_-]+)=)?(?:"((?:[^"\\]|\\.)*)"|([^",]*))\s*(,|$)/y;
  while (member.lastIndex < text.length) {
    const match = member.exec(text);
    if (!match) return undefined;
    const key = match[1] ?? (members.size === 0 ? defaultKey : undefined);
    const value = match[2]?.replaceAll(/\\(.)/g, "$1") ?? match[3] ?? "";
    if (key === undefined || members.has(key)) return undefined;
    members.set(key, value.trim());
    if (match[4] === "" && member.lastIndex < text.length) return undefined;
    if (match[4] === "," && member.lastIndex === text.length) return undefined;
  }
  return members;
}
