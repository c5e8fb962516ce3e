import { type Http2Frame } from "./frame-reader.ts";
import { Http2Error } from "./http2-error.ts";

/**
 * Holds a frame against where its type may stand, and how long it is (RFC 9113 §6).
 *
 * @param bytes Length of its payload, if that is always the same.
 * @throws {Http2Error}
 */
export function checkPlace(
  { type, streamId, payload }: Http2Frame,
  where: "connection" | "stream" | "anywhere",
  bytes: number | undefined,
): void {
  if (bytes !== undefined && payload.length !== bytes) {
    const detail = `a frame of type ${type} with ${payload.length} bytes`;
    throw new Http2Error("FRAME_SIZE_ERROR", detail);
  }
  if (where !== "anywhere" && (streamId === 0) !== (where === "connection")) {
    throw new Http2Error("PROTOCOL_ERROR", `a frame of type ${type} for stream ${streamId}`);
  }
}
