/** Words about showing the content of one file. */
export const previewWords = {
  title: (name: string) => name,
  open: (name: string) => `Show ${name}`,
  tooLarge: (size: string) => `With ${size} this file is too large to be shown here; download it.`,
  notShown: "This kind of file cannot be shown here; download it.",
  shortened: (size: string) => `The first ${size} are shown.`,
  imageOf: (name: string) => `Picture ${name}`,
  documentOf: (name: string) => `Document ${name}`,
  download: "Download",
  history: "Earlier versions",
  historyHint: "This file in the other snapshots of the group",
  historyOf: (name: string) => `${name} in every snapshot`,
  columns: { snapshot: "Snapshot", size: "Size", modified: "Modified", state: "" },
  absent: "not there",
  unreadable: "cannot be read",
  changed: "new version",
  same: "as before",
} as const;
