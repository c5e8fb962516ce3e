import { Type, type TInteger, type TOptional } from "typebox";

import { type Retention, retentionRules } from "../../format/snapshot/retention.ts";

const count = Type.Optional(Type.Integer({ minimum: 1 }));

/** Parameters that say how many snapshots to keep; 0 is refused (spec retention-gc-verify-sync.md §1.1). */
export const retentionParameters: Readonly<Record<RetentionParameter, TOptional<TInteger>>> = {
  "keep-last": count,
  "keep-hourly": count,
  "keep-daily": count,
  "keep-weekly": count,
  "keep-monthly": count,
  "keep-yearly": count,
};

/** Name of one of {@link retentionParameters}. */
export type RetentionParameter = `keep-${(typeof retentionRules)[number]}`;

/** The retention that parameters describe. */
export function retentionOf(
  values: Readonly<Partial<Record<RetentionParameter, number>>>,
): Retention {
  const retention: Partial<Record<(typeof retentionRules)[number], number>> = {};
  for (const rule of retentionRules) {
    const value = values[`keep-${rule}`];
    if (value !== undefined) retention[rule] = value;
  }
  return retention;
}
