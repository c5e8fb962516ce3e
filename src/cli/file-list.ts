/** Renders files of a snapshot in one cell: sorted, without the server's endings (spec client-cli.md §2.3). */
export function fileList(names: readonly string[]): string {
  return names
    .map((name) => name.replace(/\.(?:didx|fidx|blob)$/, ""))
    .sort()
    .join(" ");
}
