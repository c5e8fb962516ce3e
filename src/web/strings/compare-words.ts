/** Words about comparing two snapshots. */
export const compareWords = {
  title: "What changed",
  compare: "Compare",
  compareWith: "Compare with",
  choose: "Choose a snapshot",
  between: (before: string, after: string) => `Between ${before} and ${after}`,
  columns: { path: "Path", change: "Change", before: "Before", after: "After" },
  changes: { added: "added", removed: "removed", changed: "changed" },
  summary: (added: number, removed: number, changed: number) =>
    `${added} added, ${removed} removed, ${changed} changed`,
  nothing: "Nothing is different.",
  notAll: (count: number) => `More than ${count} differences; the first ones are shown.`,
  search: "Search in the paths",
  gridLabel: "Differences",
  noOther: "The group has no other snapshot to compare with.",
  how: "By kind, size and time of change; content is not read.",
  rootChanged: "/",
} as const;
