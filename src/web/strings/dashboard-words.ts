/** What the first page says about the state of the backups. */
export const dashboardWords = {
  title: "Are my backups good?",
  checking: "Looking at every group …",
  allGood: "Yes. Every group has a recent backup, and no verification has failed.",
  someBad: (count: number) =>
    count === 1 ? "One thing needs attention." : `${count} things need attention.`,
  empty: "There is no backup yet. Open a datastore and its tab “Connect” to make the first one.",
  noDatastores: "There is no datastore that you may see.",
  attention: "Needs attention",
  groups: "Groups",
  datastores: "Datastores",
  running: "Running now",
  nothingRuns: "Nothing runs at the moment.",
  recent: "Failed lately",
  nothingFailed: "No task has failed in the last 7 days.",
  late: (name: string) => `${name} has no recent backup`,
  lateDetail: (ago: string, usual: string) =>
    `The last one was ${ago}; usually there is one every ${usual}.`,
  lateUnknown: (ago: string) => `The last one was ${ago}.`,
  lateByRule: (ago: string, rule: string, hours: number) =>
    `The last one was ${ago}; rule "${rule}" allows ${hours} hours.`,
  neverByRule: (rule: string, hours: number) =>
    `There is none; rule "${rule}" allows ${hours} hours.`,
  failed: (name: string, count: number) =>
    count === 1 ? `A snapshot of ${name} is damaged` : `${count} snapshots of ${name} are damaged`,
  failedDetail:
    "Verification found chunks that are missing or wrong. The next backup of the same data repairs what it uploads again; verify after it.",
  unverified: (store: string, count: number) =>
    count === 1
      ? `A snapshot in ${store} has never been verified`
      : `${count} snapshots in ${store} have never been verified`,
  stale: (store: string, count: number) =>
    count === 1
      ? `A snapshot in ${store} was verified long ago`
      : `${count} snapshots in ${store} were verified long ago`,
  unverifiedDetail: "Only a verification proves that a backup can be read back.",
  almostFull: (store: string, percent: string) => `${store} is ${percent} full`,
  almostFullDetail: "Prune what is not needed any more, and collect the garbage after it.",
  badChunks: (store: string, count: number) =>
    count === 1 ? `${store} holds a bad chunk` : `${store} holds ${count} bad chunks`,
  badChunksDetail:
    "They were found damaged and set aside. The next backup of the same data replaces them.",
  neverCollected: (store: string) => `${store} has never had its garbage collected`,
  neverCollectedDetail: "Space of removed snapshots becomes free only then.",
  unavailable: (store: string) => `${store} cannot be read`,
  show: "Show",
  verify: "Verify",
  prune: "Prune",
  collect: "Collect",
  columns: {
    store: "Datastore",
    usage: "Usage",
    full: "Full",
    dedup: "Dedup",
    collection: "Last collection",
    groups: "Groups",
  },
  groupColumns: {
    group: "Group",
    place: "Where",
    last: "Last backup",
    usual: "Usual gap",
    verified: "Verified",
    count: "Snapshots",
  },
  searchGroups: "Search groups",
  groupsLabel: "Every group with its last backup",
} as const;
