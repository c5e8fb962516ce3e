import { FormatError } from "../format-error.ts";
import { quoted } from "./safe-id.ts";

const PATTERN = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})Z$/;
const DAY_SEC = 86_400;
/** 0000-01-01T00:00:00Z and 9999-12-31T23:59:59Z: what four digits of year can say. */
const SEC_MIN = -62_167_219_200;
const SEC_MAX = 253_402_300_799;

/**
 * Parses a time as it names a snapshot's folder, `YYYY-MM-DDTHH:MM:SSZ`, into seconds since the epoch.
 *
 * Own arithmetic instead of `Date`, which accepts other forms and rolls 30 February over into March.
 *
 * @throws {FormatError} `FORMAT_INVALID` for any other form, and for days and hours that do not exist.
 * @see spec datastore.md §1
 */
export function parseTimeText(text: string): number {
  const match = PATTERN.exec(text);
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = (match ?? [])
    .slice(1)
    .map(Number);
  const isTime =
    match !== null &&
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= daysOfMonth(year, month) &&
    hour < 24 &&
    minute < 60 &&
    second < 60;
  if (!isTime) throw new FormatError("FORMAT_INVALID", "time", quoted(text));
  return daysFromEpoch(year, month, day) * DAY_SEC + hour * 3600 + minute * 60 + second;
}

/**
 * Prints seconds since the epoch as `YYYY-MM-DDTHH:MM:SSZ`: the inverse of {@link parseTimeText}.
 *
 * @throws {FormatError} `FORMAT_OUT_OF_RANGE` outside the years 0 to 9999.
 */
export function timeText(timeSec: number): string {
  if (!Number.isInteger(timeSec) || timeSec < SEC_MIN || timeSec > SEC_MAX) {
    throw new FormatError("FORMAT_OUT_OF_RANGE", "time", `${timeSec} s since the epoch`);
  }
  const days = Math.floor(timeSec / DAY_SEC);
  const rest = timeSec - days * DAY_SEC;
  const { year, month, day } = dateOfDays(days);
  const time = [Math.floor(rest / 3600), Math.floor(rest / 60) % 60, rest % 60].map(twoDigits);
  const date = [String(year).padStart(4, "0"), twoDigits(month), twoDigits(day)];
  return `${date.join("-")}T${time.join(":")}Z`;
}

/**
 * Days from 1970-01-01 in the proleptic Gregorian calendar.
 *
 * Counts years from 1 March, so that the leap day is the last of its year: then the days before a month are a linear
 * function, rounded down, of the month, and eras of 400 years all have 146 097 days. After H. Hinnant,
 * "chrono-Compatible Low-Level Date Algorithms".
 */
function daysFromEpoch(year: number, month: number, day: number): number {
  const marchYear = month > 2 ? year : year - 1;
  const era = Math.floor(marchYear / 400);
  const yearOfEra = marchYear - era * 400;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

function dateOfDays(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1,
  };
}

function daysOfMonth(year: number, month: number): number {
  if (month !== 2) return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}
