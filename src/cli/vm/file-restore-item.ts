import { type TreeEntry } from "../../client/vm/file-tree.ts";

/** An entry as listings in JSON have it (spec client-cli.md §3). */
export interface FileRestoreItem {
  /** Path in base64. */
  readonly filepath: string;
  readonly text: string;
  /** Directory, file, symbolic link, other; or what only the command has: an archive, a partition, a volume. */
  readonly type: "d" | "f" | "l" | "o" | "v";
  /** Whether nothing is below it. */
  readonly leaf: boolean;
  readonly size?: number;
}

const types = { directory: "d", file: "f", symlink: "l", other: "o" } as const;

/** Describes an entry of the directory at a path. */
export function fileRestoreItem(
  directory: string,
  entry: TreeEntry,
  from: "file system" | "command",
): FileRestoreItem {
  const path = `${directory.replace(/\/+$/, "")}/${entry.name}`;
  return {
    filepath: Buffer.from(path).toString("base64"),
    text: entry.name,
    type: from === "command" ? "v" : types[entry.kind],
    leaf: entry.kind !== "directory",
    ...(entry.kind === "file" ? { size: entry.size } : {}),
  };
}
