/** One name in a folder of an archive. */
export interface FolderItem {
  /** Identity below the archive that the source understands. */
  readonly id: string;
  /** As it is shown; bytes that are no UTF-8 are replaced. */
  readonly name: string;
  /** Letter of its type: `d` folder, `f` file, `l` symbolic link, `h` hard link, and so on. */
  readonly type: string;
  readonly size?: number;
  readonly mtimeSec?: number;
}

/**
 * An archive that can be opened as a folder, wherever its content is decoded: at the server or in this page.
 *
 * Paths are the identities of items, one after another; the root is the empty list.
 */
export interface FolderSource {
  /** For keys of queries: the same for the same archive. */
  readonly key: string;
  /** Entries of a folder, in the archive's order. */
  list(id: string): Promise<readonly FolderItem[]>;
  /** Bytes of a file. */
  read(item: FolderItem, onProgress?: (bytes: number) => void): Promise<Blob>;
  /** Saves a file, or a folder as one file. */
  save(item: FolderItem, form: SaveForm): Promise<void>;
  /** Endings that the names of saved folders get, which also say what they are: `tar.zst` is a compressed tar file. */
  readonly folderEndings: Readonly<Record<FolderForm, string>>;
}

/** In which form something is saved: a file as it is, a folder as one file. */
export type SaveForm = "file" | FolderForm;

/** Forms in which a folder can be saved, in the order in which they are offered. */
export const folderForms = ["zip", "tar"] as const;

/** A form in which a folder can be saved. */
export type FolderForm = (typeof folderForms)[number];
