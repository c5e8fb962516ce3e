import { isoWeekOf, type TimeZone } from "../schedule/time-zone.ts";

/** The rules of a retention in the order in which they are applied (spec retention-gc-verify-sync.md §1.2). */
export const retentionRules = ["last", "hourly", "daily", "weekly", "monthly", "yearly"] as const;

/** One rule: how long the periods are of each of which one snapshot is kept. */
export type RetentionRule = (typeof retentionRules)[number];

/** How many periods each rule keeps; a rule that is absent is not applied. */
export type Retention = Readonly<Partial<Record<RetentionRule, number>>>;

/** What the selection has to know of a snapshot. */
export interface RetentionCandidate {
  readonly timeSec: number;
  readonly isFinished: boolean;
  readonly isProtected: boolean;
}

/** What becomes of a snapshot; everything but `remove` stays. */
export type RetentionMark = "keep" | "keep-partial" | "protected" | "remove";

/** Why a snapshot is kept or removed. */
export type RetentionReason =
  | { readonly kind: "protected" }
  /** The newest of all, not finished: its backup may be running. */
  | { readonly kind: "running" }
  | { readonly kind: "unfinished" }
  /** The newest of its period; the `nth` that the rule keeps, of `max`. */
  | {
      readonly kind: "kept";
      readonly rule: RetentionRule;
      readonly period: string;
      readonly nth: number;
      readonly max: number;
    }
  /** A newer one of its period is kept by the rule. */
  | { readonly kind: "superseded"; readonly rule: RetentionRule; readonly period: string }
  | { readonly kind: "unclaimed" }
  /** No rule was given at all. */
  | { readonly kind: "unconditional" };

/** The decision about one snapshot. */
export interface RetentionDecision<Candidate extends RetentionCandidate> {
  readonly snapshot: Candidate;
  readonly mark: RetentionMark;
  readonly reason: RetentionReason;
}

/** Keeps everything: what callers do when no rule is given (spec retention-gc-verify-sync.md §1.1). */
export function keepAll<Candidate extends RetentionCandidate>(
  snapshots: readonly Candidate[],
): readonly RetentionDecision<Candidate>[] {
  return [...snapshots]
    .sort((a, b) => a.timeSec - b.timeSec)
    .map((snapshot) =>
      snapshot.isProtected
        ? { snapshot, mark: "protected", reason: { kind: "protected" } }
        : { snapshot, mark: "keep", reason: { kind: "unconditional" } },
    );
}

type Decided = Omit<RetentionDecision<RetentionCandidate>, "snapshot">;

/** Whether a retention keeps anything by rule; one that does not means "keep everything" to all callers (spec §1.1). */
export function keepsSomething(retention: Retention): boolean {
  return retentionRules.some((rule) => (retention[rule] ?? 0) > 0);
}

/**
 * Decides about every snapshot of a group, by the reference's algorithm to the letter.
 *
 * Rules run from `last` to `yearly`. Each walks from the newest snapshot back, passes over periods that an earlier rule
 * has kept a snapshot of, keeps the newest of each further period until it has its number, and removes the rest of
 * those periods for good. What no rule takes is removed. Protected and unfinished snapshots neither count nor cover.
 *
 * @param snapshots All of the group, finished or not, in any order, no two of the same second.
 * @param zone Where the periods are told.
 * @returns Oldest first.
 * @see spec retention-gc-verify-sync.md §1.2, prune-vectors.json
 */
export function applyRetention<Candidate extends RetentionCandidate>(
  snapshots: readonly Candidate[],
  retention: Retention,
  zone: TimeZone,
): readonly RetentionDecision<Candidate>[] {
  const list = [...snapshots].sort((a, b) => b.timeSec - a.timeSec);
  const decided = new Map<RetentionCandidate, Decided>();
  markUnfinished(list, decided);
  for (const rule of retentionRules) {
    const max = retention[rule];
    if (max !== undefined) applyRule(list, decided, { rule, max, zone });
  }
  return list.reverse().map((snapshot) => {
    if (snapshot.isProtected) {
      return { snapshot, mark: "protected", reason: { kind: "protected" } };
    }
    const { mark, reason } = decided.get(snapshot) ?? UNCLAIMED;
    return { snapshot, mark, reason };
  });
}

const UNCLAIMED: Decided = { mark: "remove", reason: { kind: "unclaimed" } };

function markUnfinished(
  list: readonly RetentionCandidate[],
  decided: Map<RetentionCandidate, Decided>,
): void {
  for (const [index, snapshot] of list.entries()) {
    if (snapshot.isFinished) continue;
    const mark: Decided =
      index === 0
        ? { mark: "keep-partial", reason: { kind: "running" } }
        : { mark: "remove", reason: { kind: "unfinished" } };
    decided.set(snapshot, mark);
  }
}

function applyRule(
  list: readonly RetentionCandidate[],
  decided: Map<RetentionCandidate, Decided>,
  options: { readonly rule: RetentionRule; readonly max: number; readonly zone: TimeZone },
): void {
  const { rule, max, zone } = options;
  const covered = new Set<string>();
  for (const [{ timeSec }, { mark }] of decided) {
    if (mark === "keep") covered.add(periodOf(rule, timeSec, zone));
  }
  const chosen = new Set<string>();
  for (const snapshot of list) {
    if (decided.has(snapshot) || snapshot.isProtected) continue;
    const period = periodOf(rule, snapshot.timeSec, zone);
    if (covered.has(period)) continue;
    if (chosen.has(period)) {
      decided.set(snapshot, { mark: "remove", reason: { kind: "superseded", rule, period } });
      continue;
    }
    if (chosen.size >= max) return;
    chosen.add(period);
    const reason = { kind: "kept", rule, period, nth: chosen.size, max } as const;
    decided.set(snapshot, { mark: "keep", reason });
  }
}

/** Name of the period that a moment is in; with `last`, every moment is its own. */
function periodOf(rule: RetentionRule, timeSec: number, zone: TimeZone): string {
  if (rule === "last") return String(timeSec);
  const wall = zone.wallTime(timeSec);
  const { year, month, day, hour } = wall;
  switch (rule) {
    case "hourly":
      return [year, month, day, hour].map(padded).join("/");
    case "daily":
      return [year, month, day].map(padded).join("/");
    case "weekly": {
      const week = isoWeekOf(wall);
      return [week.year, week.week].map(padded).join("/");
    }
    case "monthly":
      return [year, month].map(padded).join("/");
    case "yearly":
      return padded(year);
  }
}

function padded(value: number): string {
  return String(value).padStart(2, "0");
}

/** Says in a few words why a snapshot is kept or removed: `keep-daily 2 of 7 (2024/03/01)`. */
export function retentionReasonText(reason: RetentionReason): string {
  switch (reason.kind) {
    case "protected":
      return "protected";
    case "running":
      return "newest and unfinished: its backup may be running";
    case "unfinished":
      return "unfinished, and not the newest";
    case "kept": {
      const { rule, nth, max, period } = reason;
      return `keep-${rule} ${nth} of ${max}${rule === "last" ? "" : ` (${period})`}`;
    }
    case "superseded":
      return `keep-${reason.rule} has a newer one of ${reason.period}`;
    case "unclaimed":
      return "no rule keeps it";
    case "unconditional":
      return "no retention is given";
  }
}

/** A retention as options of the command line, as task logs show it: `--keep-last 3 --keep-daily 7`. */
export function retentionText(retention: Retention): string {
  return retentionRules
    .filter((rule) => (retention[rule] ?? 0) > 0)
    .map((rule) => `--keep-${rule} ${retention[rule] ?? 0}`)
    .join(" ");
}
