import { FormatError } from "../../format/format-error.ts";

/** Kinds of things that can be backed up (spec client-cli.md §2.1). */
export const backupSourceKinds = ["pxar", "img", "conf", "log"] as const;

/** One thing to back up. */
export interface BackupSource {
  /** A directory, an image or block device, or a small file. */
  readonly kind: (typeof backupSourceKinds)[number];
  /** Name in the snapshot without ending, for example `root`. */
  readonly name: string;
  readonly path: string;
}

const SPECIFICATION = /^(?<name>[a-zA-Z0-9_-]+)\.(?<kind>pxar|img|conf|log):(?<path>.+)$/s;

/**
 * Parses `NAME.pxar:PATH` and the like.
 *
 * @throws {FormatError} `FORMAT_INVALID` for another form, or for a name that came before.
 */
export function parseBackupSources(texts: readonly string[]): BackupSource[] {
  const seen = new Set<string>();
  return texts.map((text) => {
    const { name, kind: ending, path } = SPECIFICATION.exec(text)?.groups ?? {};
    const kind = backupSourceKinds.find((known) => known === ending);
    if (name === undefined || path === undefined || kind === undefined) {
      throw new FormatError(
        "FORMAT_INVALID",
        "backup specification",
        `"${text}" is not of the form NAME.pxar:PATH (or .img, .conf, .log)`,
      );
    }
    if (path === "-") {
      throw new FormatError(
        "FORMAT_INVALID",
        "backup specification",
        `"${text}" names no file; /dev/stdin is the standard input`,
      );
    }
    const target = `${name}.${kind}`;
    if (seen.has(target)) {
      throw new FormatError("FORMAT_INVALID", "backup specification", `got "${target}" twice`);
    }
    seen.add(target);
    return { kind, name, path };
  });
}
