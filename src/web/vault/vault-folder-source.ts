import { type SnapshotPlace, snapshotName } from "../api/snapshot-place.ts";
import { saveStream } from "../parts/save-stream.ts";
import { type FolderItem, type FolderSource } from "../snapshot/folder-source.ts";
import { tarOfFolder } from "./tar-of-folder.ts";
import { askVault } from "./vault.ts";
import { type ArchivePlaceOfVault } from "./vault-messages.ts";
import { type SavedFolder } from "./walk-saved-folder.ts";
import { zipOfFolder } from "./zip-of-folder.ts";

/** Bytes asked of the worker at a time. */
const PIECE_BYTES = 4 * 1024 * 1024;

/** An archive that is decrypted, decompressed and proven in this page. */
export function vaultFolderSource(snapshot: SnapshotPlace, archive: string): FolderSource {
  const place = { snapshot, archive };
  return {
    key: `vault ${snapshot.store} ${snapshot.ns} ${snapshotName(snapshot)} ${archive}`,
    folderEndings: { zip: "zip", tar: "tar" },
    list: async (id) => await askVault("list", { ...place, id }),
    async read(item, onProgress) {
      const pieces: Uint8Array<ArrayBuffer>[] = [];
      let done = 0;
      for await (const piece of filePieces(place, item)) {
        pieces.push(piece);
        done += piece.length;
        onProgress?.(done);
      }
      return new Blob(pieces);
    },
    async save(item, form) {
      if (form === "file") await saveStream(filePieces(place, item), item.name, item.size);
      else {
        const folder: SavedFolder = {
          id: item.id,
          describe: async (id) => await askVault("describe", { ...place, id }),
          contentOf: (file) => filePieces(place, file),
        };
        const pieces = form === "zip" ? zipOfFolder(folder) : tarOfFolder(folder);
        await saveStream(pieces, `${item.name}.${this.folderEndings[form]}`, undefined);
      }
    },
  };
}

/** Content of a file, piece by piece; of a hard link, whose size is not known, until there is no more. */
export async function* filePieces(
  place: ArchivePlaceOfVault,
  { id }: Pick<FolderItem, "id">,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  for (let offset = 0; ;) {
    const piece = await askVault("read", { ...place, id, offset, size: PIECE_BYTES });
    if (piece.length > 0) yield Uint8Array.from(piece);
    offset += piece.length;
    if (piece.length < PIECE_BYTES) return;
  }
}

/** Content of a whole archive or small file, piece by piece. */
export async function* wholePieces(
  place: ArchivePlaceOfVault,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  yield* rangePieces(place, { offset: 0, size: await askVault("sizeOf", place) });
}

/** A part of a whole archive, piece by piece; what lies behind its end is not there. */
export async function* rangePieces(
  place: ArchivePlaceOfVault,
  part: { readonly offset: number; readonly size: number },
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  const end = Math.min(part.offset + part.size, await askVault("sizeOf", place));
  for (let offset = part.offset; offset < end; offset += PIECE_BYTES) {
    const size = Math.min(PIECE_BYTES, end - offset);
    yield Uint8Array.from(await askVault("readWhole", { ...place, offset, size }));
  }
}
