/** Is a step slower than it was? Pure: ratios and a baseline in, a verdict out. */
import { type Meter, meters } from "./meter.ts";

/** What a step cost when the baseline was taken, in yardsticks. */
export interface BaselineStep {
  /** Median of the rounds. */
  readonly ratio: number;
  /** Upper quartile of the rounds: what the spread alone explains. */
  readonly upper: number;
  /** Share above `ratio` that is taken; 0.1 unless the step is known to be noisier. */
  readonly allowed: number;
}

/** bench/baseline.json: for each meter what was measured with it, by step. */
export type Baseline = Readonly<Partial<Record<Meter, Readonly<Record<string, BaselineStep>>>>>;

/** What is said about one step. */
export interface Verdict {
  readonly step: string;
  readonly median: number;
  readonly lower: number;
  readonly upper: number;
  /** Median ÷ the baseline's; `undefined` for a step that the baseline does not have. */
  readonly change: number | undefined;
  readonly slower: boolean;
}

/** Share above the baseline that is taken when nothing else is known. */
export const ALLOWED_USUALLY = 0.1;

/** Reads bench/baseline.json; throws with the step's name if a number is missing. */
export function parseBaseline(text: string): Baseline {
  const parsed = JSON.parse(text) as Record<string, Record<string, BaselineStep>>;
  for (const [meter, steps] of Object.entries(parsed)) {
    if (!meters.some((known) => known === meter))
      throw new Error(`baseline: unknown meter "${meter}"`);
    for (const [step, numbers] of Object.entries(steps)) {
      for (const name of ["ratio", "upper", "allowed"] as const) {
        const value: unknown = numbers[name];
        if (typeof value !== "number" || !(value > 0))
          throw new Error(`baseline: "${name}" of "${step}" (${meter}) is no number above 0`);
      }
    }
  }
  return parsed;
}

/**
 * Compares the rounds of a step with the baseline.
 *
 * A step is slower if its median is above what is allowed *and* three quarters of its rounds are above what the baseline's own
 * spread explains: one round that was disturbed proves nothing.
 */
export function verdictOn(
  step: string,
  ratios: readonly number[],
  baseline: BaselineStep | undefined,
): Verdict {
  const median = quantile(ratios, 0.5);
  const lower = quantile(ratios, 0.25);
  const upper = quantile(ratios, 0.75);
  if (baseline === undefined)
    return { step, median, lower, upper, change: undefined, slower: false };
  const slower = median > baseline.ratio * (1 + baseline.allowed) && lower > baseline.upper;
  return { step, median, lower, upper, change: median / baseline.ratio, slower };
}

/** A new baseline out of the rounds; what was allowed stays. */
export function baselineStep(
  ratios: readonly number[],
  previous: BaselineStep | undefined,
): BaselineStep {
  const rounded = (value: number): number => Number(value.toFixed(4));
  return {
    ratio: rounded(quantile(ratios, 0.5)),
    upper: rounded(quantile(ratios, 0.75)),
    allowed: previous?.allowed ?? ALLOWED_USUALLY,
  };
}

/** The value below which `share` of the values lie, between two of them in proportion; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}
