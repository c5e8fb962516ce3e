import { agoText } from "../parts/time-text.ts";
import { datastoreWords as words } from "../strings/datastore-words.ts";

/** When a datastore will be full, in words: 0 means never, absent means unknown. */
export function fullText(fullDate: number | undefined): string {
  if (fullDate === undefined) return words.fullUnknown;
  return fullDate === 0 ? words.fullNever : words.fullOn(agoText(fullDate));
}
