import { type StoredFile } from "../store/store-backend.ts";

/** Bytes read from a file at a time, unless somebody wants less. */
export const STORED_PIECE_BYTES: number = 512 * 1024;

/** The bytes of a stored file, `pieceBytes` at a time, read as they are pulled; the file stays open. */
export async function* storedPieces(
  file: StoredFile,
  { pieceBytes }: { readonly pieceBytes: number },
): AsyncGenerator<Uint8Array, void, void> {
  let offset = 0;
  while (offset < file.size) {
    const piece = await file.readAt(offset, Math.min(pieceBytes, file.size - offset));
    if (piece.length === 0) return;
    offset += piece.length;
    yield piece;
  }
}
