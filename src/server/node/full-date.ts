/** Measurements without which nothing is said (spec rest-api.md §8). */
const POINTS_MIN = 7;

/**
 * When a datastore will be full if it goes on like this: the straight line with the least squares through its usage.
 *
 * @param usage Points of time and used fraction, in any order.
 * @returns Seconds since the epoch; in the past, down to 0, when it is not filling up. `undefined` with too few points.
 */
export function estimateFullDate(
  usage: readonly (readonly [timeSec: number, used: number])[],
): number | undefined {
  if (usage.length < POINTS_MIN) return undefined;
  const meanTime = usage.reduce((sum, [time]) => sum + time, 0) / usage.length;
  const meanUsed = usage.reduce((sum, [, used]) => sum + used, 0) / usage.length;
  let covariance = 0;
  let variance = 0;
  for (const [time, used] of usage) {
    covariance += (time - meanTime) * (used - meanUsed);
    variance += (time - meanTime) ** 2;
  }
  const slope = variance === 0 ? 0 : covariance / variance;
  // Growth below this takes longer than a date can say.
  if (Math.abs(slope) < 1e-15) return 0;
  return Math.max(0, Math.floor(meanTime + (1 - meanUsed) / slope));
}
