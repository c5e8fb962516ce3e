import { type SnapshotFile } from "./fs-need.ts";

/** One name in the directory of a snapshot, and what is behind it. */
export type ShownFile =
  | {
      /** A file archive, shown as a directory. */
      readonly kind: "archive";
      readonly name: string;
      /** The archive that has the tree: all of it, or the metadata of a split one. */
      readonly tree: SnapshotFile;
      /** The archive that has the content of files. */
      readonly content: SnapshotFile;
    }
  | {
      /** An image, or another archive whose content this program does not show as files. */
      readonly kind: "image";
      readonly name: string;
      readonly file: SnapshotFile;
    }
  | { readonly kind: "blob"; readonly name: string; readonly file: SnapshotFile }
  | { readonly kind: "manifest"; readonly name: string };

/** Name under which the manifest is shown. */
const MANIFEST_NAME = "index.json";

/**
 * What the directory of a snapshot shows of its files: names without the server's extension, the two archives of a split
 * one as one directory (spec manifest.md §4.1). Sorted, and every name once.
 */
export function shownFiles(files: readonly SnapshotFile[]): readonly ShownFile[] {
  const byName = new Map(files.map((file) => [file.name, file]));
  const shown = new Map<string, ShownFile>([
    [MANIFEST_NAME, { kind: "manifest", name: MANIFEST_NAME }],
  ]);
  // Whole archives come last, so that they win over a split one of the same name.
  const ordered = files.toSorted((a, b) => Number(isWhole(a)) - Number(isWhole(b)));
  for (const file of ordered) {
    const entry = shownAs(file, byName);
    if (entry && entry.name !== MANIFEST_NAME) shown.set(entry.name, entry);
  }
  return [...shown.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function isWhole({ name }: SnapshotFile): boolean {
  return name.endsWith(".pxar.didx");
}

function shownAs(
  file: SnapshotFile,
  byName: ReadonlyMap<string, SnapshotFile>,
): ShownFile | undefined {
  const { name } = file;
  // A manifest is signed at best, so a name in it may be anything: what is no name of a file is not shown.
  if (name.includes("/") || name.includes("\0")) return undefined;
  if (isWhole(file)) {
    return { kind: "archive", name: withoutEnd(name, ".didx"), tree: file, content: file };
  }
  if (name.endsWith(".mpxar.didx")) {
    const stem = withoutEnd(name, ".mpxar.didx");
    const content = byName.get(`${stem}.ppxar.didx`);
    return content && { kind: "archive", name: `${stem}.pxar`, tree: file, content };
  }
  if (name.endsWith(".ppxar.didx") && byName.has(name.replace(/\.ppxar\.didx$/, ".mpxar.didx"))) {
    return undefined;
  }
  for (const extension of [".didx", ".fidx", ".blob"]) {
    if (!name.endsWith(extension) || name === extension) continue;
    const kind = extension === ".blob" ? "blob" : "image";
    return { kind, name: withoutEnd(name, extension), file };
  }
  return undefined;
}

function withoutEnd(name: string, end: string): string {
  return name.slice(0, -end.length);
}
