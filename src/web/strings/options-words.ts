/** Words about the options of a datastore. */
export const optionsWords = {
  comment: "Comment",
  gcSchedule: "Garbage collection",
  gcScheduleHint: "When, for example “daily” or “sat 02:30”; empty for never",
  verifyNew: "Verify every backup right after it was made",
  maintenance: "Maintenance",
  maintenanceModes: {
    none: "None",
    "read-only": "Read only: no backups, no pruning",
    offline: "Offline: nothing at all",
  },
  saved: "The options are saved.",
  path: "Folder on the server",
} as const;
