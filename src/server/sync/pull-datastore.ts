import { BackupError } from "../../format/backup-error.ts";
import { NAMESPACE_DEPTH_MAX } from "../../format/limits.ts";
import {
  isWithinNamespace,
  type Namespace,
  namespaceDepth,
  parentNamespace,
  parseNamespace,
} from "../../format/snapshot/namespace.ts";
import { backupGroupText, compareBackupGroups } from "../../format/snapshot/snapshot-id.ts";
import { type Datastore } from "../store/datastore.ts";
import { type GroupFilter } from "./group-filter.ts";
import { type GroupPull, pullGroup, type VanishedStats } from "./pull-group.ts";
import { type PullStats } from "./pull-snapshot.ts";
import { type SyncLog } from "./sync-source.ts";

/** Everything that a pull is told. */
export interface DatastorePull extends GroupPull {
  readonly sourceNamespace: Namespace;
  readonly targetNamespace: Namespace;
  /** Levels below the source's namespace; all when absent. */
  readonly depthMax: number | undefined;
  readonly filter: GroupFilter;
  /** Whether the owner may add snapshots in a namespace of the target. */
  readonly mayBackUp: (namespace: Namespace) => boolean;
  /** Whether the owner may make and remove namespaces below one. */
  readonly mayCreateBelow: (namespace: Namespace) => boolean;
}

/** A namespace at both ends. */
interface NamespacePair {
  readonly from: Namespace;
  readonly to: Namespace;
}

/**
 * Pulls everything that is asked for into a datastore (spec retention-gc-verify-sync.md §5.3).
 *
 * @throws {Error} At the end, when anything failed on the way: `sync failed with some errors.`
 */
export async function pullDatastore(pull: DatastorePull, task: SyncLog): Promise<void> {
  const run = {
    task,
    stats: { chunkCount: 0, bytes: 0 } satisfies PullStats,
    vanished: { snapshots: 0, groups: 0, namespaces: 0 } satisfies VanishedStats,
  };
  const pairs = await namespacePairs(pull, task);
  let hasErrors = false;
  const synced = new Set<Namespace>();
  for (const pair of pairs) {
    task.signal.throwIfAborted();
    try {
      await prepareNamespace(pull, pair.to, task);
      synced.add(pair.to);
      if (!(await pullNamespace(pull, pair, run))) hasErrors = true;
    } catch (error) {
      task.signal.throwIfAborted();
      task.log(`sync of namespace '${pair.from}' failed - ${textOf(error)}`);
      hasErrors = true;
    }
  }
  if (pull.vanished === "remove") {
    if (!(await removeVanishedNamespaces(pull, synced, run))) hasErrors = true;
    const { snapshots, groups, namespaces } = run.vanished;
    task.log(
      `Summary: removed vanished: snapshots: ${snapshots}, groups: ${groups}, namespaces: ${namespaces}`,
    );
  }
  const { chunkCount, bytes } = run.stats;
  task.log(
    chunkCount === 0
      ? "Summary: sync job found no new data to pull"
      : `Summary: sync job pulled ${bytes} B in ${chunkCount} chunks`,
  );
  if (hasErrors) throw new Error("sync failed with some errors.");
}

/** The namespaces to be pulled, parents first, with their places here. */
async function namespacePairs(
  { source, sourceNamespace, targetNamespace, depthMax }: DatastorePull,
  task: SyncLog,
): Promise<readonly NamespacePair[]> {
  const wanted =
    sourceNamespace === "" && depthMax === 0
      ? [sourceNamespace]
      : await source.listNamespaces(sourceNamespace, depthMax ?? NAMESPACE_DEPTH_MAX, task.signal);
  const depth = namespaceDepth(targetNamespace) - namespaceDepth(sourceNamespace);
  const deepest = Math.max(0, ...wanted.map((namespace) => namespaceDepth(namespace) + depth));
  if (deepest > NAMESPACE_DEPTH_MAX) {
    throw new Error(
      `namespaces would be nested ${deepest} levels deep, at most ${NAMESPACE_DEPTH_MAX} are possible`,
    );
  }
  return wanted
    .filter((namespace) => isWithinNamespace(namespace, sourceNamespace))
    .sort((a, b) => a.length - b.length)
    .map((from) => ({ from, to: moved(from, sourceNamespace, targetNamespace) }));
}

function moved(namespace: Namespace, from: Namespace, to: Namespace): Namespace {
  const rest = namespace.slice(from.length).replace(/^\//, "");
  return parseNamespace([to, rest].filter((part) => part !== "").join("/"));
}

/** Makes a namespace that is missing, as far as the owner may. */
async function prepareNamespace(pull: DatastorePull, to: Namespace, task: SyncLog): Promise<void> {
  const { target, owner } = pull;
  if (!(await target.hasNamespace(to))) {
    const parent = parentNamespace(to) ?? to;
    if (!pull.mayCreateBelow(parent)) {
      throw new Error(`'${owner}' may not create namespaces below '${parent}'`);
    }
    await target.createNamespace(to);
    task.log(`Created namespace '${to}'`);
  }
  if (!pull.mayBackUp(to)) throw new Error(`'${owner}' may not back up to namespace '${to}'`);
}

interface PullRun {
  readonly task: SyncLog;
  readonly stats: PullStats;
  readonly vanished: VanishedStats;
}

/** Pulls the groups of one namespace; says whether all went well. */
async function pullNamespace(
  pull: DatastorePull,
  { from, to }: NamespacePair,
  run: PullRun,
): Promise<boolean> {
  const { source, target, filter, owner } = pull;
  const { task } = run;
  const all = [...(await source.listGroups(from, task.signal))].sort(compareBackupGroups);
  const groups = all.filter(filter);
  task.log(`found ${groups.length} groups to sync (out of ${all.length} total)`);
  let isGood = true;
  for (const [i, group] of groups.entries()) {
    task.signal.throwIfAborted();
    try {
      await pullGroup(pull, { group, from, to }, run);
    } catch (error) {
      task.signal.throwIfAborted();
      task.log(`sync group ${backupGroupText(group)} failed - ${textOf(error)}`);
      isGood = false;
    }
    const share = (100 * (i + 1)) / groups.length;
    task.log(`percentage done: ${share.toFixed(2)}% (${i + 1}/${groups.length} groups)`);
  }
  if (pull.vanished === "keep") return isGood;
  const offered = new Set(groups.map(backupGroupText));
  for (const group of await target.listGroups(to)) {
    const name = backupGroupText(group);
    if (offered.has(name) || !filter(group)) continue;
    if ((await target.readOwner(to, group)) !== owner || !pull.mayRemoveIn(to)) continue;
    try {
      const { removedSnapshots, removedGroups } = await target.forgetGroup(to, group);
      task.log(`delete vanished group '${name}'`);
      run.vanished.snapshots += removedSnapshots;
      run.vanished.groups += removedGroups;
    } catch (error) {
      task.log(`could not remove vanished group '${name}' - ${textOf(error)}`);
      isGood = false;
    }
  }
  return isGood;
}

/** Removes namespaces below the target that were not pulled, children first; says whether all went well. */
async function removeVanishedNamespaces(
  pull: DatastorePull,
  synced: ReadonlySet<Namespace>,
  { task, vanished }: PullRun,
): Promise<boolean> {
  const { target, targetNamespace, depthMax } = pull;
  const present = await listBelow(target, targetNamespace, depthMax);
  let isGood = true;
  for (const namespace of present.reverse()) {
    if (synced.has(namespace) || !pull.mayBackUp(namespace)) continue;
    const isNeeded = [...synced].some((one) => isWithinNamespace(one, namespace));
    if (isNeeded) continue;
    // A namespace can hold groups of anybody, so this takes what the removal of a namespace takes.
    if (!pull.mayCreateBelow(parentNamespace(namespace) ?? namespace)) {
      task.log(`kept namespace '${namespace}' - '${pull.owner}' may not remove it`);
      continue;
    }
    try {
      const stats = await target.removeNamespace(namespace, "groups");
      vanished.snapshots += stats.removedSnapshots;
      vanished.groups += stats.removedGroups;
      if (stats.protectedSnapshots === 0) {
        vanished.namespaces += 1;
        task.log(`removed namespace '${namespace}'`);
      } else task.log(`kept namespace '${namespace}' with protected snapshots`);
    } catch (error) {
      task.log(`could not remove namespace '${namespace}' - ${textOf(error)}`);
      isGood = false;
    }
  }
  return isGood;
}

async function listBelow(
  target: Datastore,
  namespace: Namespace,
  depthMax: number | undefined,
): Promise<Namespace[]> {
  const all = await target.listNamespaces(namespace, { depthMax: depthMax ?? Infinity });
  return all.filter((one) => one !== namespace);
}

function textOf(error: unknown): string {
  if (error instanceof BackupError || error instanceof Error) return error.message;
  return String(error);
}
