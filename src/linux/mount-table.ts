import { readFileSync } from "node:fs";

/** One line of `/proc/self/mountinfo`. */
export interface MountedFileSystem {
  /** Device numbers as `major:minor`, which name the superblock. */
  readonly device: string;
  readonly mountPoint: string;
  /** Type with its subtype, for example `fuse.amber`. */
  readonly type: string;
  readonly source: string;
}

/**
 * Reads the mounts this process sees, in the order they were made; of two on one path the later covers the earlier.
 *
 * Asks no file system anything, so it does not block on one that hangs.
 */
export function readMountTable(): MountedFileSystem[] {
  return parseMountTable(readFileSync("/proc/self/mountinfo", "utf8"));
}

/** The file system seen at a path that is a mount point itself; `undefined` for any other path. */
export function mountedAt(mountPoint: string): MountedFileSystem | undefined {
  return readMountTable().findLast((mounted) => mounted.mountPoint === mountPoint);
}

/** Parses the text of `/proc/self/mountinfo`; a line it cannot read is left out. Source: proc(5). */
export function parseMountTable(text: string): MountedFileSystem[] {
  const mounts: MountedFileSystem[] = [];
  for (const line of text.split("\n")) {
    const fields = line.split(" ");
    const [, , device, , mountPoint] = fields;
    const separator = fields.indexOf("-", 6);
    const [type, source] = separator === -1 ? [] : fields.slice(separator + 1, separator + 3);
    if (device === undefined || mountPoint === undefined || type === undefined) continue;
    mounts.push({
      device,
      mountPoint: unescapeField(mountPoint),
      type,
      source: unescapeField(source ?? ""),
    });
  }
  return mounts;
}

/** The kernel writes blank, tab, newline and backslash as a backslash and three octal digits. */
function unescapeField(field: string): string {
  return field.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
