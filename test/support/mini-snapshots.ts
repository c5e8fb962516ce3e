import { readFile } from "node:fs/promises";

/** One archive of fixtures/datastore-mini, as its makers recorded it. */
export interface MiniArchive {
  readonly url: URL;
  readonly chunks: readonly { readonly digest: string; readonly end: number }[];
  readonly csum: string;
  readonly ctime: number;
  readonly uuid: string;
  /** Bytes and SHA-256 of the archive as a whole. */
  readonly size: number;
  readonly sha256: string;
}

/** One snapshot of fixtures/datastore-mini. */
export interface MiniSnapshot {
  readonly dir: string;
  readonly url: URL;
  readonly isEncrypted: boolean;
  readonly dynamic: MiniArchive;
  readonly fixed: MiniArchive;
  /** Plaintext of `index.json.blob`. */
  readonly manifestText: string;
}

interface ArchiveRecord extends Omit<MiniArchive, "url" | "size" | "sha256"> {
  readonly file: string;
  readonly stream_size?: number;
  readonly stream_sha256?: string;
  readonly image_size?: number;
  readonly image_sha256?: string;
}

const root = new URL("../../fixtures/datastore-mini/", import.meta.url);

/** Where the store of fixtures/datastore-mini lies. */
export const miniStore: URL = new URL("store/", root);

/** The snapshots of fixtures/datastore-mini: `golden-plain` and `golden-encrypted` (key bytes 00 to 1f). */
export async function miniSnapshots(): Promise<readonly MiniSnapshot[]> {
  const record = JSON.parse(await readFile(new URL("index.json", root), "utf8")) as {
    snapshots: {
      dir: string;
      dynamic: ArchiveRecord;
      fixed: ArchiveRecord;
      manifest_text: string;
    }[];
  };
  return record.snapshots.map(({ dir, dynamic, fixed, manifest_text: manifestText }) => {
    const url = new URL(`${dir}/`, miniStore);
    return {
      dir,
      url,
      isEncrypted: dir.includes("encrypted"),
      dynamic: archiveOf(dynamic, url),
      fixed: archiveOf(fixed, url),
      manifestText,
    };
  });
}

function archiveOf(archive: ArchiveRecord, folder: URL): MiniArchive {
  return {
    ...archive,
    url: new URL(archive.file, folder),
    size: archive.stream_size ?? archive.image_size ?? NaN,
    sha256: archive.stream_sha256 ?? archive.image_sha256 ?? "",
  };
}
