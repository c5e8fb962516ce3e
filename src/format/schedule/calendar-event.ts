import { FormatError } from "../format-error.ts";
import { quoted } from "../snapshot/safe-id.ts";
import { type CalendarBounds, type CalendarList, parseCalendarList } from "./calendar-list.ts";

/** Points in time that come again and again (spec calendar-events.md §1); all fields must fit. */
export interface CalendarEvent {
  /** Whose clock is meant. */
  readonly clock: "local" | "UTC";
  /** Days of the week, Monday is 0; `undefined` for every day. */
  readonly weekdays: ReadonlySet<number> | undefined;
  readonly year: CalendarList;
  readonly month: CalendarList;
  readonly day: CalendarList;
  readonly hour: CalendarList;
  readonly minute: CalendarList;
  readonly second: CalendarList;
}

/** What the keywords stand for. */
const KEYWORDS: ReadonlyMap<string, string> = new Map([
  ["minutely", "*:*:0"],
  ["hourly", "*:0:0"],
  ["daily", "*-*-* 0:0:0"],
  ["weekly", "mon 0:0:0"],
  ["monthly", "*-*-1 0:0:0"],
  ["quarterly", "*-1,4,7,10-1 0:0:0"],
  ["semiannually", "*-1,7-1 0:0:0"],
  ["semi-annually", "*-1,7-1 0:0:0"],
  ["yearly", "*-1-1 0:0:0"],
  ["annually", "*-1-1 0:0:0"],
]);

const DAY_NAMES = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const DAYS = new Map(
  DAY_NAMES.flatMap((name, day) => [[name, day] as const, [name.slice(0, 3), day] as const]),
);

const YEAR: CalendarBounds = { min: 0, limit: 2200 };
const MONTH: CalendarBounds = { min: 1, limit: 13 };
const DAY: CalendarBounds = { min: 1, limit: 32 };
const HOUR: CalendarBounds = { min: 0, limit: 24 };
const SIXTIETH: CalendarBounds = { min: 0, limit: 60 };

const ZERO: CalendarList = [{ start: 0, end: 0, step: 0 }];

/**
 * Parses a calendar event: `mon..fri 8..17:0/15`, `sat *-1..7 15:00`, `daily UTC` (spec calendar-events.md §1).
 *
 * It takes and refuses what the genuine server does, `24:00` too, which is minute 24 of every hour.
 *
 * @throws {FormatError} `FORMAT_INVALID`.
 */
export function parseCalendarEvent(text: string): CalendarEvent {
  const isUtc = text.endsWith("UTC");
  const body = isUtc ? text.slice(0, -3).trimEnd() : text;
  const rest = new Rest(KEYWORDS.get(body) ?? body);
  const weekdays = parseWeekdays(rest);
  rest.skipSpaces();
  const date = parseDate(rest);
  rest.skipSpaces();
  const time = parseTime(rest);
  if (!rest.isEmpty || (!weekdays && !date && !time)) {
    throw new FormatError("FORMAT_INVALID", "calendar event", quoted(text));
  }
  return {
    clock: isUtc ? "UTC" : "local",
    weekdays: weekdays && weekdays.size < 7 ? weekdays : undefined,
    ...(date ?? { year: undefined, month: undefined, day: undefined }),
    ...(time ?? { hour: ZERO, minute: ZERO, second: ZERO }),
  };
}

/** What is left of a text to be parsed. */
class Rest {
  #text: string;
  #isStarted = false;

  constructor(text: string) {
    this.#text = text;
  }

  get isEmpty(): boolean {
    return this.#text === "";
  }

  /** Only between parts: a text does not start with a space. */
  skipSpaces(): void {
    if (!this.isEmpty && this.#isStarted) this.#text = this.#text.replace(/^[ \t]+/, "");
  }

  /** Takes a text that a pattern matches. */
  match(pattern: RegExp): string | undefined {
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#take(found.length);
    return found;
  }

  /** Takes lists with separators before or between them; nothing when one of them is missing. */
  lists(parts: readonly (CalendarBounds | string)[]): readonly CalendarList[] | undefined {
    const lists: CalendarList[] = [];
    let size = 0;
    for (const part of parts) {
      if (typeof part === "string") {
        if (!this.#text.startsWith(part, size)) return undefined;
        size += part.length;
      } else {
        const parsed = parseCalendarList(this.#text.slice(size), part);
        if (!parsed) return undefined;
        lists.push(parsed.list);
        size += parsed.size;
      }
    }
    this.#take(size);
    return lists;
  }

  #take(size: number): void {
    this.#text = this.#text.slice(size);
    this.#isStarted = true;
  }
}

function parseWeekdays(rest: Rest): ReadonlySet<number> | undefined {
  const found = rest.match(/^[a-z]+(?:\.\.[a-z]+)?(?:,[a-z]+(?:\.\.[a-z]+)?)*/i);
  if (found === undefined) return undefined;
  const days = new Set<number>();
  for (const range of found.toLowerCase().split(",")) {
    const [from = "", to = from] = range.split("..");
    const first = DAYS.get(from);
    const last = DAYS.get(to);
    if (first === undefined || last === undefined) {
      throw new FormatError("FORMAT_INVALID", "calendar event", `${quoted(range)} is no weekday`);
    }
    for (let day = first; ; day = (day + 1) % 7) {
      days.add(day);
      if (day === last) break;
    }
  }
  return days;
}

function parseDate(rest: Rest): Pick<CalendarEvent, "year" | "month" | "day"> | undefined {
  const full = rest.lists([YEAR, "-", MONTH, "-", DAY]);
  if (full) return { year: full[0], month: full[1], day: full[2] };
  const short = rest.lists([MONTH, "-", DAY]);
  return short && { year: undefined, month: short[0], day: short[1] };
}

function parseTime(rest: Rest): Pick<CalendarEvent, "hour" | "minute" | "second"> | undefined {
  const hour = rest.lists([HOUR, ":"]);
  const minute = rest.lists([SIXTIETH]);
  if (!minute) return undefined;
  const second = rest.lists([":", SIXTIETH]);
  return { hour: hour?.[0], minute: minute[0], second: second ? second[0] : ZERO };
}
