import { type Readable } from "node:stream";

import { refused } from "../http/api-error.ts";

/**
 * Milliseconds without a byte after which an upload is given up.
 *
 * Sessions may pause as long as they like, but not in the middle of a body: it holds memory that others wait for.
 */
const STALL_MS = 120_000;

/** What a body is read into. */
export interface BodyTarget {
  /** As long as was announced. */
  readonly bytes: Uint8Array;
  readonly texts: LengthTexts;
  /** Told of bytes as they come. */
  readonly onReceived: (size: number) => void;
}

/** Texts for bodies that are not as long as announced. */
export interface LengthTexts {
  /** Text when the body is longer. */
  readonly tooLong: (announced: number) => string;
  /** Text when the body ends early. */
  readonly tooShort: (announced: number, received: number) => string;
}

/**
 * Reads a body of exactly the announced length.
 *
 * Bytes are copied as they come, so the connection's flow control sees them as taken; a client that is not asked
 * (because nobody reads) has to wait.
 *
 * @throws {ApiError} `API_REFUSED` as soon as the body is longer, when it ends early, or when nothing comes any more.
 */
export async function readExactly(
  stream: Readable,
  { bytes, texts, onReceived }: BodyTarget,
): Promise<void> {
  const target = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let size = 0;
  await new Promise<void>((resolve, reject) => {
    const stall = setTimeout(() => {
      settle(refused("upload stalled"));
    }, STALL_MS);
    const settle = (error?: Error): void => {
      clearTimeout(stall);
      stream.off("data", onData);
      stream.off("end", onEnd);
      stream.off("error", onError);
      stream.off("aborted", onClose);
      stream.off("close", onClose);
      if (error) reject(error);
      else resolve();
    };
    const onData = (part: Uint8Array): void => {
      if (size + part.length > target.length) {
        stream.pause();
        settle(refused(texts.tooLong(target.length)));
        return;
      }
      // Not `set`: into shared memory that copies byte by byte where source and target are not aligned alike.
      if (part.length > 0) target.fill(part, size, size + part.length);
      size += part.length;
      onReceived(part.length);
      stall.refresh();
    };
    const onEnd = (): void => {
      settle(size === target.length ? undefined : refused(texts.tooShort(target.length, size)));
    };
    const onError = (error: Error): void => {
      settle(refused("connection closed", { cause: error }));
    };
    const onClose = (): void => {
      settle(refused("connection closed"));
    };
    if (stream.destroyed) {
      onClose();
      return;
    }
    stream.on("data", onData);
    stream.on("end", onEnd);
    stream.on("error", onError);
    stream.on("aborted", onClose);
    stream.on("close", onClose);
  });
}

/** Texts of chunk uploads (spec backup-protocol.md §4.3). */
export const chunkLengthTexts: LengthTexts = {
  tooLong: () => "uploaded chunk is larger than announced.",
  tooShort: () => "uploaded chunk has unexpected size.",
};

/** Texts of blob uploads (spec backup-protocol.md §4.8). */
export const blobLengthTexts: LengthTexts = {
  tooLong: (announced) => `got blob with unexpected length (> ${announced})`,
  tooShort: (announced, received) =>
    `got blob with unexpected length (${received} != ${announced})`,
};
