// Measures how run time grows with input size.

/** Rounds over all sizes; the fastest of each size counts, since noise only ever adds time. */
const ROUNDS = 7;

/** A single measurement repeats the work until at least this much time has passed. */
const SAMPLE_MS = 3;

/**
 * Exponent k of the power law that fits best: run time ~ size^k. About 0 for logarithmic, 1 for linear, 2 for quadratic work.
 *
 * @param prepare Makes the input of a size, not timed, and returns the work on it.
 */
export function growthExponent(
  sizes: readonly number[],
  prepare: (size: number) => () => unknown,
): number {
  const works = sizes.map(prepare);
  const fastest = works.map((work) => sample(work)); // The first samples also warm up.
  fastest.fill(Infinity);
  for (let round = 0; round < ROUNDS; round++) {
    works.forEach((work, i) => {
      fastest[i] = Math.min(fastest[i] ?? Infinity, sample(work));
    });
  }
  return slope(sizes.map(Math.log2), fastest.map(Math.log2));
}

function sample(work: () => unknown): number {
  const start = performance.now();
  let count = 0;
  let elapsed = 0;
  while (elapsed < SAMPLE_MS) {
    work();
    count++;
    elapsed = performance.now() - start;
  }
  return elapsed / count;
}

/** Slope of the straight line that fits best, by least squares. */
export function slope(xs: readonly number[], ys: readonly number[]): number {
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanX, meanY] = [mean(xs), mean(ys)];
  const product = xs.reduce((sum, x, i) => sum + (x - meanX) * ((ys[i] ?? 0) - meanY), 0);
  return product / xs.reduce((sum, x) => sum + (x - meanX) ** 2, 0);
}
