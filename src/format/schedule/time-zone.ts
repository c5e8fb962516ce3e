/** What a wall clock shows. */
export interface WallTime {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  /** 1 to 31. */
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

/** A week of the ISO calendar; its year may differ from that of its days. */
export interface IsoWeek {
  readonly year: number;
  /** 1 to 53. */
  readonly week: number;
}

const DAY_SEC = 86_400;
/** 1970-01-01 was a Thursday; days of the week count from Monday, 0. */
const EPOCH_WEEKDAY = 3;

/** Tells wall time in one time zone, by the tables of the runtime. */
export class TimeZone {
  readonly #format: Intl.DateTimeFormat;

  /**
   * Finds a zone.
   *
   * @param name As in the IANA data base, `Europe/Berlin`; that of the process when absent.
   * @throws {RangeError} For a name that is not in it.
   */
  constructor(name?: string) {
    this.#format = new Intl.DateTimeFormat("en-US", {
      ...(name === undefined ? {} : { timeZone: name }),
      calendar: "gregory",
      numberingSystem: "latn",
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  }

  /** What the clock shows at a moment given in seconds since the epoch. */
  wallTime(timeSec: number): WallTime {
    const parts = new Map<string, number>();
    for (const { type, value } of this.#format.formatToParts(timeSec * 1000)) {
      parts.set(type, Number(value));
    }
    const part = (name: keyof WallTime): number => parts.get(name) ?? 0;
    return {
      year: part("year"),
      month: part("month"),
      day: part("day"),
      hour: part("hour"),
      minute: part("minute"),
      second: part("second"),
    };
  }

  /**
   * The moments at which the clock shows a time, the earliest first: one, or two when the hour comes twice.
   *
   * A time that is left out, in the hour that is skipped in spring, counts as one as much later.
   *
   * @param wallSec As {@link wallSeconds} gives it.
   */
  momentsOf(wallSec: number): readonly [number, ...number[]] {
    const before = this.#offsetSec(wallSec - DAY_SEC);
    const after = this.#offsetSec(wallSec + DAY_SEC);
    const [first, second] = [wallSec - Math.max(before, after), wallSec - Math.min(before, after)];
    if (first === second) return [first];
    const shown = [first, second].filter((moment) => moment + this.#offsetSec(moment) === wallSec);
    const [earlier = wallSec - before, ...later] = shown;
    return [earlier, ...later];
  }

  /** How far the clock is ahead of UTC at a moment. */
  #offsetSec(timeSec: number): number {
    return wallSeconds(this.wallTime(timeSec)) - timeSec;
  }
}

/** A wall time as the seconds since 1970-01-01 00:00 on the same clock; fields that are too large run over. */
export function wallSeconds({ year, month, day, hour, minute, second }: WallTime): number {
  return Date.UTC(year, month - 1, day, hour, minute, second) / 1000;
}

/** The day of the week, Monday is 0; a day that is too large runs over. */
export function weekdayOf({ year, month, day }: Pick<WallTime, "year" | "month" | "day">): number {
  const days = Date.UTC(year, month - 1, day) / (DAY_SEC * 1000);
  return (((days + EPOCH_WEEKDAY) % 7) + 7) % 7;
}

/** The ISO week of a day: weeks start on Monday and belong to the year that has their Thursday. */
export function isoWeekOf({ year, month, day }: WallTime): IsoWeek {
  const days = Date.UTC(year, month - 1, day) / (DAY_SEC * 1000);
  const thursday = days - weekdayOf({ year, month, day }) + 3;
  const weekYear = new Date(thursday * DAY_SEC * 1000).getUTCFullYear();
  const firstDay = Date.UTC(weekYear, 0, 1) / (DAY_SEC * 1000);
  return { year: weekYear, week: Math.floor((thursday - firstDay) / 7) + 1 };
}
