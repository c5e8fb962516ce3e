import { storedPieces } from "../http/stored-pieces.ts";
import { type StoredFile } from "../store/store-backend.ts";
import { SessionBytes } from "./session-router.ts";

/** A stored file as an answer, read as it is sent; it is closed when it was sent, or when nobody wants it any more. */
export function storedBytes(
  file: StoredFile,
  options: { readonly pieceBytes: number },
): SessionBytes {
  return new SessionBytes(storedPieces(file, options), {
    close: async () => {
      await file[Symbol.asyncDispose]();
    },
  });
}
