import { type StoredFile } from "../store/store-backend.ts";

/** Bytes read from a file at a time. */
const PIECE_BYTES = 512 * 1024;

/** The bytes of a stored file, read as they are pulled; the file stays open. */
export async function* storedPieces(file: StoredFile): AsyncGenerator<Uint8Array, void, void> {
  let offset = 0;
  while (offset < file.size) {
    const piece = await file.readAt(offset, Math.min(PIECE_BYTES, file.size - offset));
    if (piece.length === 0) return;
    offset += piece.length;
    yield piece;
  }
}
