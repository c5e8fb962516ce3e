/** Source of wall time; a parameter everywhere, so that tests can choose the time. */
export interface Clock {
  /** Whole seconds since the epoch. */
  nowSec(): number;
  /** Milliseconds since the epoch. */
  nowMs(): number;
}

/** The machine's clock: the one place that reads it. */
export const systemClock: Clock = {
  // eslint-disable-next-line no-restricted-properties -- the one provider of wall time
  nowSec: () => Math.floor(Date.now() / 1000),
  // eslint-disable-next-line no-restricted-properties -- the one provider of wall time
  nowMs: () => Date.now(),
};
