import { apiGet, apiPath, apiUrl } from "./api-call.ts";
import { type SnapshotPlace, snapshotParameters } from "./snapshot-place.ts";

/** One name in an archive as the server lists it. */
export interface CatalogItem {
  /** Base64 of the path, the archive first. */
  readonly filepath: string;
  readonly text: string;
  readonly type: string;
  readonly leaf: boolean;
  readonly size?: number;
  readonly mtime?: number;
}

/** Entries of one folder of an archive; of its root for an empty path. */
export async function listFolder(
  place: SnapshotPlace,
  archive: string,
  filepath: string,
): Promise<readonly CatalogItem[]> {
  return await apiGet<readonly CatalogItem[]>(apiPath`/admin/datastore/${place.store}/catalog`, {
    ...snapshotParameters(place),
    "archive-name": archive,
    filepath: filepath === "" ? "/" : filepath,
  });
}

/** Address of a file of an archive, or of a folder as zip or tar. */
export function archivedFileUrl(
  place: SnapshotPlace,
  archive: string,
  { filepath, form }: { readonly filepath: string; readonly form: "file or zip" | "tar" },
): string {
  return apiUrl(apiPath`/admin/datastore/${place.store}/pxar-file-download`, {
    ...snapshotParameters(place),
    "archive-name": archive,
    filepath,
    ...(form === "tar" ? { tar: true } : {}),
  });
}
