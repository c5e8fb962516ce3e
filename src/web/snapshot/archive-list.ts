import { type SnapshotFile } from "../api/snapshots-api.ts";

/** What a file of a snapshot is to a person. */
export type ArchiveKind = "tree" | "image" | "blob" | "catalog" | "payload";

/** One archive as it is shown; a split one counts once. */
export interface ShownArchive {
  /** Name with the server's ending; of a split archive the one with the metadata. */
  readonly name: string;
  /** Name as commands take it, for example `root.pxar`. */
  readonly shortName: string;
  readonly kind: ArchiveKind;
  readonly size: number | undefined;
  readonly cryptMode: string;
}

/** The archives of a snapshot, what people look for first; the manifest and what it implies are left out. */
export function archiveList(files: readonly SnapshotFile[]): readonly ShownArchive[] {
  const sizes = new Map(files.map((file) => [file.filename, file.size]));
  return files
    .filter(({ filename }) => !/^index\.json\.blob$|\.ppxar\.didx$/.test(filename))
    .map((file): ShownArchive => {
      const { filename } = file;
      const payload = sizes.get(filename.replace(/\.mpxar\.didx$/, ".ppxar.didx"));
      const isSplit = filename.endsWith(".mpxar.didx");
      const size = isSplit ? (file.size ?? 0) + (payload ?? 0) : file.size;
      return {
        name: filename,
        shortName: filename.replace(/\.(didx|fidx|blob)$/, "").replace(/\.mpxar$/, ".pxar"),
        kind: kindOf(filename),
        size,
        cryptMode: file["crypt-mode"] ?? "none",
      };
    })
    .sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
}

function kindOf(filename: string): ArchiveKind {
  if (/\.m?pxar\.didx$/.test(filename)) return "tree";
  if (filename === "catalog.pcat1.didx") return "catalog";
  if (filename.endsWith(".fidx")) return "image";
  return filename.endsWith(".blob") ? "blob" : "payload";
}

function rank({ kind }: ShownArchive): number {
  return ["tree", "image", "blob", "payload", "catalog"].indexOf(kind);
}
