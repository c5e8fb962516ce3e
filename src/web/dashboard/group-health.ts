import { groupKey, type WatchedGroup } from "../api/overdue-api.ts";
import { type SnapshotItem } from "../api/snapshots-api.ts";
import { snapshotsByGroup } from "../content/content-rows.ts";
import { verifyStateOf } from "../content/snapshot-state.ts";

/** Seconds that a backup may be late in any case: a day, and two hours for what runs daily. */
const GRACE_SEC = 26 * 3600;

/** How a group of snapshots is doing. */
export interface GroupHealth {
  readonly store: string;
  readonly ns: string;
  /** `host/name`. */
  readonly name: string;
  readonly lastSec: number;
  /** The usual distance of two backups in seconds; `undefined` with fewer than three snapshots. */
  readonly usualSec: number | undefined;
  /** What a rule of the server says about it, which then decides whether it is late. */
  readonly watch: WatchedGroup | undefined;
  readonly isLate: boolean;
  readonly count: number;
  readonly failed: number;
  readonly unverified: number;
  readonly stale: number;
  readonly newest: SnapshotItem;
  /** The newest snapshot that failed its verification. */
  readonly damaged: SnapshotItem | undefined;
}

/**
 * Health of every group of a namespace.
 *
 * Where no rule says how old the newest backup may be, that is taken from the past: a group is late after twice its usual
 * gap, and never before a day and two hours. With fewer than three snapshots it is late after 35 days.
 */
export function groupHealth(
  place: { readonly store: string; readonly ns: string },
  snapshots: readonly SnapshotItem[],
  {
    nowSec,
    watched,
  }: { readonly nowSec: number; readonly watched: ReadonlyMap<string, WatchedGroup> },
): readonly GroupHealth[] {
  return [...snapshotsByGroup(snapshots)].flatMap(([name, list]) => {
    const [newest] = list;
    if (!newest) return [];
    const lastSec = newest["backup-time"];
    const usualSec = usualGap(list.map((snapshot) => snapshot["backup-time"]));
    const allowed = usualSec === undefined ? 35 * 86_400 : Math.max(2 * usualSec, GRACE_SEC);
    const states = list.map((snapshot) => verifyStateOf(snapshot, nowSec).kind);
    const watch = watched.get(groupKey({ ...place, name }));
    const count = (kind: string): number => states.filter((each) => each === kind).length;
    return [
      {
        ...place,
        name,
        lastSec,
        usualSec,
        watch,
        isLate: watch ? watch.overdue : nowSec - lastSec > allowed,
        count: list.length,
        failed: count("failed"),
        unverified: count("none"),
        stale: count("old"),
        newest,
        damaged: list[states.indexOf("failed")],
      },
    ];
  });
}

/** Median distance of the last twenty; pruned groups have larger gaps further back. */
function usualGap(newestFirst: readonly number[]): number | undefined {
  if (newestFirst.length < 3) return undefined;
  const gaps = newestFirst
    .slice(0, 20)
    .slice(0, -1)
    .map((time, i) => time - (newestFirst[i + 1] ?? time))
    .sort((a, b) => a - b);
  return gaps[Math.floor(gaps.length / 2)];
}
