/** Words about pruning. */
export const pruneWords = {
  title: (name: string) => `Prune ${name}`,
  intro: "Keep …",
  periods: {
    last: "Last",
    hourly: "Hourly",
    daily: "Daily",
    weekly: "Weekly",
    monthly: "Monthly",
    yearly: "Yearly",
  },
  noRule: "Without any rule every snapshot is kept.",
  summary: (kept: number, removed: number) => `${kept} kept, ${removed} removed`,
  confirm: (removed: number) =>
    removed === 1 ? "Remove 1 snapshot" : `Remove ${removed} snapshots`,
  nothingToDo: "Nothing to remove",
  keep: "keep",
  remove: "remove",
  columns: { time: "Snapshot", mark: "Would", reason: "Why" },
  spaceHint:
    "Pruning removes snapshots, not yet their space: the next garbage collection frees chunks that nobody has used for a day.",
  done: (name: string, removed: number) => `${removed} snapshots of ${name} have been removed.`,
} as const;
