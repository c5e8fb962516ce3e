import { SourceError } from "../source/source-error.ts";
import { openContent } from "./open-content.ts";

/** Longest `.conf` or `.log` in bytes (spec client-cli.md §2.1). */
const SMALL_FILE_BYTES_MAX = 16 * 1024 * 1024;

/**
 * Reads all of a file or pipe that is to become a blob; owned.
 *
 * @throws {SourceError} `SOURCE_UNREADABLE`, also for one that is too long.
 */
export async function readSmallFile(path: string, signal: AbortSignal): Promise<Uint8Array> {
  await using content = await openContent(path);
  const { input } =
    content.kind === "stream"
      ? content
      : { input: content.file.createReadStream({ start: 0, autoClose: false }) };
  const onAbort = (): void => {
    input.destroy(signal.reason instanceof Error ? signal.reason : new Error("aborted"));
  };
  signal.addEventListener("abort", onAbort);
  try {
    signal.throwIfAborted();
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const piece of input) {
      if (!(piece instanceof Uint8Array)) throw new TypeError("the input has an encoding set");
      size += piece.length;
      if (size > SMALL_FILE_BYTES_MAX) {
        throw new Error(`it is longer than ${SMALL_FILE_BYTES_MAX} bytes; an .img may be`);
      }
      pieces.push(piece);
    }
    return Buffer.concat(pieces);
  } catch (cause) {
    signal.throwIfAborted();
    throw new SourceError("SOURCE_UNREADABLE", path, { cause });
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
