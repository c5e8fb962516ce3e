import { type ConfigDirectory } from "./config-directory.ts";
import { DATASTORE_FILE } from "./datastore-config.ts";
import { NotificationFile } from "./notification-file.ts";
import { SectionFile } from "./section-file.ts";

/** The files of sections that the API changes, named as the genuine server does. */
export interface ConfigFiles {
  readonly datastores: SectionFile;
  readonly pruneJobs: SectionFile;
  readonly verifyJobs: SectionFile;
  readonly syncJobs: SectionFile;
  readonly remotes: SectionFile;
  readonly trafficRules: SectionFile;
  readonly notifications: NotificationFile;
  /** How old the newest backup of which groups may be; ours alone. */
  readonly overdueRules: SectionFile;
}

/** The files in a folder; each must be opened only once, since its updates wait for each other. */
export function configFiles(directory: ConfigDirectory): ConfigFiles {
  return {
    datastores: new SectionFile(directory, DATASTORE_FILE),
    pruneJobs: new SectionFile(directory, "prune.cfg"),
    verifyJobs: new SectionFile(directory, "verification.cfg"),
    syncJobs: new SectionFile(directory, "sync.cfg"),
    remotes: new SectionFile(directory, "remote.cfg"),
    trafficRules: new SectionFile(directory, "traffic-control.cfg"),
    notifications: new NotificationFile(directory),
    overdueRules: new SectionFile(directory, "overdue.cfg"),
  };
}
