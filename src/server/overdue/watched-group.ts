import { backupGroupText } from "../../format/snapshot/snapshot-id.ts";
import { type WatchedPlace } from "./overdue-rule.ts";

/** A group that is watched. */
export interface WatchedGroup extends WatchedPlace {
  /** Name of the rule that counts for it. */
  readonly rule: string;
  readonly ageMaxSec: number;
  /** Time of the newest finished backup; `undefined` when there is none. */
  readonly lastSuccessSec: number | undefined;
  readonly isOverdue: boolean;
}

/** Key of a group in what is remembered. */
export function keyOf({ store, namespace, group }: WatchedPlace): string {
  return `${store}:${namespace}:${backupGroupText(group)}`;
}

/** `a/b:host/web`, or without namespace the group alone. */
export function nameOf({ namespace, group }: WatchedPlace): string {
  return namespace === "" ? backupGroupText(group) : `${namespace}:${backupGroupText(group)}`;
}
