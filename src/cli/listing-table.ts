import { parseFiles, parseGroups, parseSnapshots } from "../client/session/list-datastore.ts";
import { isJsonObject } from "../client/session/server-answer.ts";
import { backupGroupText, snapshotIdText } from "../format/snapshot/snapshot-id.ts";
import { byteText } from "../format/bytes/byte-text.ts";
import { renderTable, type TableStyle } from "./table.ts";

/** Renders the `data` of the API's list of groups as the official client does (spec client-cli.md §2.3). */
export function groupTable(data: unknown, style: TableStyle): string {
  return renderTable(
    parseGroups(data),
    [
      { title: "group", align: "left", cell: ({ group }) => backupGroupText(group) },
      {
        title: "last snapshot",
        align: "left",
        cell: ({ group, lastBackupSec }) => snapshotIdText({ ...group, timeSec: lastBackupSec }),
      },
      { title: "backup-count", align: "right", cell: ({ backupCount }) => String(backupCount) },
      { title: "files", align: "left", cell: ({ files }) => fileList(files) },
    ],
    style,
  );
}

/** Renders the `data` of the API's list of snapshots; one that is not finished has no size. */
export function snapshotTable(data: unknown, style: TableStyle): string {
  return renderTable(
    parseSnapshots(data),
    [
      { title: "snapshot", align: "left", cell: ({ snapshot }) => snapshotIdText(snapshot) },
      {
        title: "size",
        align: "right",
        cell: ({ size }) => (size === undefined ? "" : byteText(size)),
      },
      {
        title: "files",
        align: "left",
        cell: ({ files }) => fileList(files.map(({ filename }) => filename)),
      },
    ],
    style,
  );
}

/** Renders the `data` of the API's list of files, sorted by name. */
export function fileTable(data: unknown, style: TableStyle): string {
  const files = [...parseFiles(data)].sort((a, b) => (a.filename < b.filename ? -1 : 1));
  return renderTable(
    files,
    [
      { title: "filename", align: "left", cell: ({ filename }) => filename },
      { title: "crypt-mode", align: "left", cell: ({ cryptMode }) => cryptMode ?? "" },
      {
        title: "size",
        align: "right",
        cell: ({ size }) => (size === undefined ? "" : String(size)),
      },
    ],
    style,
  );
}

/** Renders the `data` of the API's status: three rows without a header, with percentages of the total. */
export function statusTable(data: unknown, style: TableStyle): string {
  const sizes = isJsonObject(data) ? data : {};
  const total = Number(sizes["total"] ?? 0);
  const percent = (value: number): string =>
    total === 0 ? "" : `(${Math.round((100 * value) / total)} %)`;
  return renderTable(
    ["total", "used", "avail"] as const,
    [
      { title: "", align: "left", cell: (name) => name },
      {
        title: "",
        align: "right",
        cell: (name) => {
          const value = Number(sizes[name] ?? 0);
          return `${value}  ${percent(value).padStart(7)}`;
        },
      },
    ],
    { ...style, hasHeader: false },
  );
}

/** Files of a snapshot in one cell: sorted, without the server's endings. */
function fileList(names: readonly string[]): string {
  return names
    .map((name) => name.replace(/\.(?:didx|fidx|blob)$/, ""))
    .sort()
    .join(" ");
}
