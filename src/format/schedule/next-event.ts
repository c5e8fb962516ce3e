import { type CalendarEvent } from "./calendar-event.ts";
import { type CalendarList, isInCalendarList, nextInCalendarList } from "./calendar-list.ts";
import { TimeZone, type WallTime, wallSeconds, weekdayOf } from "./time-zone.ts";

/** After so many steps an event counts as one that never comes (spec calendar-events.md §2). */
const ROUNDS_MAX = 1001;

const UTC = new TimeZone("UTC");

/**
 * The first moment of an event after another moment, both in seconds since the epoch.
 *
 * The procedure is the genuine one, with its quirks (spec calendar-events.md §2.1). A wall time that a change to summer
 * time leaves out does not come; of one that comes twice the first counts that is late enough.
 *
 * @returns `undefined` when it never comes.
 */
export function nextEvent(
  event: CalendarEvent,
  lastSec: number,
  zone: TimeZone,
): number | undefined {
  const clock = event.clock === "UTC" ? UTC : zone;
  let time = clock.wallTime(lastSec + 1);
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const step = stepOf(event, time);
    if (step === "fits") {
      const moments = clock.momentsOf(wallSeconds(time));
      return moments.find((moment) => moment > lastSec) ?? moments.at(-1);
    }
    if (step === "never") return undefined;
    // A step into the hour that is left out in spring goes on behind it.
    time = clock.wallTime(clock.momentsOf(wallSeconds(step))[0]);
  }
  return undefined;
}

/** The first field that does not fit decides where to go on; those below it start again. */
function stepOf(event: CalendarEvent, time: WallTime): WallTime | "fits" | "never" {
  const { year, month, day, hour, minute } = time;
  const midnight = { hour: 0, minute: 0, second: 0 };
  if (!isInCalendarList(event.year, year)) {
    const next = nextOf(event.year, year);
    return next === undefined ? "never" : { year: next, month: 1, day: 1, ...midnight };
  }
  if (!isInCalendarList(event.month, month)) {
    const next = nextOf(event.month, month);
    return next === undefined
      ? { year: year + 1, month: 1, day: 1, ...midnight }
      : { year, month: next, day: 1, ...midnight };
  }
  if (!isInCalendarList(event.day, day)) {
    const next = nextOf(event.day, day);
    return next === undefined
      ? { year, month: month + 1, day: 1, ...midnight }
      : { year, month, day: next, ...midnight };
  }
  if (event.weekdays && !event.weekdays.has(weekdayOf(time))) {
    let later = day + 1;
    while (!event.weekdays.has(weekdayOf({ year, month, day: later }))) later += 1;
    return { year, month, day: later, ...midnight };
  }
  if (!isInCalendarList(event.hour, hour)) {
    const next = nextOf(event.hour, hour);
    return next === undefined
      ? { year, month, day: day + 1, ...midnight }
      : { ...time, hour: next, minute: 0, second: 0 };
  }
  if (!isInCalendarList(event.minute, minute)) {
    const next = nextOf(event.minute, minute);
    return next === undefined
      ? { ...time, hour: hour + 1, minute: 0, second: 0 }
      : { ...time, minute: next, second: 0 };
  }
  if (isInCalendarList(event.second, time.second)) return "fits";
  const next = nextOf(event.second, time.second);
  return next === undefined
    ? { ...time, minute: minute + 1, second: 0 }
    : { ...time, second: next };
}

function nextOf(list: CalendarList, value: number): number | undefined {
  return list && nextInCalendarList(list, value);
}
