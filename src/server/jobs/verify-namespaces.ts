import { randomBytes } from "node:crypto";

import { type Clock } from "../../format/clock.ts";
import { backupGroupText } from "../../format/snapshot/snapshot-id.ts";
import { type ChunkVerifier } from "../store/accepted-blob.ts";
import { type Datastore } from "../store/datastore.ts";
import { type Task } from "../tasks/task.ts";
import { type GroupSelection, groupsBelow } from "./groups-below.ts";
import { type PlacedGroup } from "./prune-groups.ts";
import { VerifyRun, type VerifyFilter } from "./verify-run.ts";

/** A verifier with threads of its own, for one run. */
export interface OpenVerifier extends AsyncDisposable {
  readonly verifier: ChunkVerifier;
}

/** What a verification that is run as a task works with. */
export interface VerifyParts {
  readonly clock: Clock;
  /** Starts threads on all cores. */
  readonly openVerifier: () => OpenVerifier;
}

/** What one verification is told. */
export interface VerifyOrder {
  readonly datastore: Datastore;
  readonly filter: VerifyFilter;
}

/**
 * Runs a verification in a task, with threads of its own that end with it.
 *
 * @param work What is to be verified.
 * @throws {Error} When something failed; the text is the task's result.
 */
export async function verifyInTask(
  parts: VerifyParts,
  order: VerifyOrder & { readonly task: Task },
  work: (run: VerifyRun) => Promise<void>,
): Promise<void> {
  const { datastore, filter, task } = order;
  const { clock } = parts;
  await using open = parts.openVerifier();
  const seed = randomBytes(4).readUInt32LE();
  const run = new VerifyRun({ datastore, verifier: open.verifier, filter, clock, seed }, task);
  await work(run);
  await run.finish();
}

/** Verifies the groups of some namespaces, but for benchmarks (spec retention-gc-verify-sync.md §4.3). */
export async function verifyNamespaces(
  run: VerifyRun,
  datastore: Datastore,
  selection: GroupSelection,
): Promise<void> {
  const groups: PlacedGroup[] = [];
  for await (const place of groupsBelow(datastore, selection)) {
    if (backupGroupText(place.group) !== "host/benchmark") groups.push(place);
  }
  await run.verifyGroups(groups);
}
