import { FormatError } from "../../format/format-error.ts";
import { type WallTime } from "../../format/schedule/time-zone.ts";

/** Part of some days of the week, in local time. */
export interface DailyWindow {
  /** Days it is about, 0 for Sunday. */
  readonly days: ReadonlySet<number>;
  /** Minutes since midnight; the first one inside. */
  readonly startMin: number;
  /** The first one outside again. */
  readonly endMin: number;
}

const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/**
 * Parses a window such as `8-12`, `mon..fri 7:30-18:00` or `sat,sun 0-23:59` (spec calendar-events.md §4).
 *
 * @throws {FormatError} `FORMAT_INVALID`, also for one that would end before it begins.
 */
export function parseDailyWindow(text: string): DailyWindow {
  const match =
    /^\s*(?:([a-z.,\s]+?)\s+)?([0-9]{1,2})(?::([0-9]{1,2}))?\s*-\s*([0-9]{1,2})(?::([0-9]{1,2}))?\s*$/i.exec(
      text,
    );
  if (!match) throw invalid(text);
  const [, days, startHour, startMinute = "0", endHour, endMinute = "0"] = match;
  const startMin = minutes(text, Number(startHour), Number(startMinute));
  const endMin = minutes(text, Number(endHour), Number(endMinute));
  if (startMin > endMin) throw invalid(text);
  return { days: parseDays(text, days), startMin, endMin };
}

/** Whether a moment lies in a window. */
export function isInWindow(
  { days, startMin, endMin }: DailyWindow,
  { year, month, day, hour, minute }: WallTime,
): boolean {
  const now = hour * 60 + minute;
  const weekday = new Date(Date.UTC(year, month - 1, day)).getUTCDay();
  return days.has(weekday) && now >= startMin && now < endMin;
}

function parseDays(text: string, days: string | undefined): ReadonlySet<number> {
  if (days === undefined) return new Set(DAYS.keys());
  const found = new Set<number>();
  for (const part of days.toLowerCase().split(",")) {
    const [first = "", last = first] = part.trim().split("..");
    const start = dayOf(text, first);
    const end = dayOf(text, last);
    for (let day = start; ; day = (day + 1) % 7) {
      found.add(day);
      if (day === end) break;
    }
  }
  return found;
}

function dayOf(text: string, name: string): number {
  const index = DAYS.indexOf(name.trim().slice(0, 3));
  if (index < 0) throw invalid(text);
  return index;
}

function minutes(text: string, hour: number, minute: number): number {
  if (hour > 23 || minute > 59) throw invalid(text);
  return hour * 60 + minute;
}

function invalid(text: string): FormatError {
  return new FormatError(
    "FORMAT_INVALID",
    `"${text}"`,
    "it is no time frame like mon..fri 8:00-17:30",
  );
}
