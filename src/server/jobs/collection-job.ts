import { type DatastoreEntry } from "../configuration/datastore-config.ts";
import { type Datastores } from "../datastores.ts";
import { refused } from "../http/api-error.ts";
import { REST_SEC } from "../store/collect-garbage.ts";
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
        await collectDatastore(datastore, task, { restSec: restSecOf(name, datastores) });
      };
    },
  };
}

/** As the configuration says when the collection begins. */
function restSecOf(name: string, datastores: Datastores): number {
  const known = datastores.all().find(({ entry }) => entry.name === name);
  return known?.entry.collectionRestSec ?? REST_SEC;
}
