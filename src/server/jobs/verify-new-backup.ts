import { type FastifyBaseLogger } from "fastify";

import { type AuthId } from "../../format/snapshot/auth-id.ts";
import { type Namespace, namespacePath } from "../../format/snapshot/namespace.ts";
import { backupGroupText, type SnapshotId } from "../../format/snapshot/snapshot-id.ts";
import { type Datastores } from "../datastores.ts";
import { type Datastore } from "../store/datastore.ts";
import { type JobRunner } from "./job-runner.ts";
import { verifyInTask, type VerifyParts } from "./verify-namespaces.ts";

/** What the verification of new backups works with. */
export type VerifyNewParts = VerifyParts & {
  readonly datastores: Datastores;
  readonly jobs: JobRunner;
  readonly logger: FastifyBaseLogger;
};

/** A backup that has just been finished. */
export interface NewBackup {
  readonly datastore: Datastore;
  readonly namespace: Namespace;
  readonly snapshot: SnapshotId;
  /** Who made it, in whose name it is verified. */
  readonly authId: AuthId;
}

/**
 * Starts the verification of a new backup when its datastore is set to that (spec retention-gc-verify-sync.md §4.1).
 *
 * Never rejects: the backup is good in any case.
 */
export async function verifyNewBackup(parts: VerifyNewParts, backup: NewBackup): Promise<void> {
  const { datastores, jobs, logger } = parts;
  const { datastore, namespace, snapshot, authId } = backup;
  const known = datastores.list().find((each) => each.datastore === datastore);
  if (known?.entry.newBackups !== "verified") return;
  const hexTime = snapshot.timeSec.toString(16).toUpperCase().padStart(8, "0");
  const path = `${namespacePath(namespace)}/${backupGroupText(snapshot)}/${hexTime}`;
  const announcement = {
    kind: "verify",
    datastore: datastore.name,
    jobId: undefined,
    when: "on failure",
  } as const;
  const name = { type: "verify", id: `${datastore.name}:${path}`, authId, announcement };
  const filter = { verified: "verify", outdatedAfterDays: undefined } as const;
  try {
    const { result } = await jobs.start(name, async (task) => {
      await verifyInTask(parts, { datastore, filter, task }, async (run) => {
        await run.verifySnapshot(namespace, snapshot);
      });
    });
    result.catch(() => undefined); // The task tells.
  } catch (error) {
    logger.error({ err: error, store: datastore.name }, "new backup cannot be verified");
  }
}
