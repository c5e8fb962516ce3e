/** Words about tasks. */
export const taskWords = {
  title: "Tasks",
  needsAttention: "Needs attention",
  all: "All",
  running: "Running",
  finished: "Finished",
  type: "Kind",
  anyType: "Every kind",
  user: "User",
  userHint: "Part of the name",
  store: "Datastore",
  anyStore: "Every datastore",
  columns: {
    what: "Task",
    user: "User",
    start: "Started",
    duration: "Took",
    result: "Result",
  },
  empty: "No task is like that.",
  emptyAttention: "Nothing needs your attention: every task ended well.",
  log: "Log",
  logEmpty: "Nothing has been logged yet.",
  logShortened: (shown: number, total: number) => `The last ${shown} of ${total} lines.`,
  download: "Download the log",
  stop: "Stop",
  stopTitle: "Stop this task?",
  stopText: (what: string) =>
    `“${what}” ends at its next step. A backup that is stopped leaves nothing behind; verification and collection can be started again.`,
  stopping: "The task has been asked to stop.",
  status: "Status",
  state: { running: "running", ok: "OK", warning: "warnings", error: "failed", unknown: "unknown" },
  page: (from: number, to: number, total: number) => `${from}–${to} of ${total}`,
  older: "Older",
  newer: "Newer",
  follow: "New lines appear by themselves.",
} as const;

const names: Readonly<Record<string, string>> = {
  backup: "Backup",
  reader: "Read",
  verificationjob: "Verify job",
  verify: "Verify",
  verify_snapshot: "Verify snapshot",
  verify_group: "Verify group",
  verify_namespace: "Verify namespace",
  garbage_collection: "Collect garbage",
  prune: "Prune",
  prunejob: "Prune job",
  syncjob: "Sync job",
  sync: "Sync",
  "delete-datastore": "Remove datastore",
  "create-datastore": "Create datastore",
};

/** A kind of task in words. */
export function taskTypeName(type: string): string {
  return names[type] ?? type;
}

/** A task in words: its kind and what it is about. */
export function taskTitle(type: string, id: string | undefined): string {
  return id === undefined || id === "" ? taskTypeName(type) : `${taskTypeName(type)} ${id}`;
}
