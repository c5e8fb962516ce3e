import { ApiFailure } from "../api/api-call.ts";
import { archivedFileUrl, type CatalogItem, listFolder } from "../api/archive-api.ts";
import { type SnapshotPlace, snapshotName } from "../api/snapshot-place.ts";
import { saveFrom } from "../parts/save-from.ts";
import { type FolderSource } from "./folder-source.ts";

/** An archive that the server decodes; not for encrypted ones. Identities are the server's base64 paths. */
export function serverFolderSource(place: SnapshotPlace, archive: string): FolderSource {
  return {
    key: `server ${place.store} ${place.ns} ${snapshotName(place)} ${archive}`,
    folderEndings: { zip: "zip", tar: "tar.zst" },
    async list(id) {
      const items = await listFolder(place, archive, id);
      return items.map((item: CatalogItem) => ({
        id: item.filepath,
        name: item.text,
        type: item.type,
        ...(item.size === undefined ? {} : { size: item.size }),
        ...(item.mtime === undefined ? {} : { mtimeSec: item.mtime }),
      }));
    },
    async read(item, onProgress) {
      const url = archivedFileUrl(place, archive, { filepath: item.id, form: "file or zip" });
      const response = await fetch(url);
      if (!response.ok) throw new ApiFailure(response.status, await response.text());
      const blob = await response.blob();
      onProgress?.(blob.size);
      return blob;
    },
    async save(item, form) {
      const url = archivedFileUrl(place, archive, {
        filepath: item.id,
        form: form === "tar" ? "tar" : "file or zip",
      });
      saveFrom(url, form === "file" ? item.name : `${item.name}.${this.folderEndings[form]}`);
      await Promise.resolve();
    },
  };
}
