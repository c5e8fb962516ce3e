import { type StoredFile } from "../store/store-backend.ts";
import { type PieceLoan } from "./piece-memory.ts";
import { SessionBytes } from "./session-router.ts";
import { storedBytes } from "./stored-bytes.ts";

/** Bytes that a chunk is sent by when there is no memory for all of it. */
const SMALL_PIECE_BYTES = 64 * 1024;

/**
 * The blob of a chunk as an answer.
 *
 * With memory it is read whole before any of it is sent, so that a disk that fails shows as an error and not as an answer
 * that breaks off. Without, it is read as it is sent.
 *
 * @param file Owned; closed when it has been read.
 * @param loan For as many bytes as the file has; whoever took it ends it when the answer is over.
 */
export async function chunkBytes(
  file: StoredFile,
  loan: PieceLoan | undefined,
): Promise<SessionBytes> {
  if (!loan) return storedBytes(file, { pieceBytes: SMALL_PIECE_BYTES });
  let size: number;
  try {
    size = await file.readInto(loan.pieces);
  } finally {
    // Nobody need wait for this: a file that was only read has nothing to lose.
    void file[Symbol.asyncDispose]().then(undefined, () => undefined);
  }
  return new SessionBytes(firstBytes(loan.pieces, size), { onSent: loan.giveBack });
}

/** The first `size` bytes of some pieces: a file may have become shorter since it was opened. */
function* firstBytes(
  pieces: readonly Uint8Array[],
  size: number,
): Generator<Uint8Array, void, void> {
  let rest = size;
  for (const piece of pieces) {
    if (rest <= 0) return;
    yield rest < piece.length ? piece.subarray(0, rest) : piece;
    rest -= piece.length;
  }
}
