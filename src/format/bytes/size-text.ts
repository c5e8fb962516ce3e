const SIZE = /^(?<number>\d+(?:\.\d+)?)\s*(?<unit>[kmgtp]?)(?<binary>i?)b?(?:\/s)?$/i;
const EXPONENTS = ["", "k", "m", "g", "t", "p"];

/**
 * Parses a size as people write it: bytes, or with a unit like `MB` (1000²) or `MiB` (1024²); for a rate `/s` may follow.
 *
 * @returns Whole bytes, rounded down; `undefined` for anything else and beyond 2^53.
 * @see spec rest-api.md §1.5
 */
export function parseSizeText(text: string): number | undefined {
  const { number = "", unit = "", binary = "" } = SIZE.exec(text.trim())?.groups ?? {};
  if (number === "") return undefined;
  const base = binary === "" ? 1000 : 1024;
  const size = Math.floor(Number(number) * base ** EXPONENTS.indexOf(unit.toLowerCase()));
  return Number.isSafeInteger(size) ? size : undefined;
}
