/** A run of values: one, `start..end`, or every `step`-th from `start`. */
export interface CalendarRun {
  readonly start: number;
  /** Last value that may be in it; `undefined` without an upper limit, as in `0/15`. */
  readonly end: number | undefined;
  /** Distance of two values; 0 when there is only one. */
  readonly step: number;
}

/** Values of one field of a calendar event; `undefined` for every value. */
export type CalendarList = readonly CalendarRun[] | undefined;

/** Bounds of the values of a field. */
export interface CalendarBounds {
  /** Where `*` followed by a step begins. */
  readonly min: number;
  /** First value that is too large. */
  readonly limit: number;
}

/**
 * Parses the list at the start of a text (spec calendar-events.md §1).
 *
 * It takes what it can and leaves the rest, as a number that is too large leaves everything.
 *
 * @returns The list and how many characters it took; `undefined` when there is none.
 */
export function parseCalendarList(
  text: string,
  { min, limit }: CalendarBounds,
): { readonly list: CalendarList; readonly size: number } | undefined {
  const star = /^\*(?:\/([0-9]+))?/.exec(text);
  if (star) {
    if (star[1] === undefined) return { list: undefined, size: 1 };
    const step = Number(star[1]);
    if (step === 0 || step >= limit) return undefined;
    return { list: [{ start: min, end: undefined, step }], size: star[0].length };
  }
  const runs: CalendarRun[] = [];
  const part = /([0-9]+)(?:\.\.([0-9]+))?(?:\/([0-9]+))?(,?)/y;
  for (;;) {
    const match = part.exec(text);
    const run = match && runOf(match, limit);
    if (!match || !run) return undefined;
    runs.push(run);
    if (match[4] === "") return { list: runs, size: part.lastIndex };
  }
}

function runOf(match: RegExpExecArray, limit: number): CalendarRun | undefined {
  const [start = 0, end, step] = match
    .slice(1, 4)
    .map((digits: string | undefined) => (digits === undefined ? undefined : Number(digits)));
  if ([start, end ?? 0, step ?? 0].some((value) => value >= limit)) return undefined;
  if (end !== undefined && start > end) return undefined;
  if (step === 0) return { start, end: start, step: 0 };
  return step === undefined
    ? { start, end: end ?? start, step: end === undefined ? 0 : 1 }
    : { start, end, step };
}

/** Whether a list holds a value. */
export function isInCalendarList(list: CalendarList, value: number): boolean {
  if (!list) return true;
  return list.some(({ start, end, step }) => {
    if (value === start) return true;
    if (step === 0 || value < start || (end !== undefined && value > end)) return false;
    return (value - start) % step === 0;
  });
}

/**
 * The next value of a list behind one that is not in it; `undefined` when there is none.
 *
 * A run without an upper limit always has one, which may be larger than the field allows: the genuine server then counts
 * on from there (spec calendar-events.md §2.1).
 */
export function nextInCalendarList(
  list: readonly CalendarRun[],
  value: number,
): number | undefined {
  const candidates = list.flatMap(({ start, end, step }) => {
    if (value < start) return [start];
    if (step === 0) return [];
    const next = start + Math.floor((value - start + step) / step) * step;
    return end !== undefined && next > end ? [] : [next];
  });
  return candidates.length === 0 ? undefined : Math.min(...candidates);
}
