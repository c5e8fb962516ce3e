import { type DatastoreEntry } from "../configuration/datastore-config.ts";
import { type Datastores } from "../datastores.ts";
import { refused } from "../http/api-error.ts";
import { collectDatastore } from "./collect-datastore.ts";
import { type ScheduledJob } from "./scheduled-job.ts";

/** The collection of a datastore's garbage as a job; its id is the datastore (spec retention-gc-verify-sync.md §3). */
export function collectionJob(
  { name, gcSchedule }: Pick<DatastoreEntry, "name" | "gcSchedule">,
  datastores: Datastores,
): ScheduledJob {
  return {
    type: "garbage_collection",
    id: name,
    workerId: name,
    store: name,
    schedule: gcSchedule,
    title: `starting garbage collection on store ${name}`,
    prepare: () => {
      const datastore = datastores.require(name, "write");
      if (datastore.processLock.isCollecting) {
        throw refused(`garbage collection is already running on datastore '${name}'`);
      }
      return async (task) => {
        await collectDatastore(datastore, task);
      };
    },
  };
}
