import { type TimeZone } from "../../format/schedule/time-zone.ts";
import { type Namespace } from "../../format/snapshot/namespace.ts";
import {
  keepsSomething,
  type Retention,
  retentionReasonText,
  retentionText,
} from "../../format/snapshot/retention.ts";
import {
  type BackupGroup,
  backupGroupText,
  snapshotIdText,
} from "../../format/snapshot/snapshot-id.ts";
import { type Datastore } from "../store/datastore.ts";
import { type PlannedSnapshot } from "../store/plan-prune.ts";
import { StoreError } from "../store/store-error.ts";
import { type Task } from "../tasks/task.ts";

/** A group, and where it is. */
export interface PlacedGroup {
  readonly namespace: Namespace;
  readonly group: BackupGroup;
}

/** What a prune does to each group. */
export interface PruneOptions {
  readonly datastore: Datastore;
  readonly retention: Retention;
  /** Where days and weeks are told. */
  readonly zone: TimeZone;
  /** `plan` removes nothing and says what it would do. */
  readonly effect: "remove" | "plan";
}

/**
 * Prunes one group and logs a line for each snapshot (spec retention-gc-verify-sync.md §1.4).
 *
 * A snapshot that is in use or cannot be removed is a warning. Stops between two snapshots at the task's signal.
 *
 * @returns The decisions, oldest first.
 */
export async function pruneGroup(
  options: PruneOptions,
  place: PlacedGroup,
  task: Task,
): Promise<readonly PlannedSnapshot[]> {
  const { datastore, retention } = options;
  logRetention(retention, task);
  task.log(
    `Starting prune on datastore '${datastore.name}', ${namespaceText(place.namespace)} group "${backupGroupText(place.group)}"`,
  );
  return await prunePlanned(options, place, {
    task,
    line: (name, word, reason) => `${name} ${word} (${reason})`,
  });
}

/**
 * Prunes groups one after another, with the lines of `prune-datastore`.
 *
 * @param groups In the order in which they are to be pruned.
 */
export async function pruneGroups(
  options: PruneOptions,
  groups: AsyncIterable<PlacedGroup>,
  task: Task,
): Promise<void> {
  logRetention(options.retention, task);
  const prefix = options.effect === "plan" ? "would " : "";
  for await (const place of groups) {
    task.signal.throwIfAborted();
    task.log(`Pruning group ${namespaceColon(place.namespace)}"${backupGroupText(place.group)}"`);
    try {
      await prunePlanned(options, place, {
        task,
        line: (name, word, reason) => `${prefix}${word} ${name} (${reason})`,
      });
    } catch (error) {
      task.signal.throwIfAborted();
      task.warn(`prune of group ${backupGroupText(place.group)} failed: ${textOf(error)}`);
    }
  }
}

/** First line of a prune of many groups; `depthMax` is `undefined` for all levels. */
export function datastorePruneText(
  datastore: Datastore,
  namespace: Namespace,
  depthMax: number | undefined,
): string {
  const depth = depthMax === undefined ? "down to full depth" : `with depth ${depthMax}`;
  return `Starting datastore prune on datastore '${datastore.name}', ${namespaceText(namespace)}, ${depth}`;
}

function logRetention(retention: Retention, task: Task): void {
  if (keepsSomething(retention)) task.log(`retention options: ${retentionText(retention)}`);
  else task.log("No prune selection - keeping all files.");
}

interface PruneLog {
  readonly task: Task;
  readonly line: (snapshot: string, word: string, reason: string) => string;
}

async function prunePlanned(
  { datastore, retention, zone, effect }: PruneOptions,
  { namespace, group }: PlacedGroup,
  { task, line }: PruneLog,
): Promise<readonly PlannedSnapshot[]> {
  const plan = await datastore.planPrune({ namespace, group, retention, zone });
  for (const { snapshot, mark, reason } of plan) {
    task.signal.throwIfAborted();
    task.log(line(snapshotIdText(snapshot), mark, retentionReasonText(reason)));
    if (mark !== "remove" || effect === "plan") continue;
    try {
      await datastore.forgetSnapshot(namespace, snapshot);
    } catch (error) {
      // Somebody else may have removed it since: then it is what we wanted.
      if (error instanceof StoreError && error.code === "STORE_SNAPSHOT_MISSING") continue;
      task.warn(`failed to remove ${snapshotIdText(snapshot)}: ${textOf(error)}`);
    }
  }
  return plan;
}

function namespaceText(namespace: Namespace): string {
  return namespace === "" ? "root namespace" : `namespace '${namespace}'`;
}

function namespaceColon(namespace: Namespace): string {
  return `${namespace}:`;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
