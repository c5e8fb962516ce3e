import { type BlobSource, type ReadBlobOptions } from "../../chunks/blob-source.ts";
import { ChunkError } from "../../chunks/chunk-error.ts";
import { type Digest } from "../../format/chunk/digest.ts";
import { BLOB_UPLOAD_BYTES_MAX } from "../../format/limits.ts";
import { ApiError } from "./api-error.ts";
import { type ReaderSession } from "./reader-session.ts";
import { SessionError } from "./session-error.ts";

/**
 * The chunks of a snapshot as its server stores them.
 *
 * Only chunks of an index that the session has downloaded can be read. A lost connection is waited for as the session's
 * policy says; then reads fail with `CHUNK_UNREADABLE`. Only status 404 is `CHUNK_MISSING`: servers answer 400 both for
 * missing and for unreadable chunks (spec reader-protocol.md §3.2), and a chunk must not be called missing on a guess.
 */
export class RemoteBlobSource implements BlobSource {
  readonly #session: ReaderSession;

  constructor(session: ReaderSession) {
    this.#session = session;
  }

  async readBlob(digest: Digest, { signal, allocate }: ReadBlobOptions = {}): Promise<Uint8Array> {
    try {
      return await this.#session.request({
        path: "/chunk",
        query: { digest },
        answerBytesMax: BLOB_UPLOAD_BYTES_MAX,
        ...(signal ? { signal } : {}),
        allocate,
      });
    } catch (cause) {
      if (cause instanceof ApiError) {
        const code = cause.code === "REFUSED_NOT_FOUND" ? "CHUNK_MISSING" : "CHUNK_UNREADABLE";
        throw new ChunkError(code, digest, { cause });
      }
      if (cause instanceof SessionError) {
        throw new ChunkError("CHUNK_UNREADABLE", digest, { cause });
      }
      throw cause;
    }
  }
}
