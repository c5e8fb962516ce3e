import { systemClock } from "../../format/clock.ts";

const dateAndTime = new Intl.DateTimeFormat("en-GB", {
  year: "numeric",
  month: "short",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
});
const precise = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "long" });
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

const steps = [
  { unit: "second", sec: 1, below: 60 },
  { unit: "minute", sec: 60, below: 3600 },
  { unit: "hour", sec: 3600, below: 36 * 3600 },
  { unit: "day", sec: 86_400, below: 45 * 86_400 },
  { unit: "month", sec: 30.44 * 86_400, below: 550 * 86_400 },
  { unit: "year", sec: 365.25 * 86_400, below: Number.POSITIVE_INFINITY },
] as const;

/** The present second. */
export function nowSec(): number {
  return systemClock.nowSec();
}

/** Date and time in the person's own zone: `05 Jun 2026, 14:24`. */
export function timeText(timeSec: number): string {
  return dateAndTime.format(timeSec * 1000);
}

/** The same in full, with the zone. */
export function preciseTimeText(timeSec: number): string {
  return precise.format(timeSec * 1000);
}

/** How long ago or ahead: `3 hours ago`, `in 2 days`. */
export function agoText(timeSec: number, now: number = nowSec()): string {
  const distance = timeSec - now;
  const step = steps.find(({ below }) => Math.abs(distance) < below) ?? steps[5];
  return relative.format(Math.round(distance / step.sec), step.unit);
}

/** A length of time: `4 s`, `3 min 20 s`, `2 h 05 min`, `3 d 4 h`. */
export function durationText(sec: number): string {
  const whole = Math.max(0, Math.round(sec));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86_400) {
    return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} min`;
  }
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
}
