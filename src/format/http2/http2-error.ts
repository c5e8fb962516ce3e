import { FormatError } from "../format-error.ts";

/** Why a connection has to end, as the peer is told in GOAWAY (RFC 9113 §7). */
export const http2ErrorNumbers = {
  NO_ERROR: 0,
  PROTOCOL_ERROR: 1,
  FLOW_CONTROL_ERROR: 3,
  STREAM_CLOSED: 5,
  FRAME_SIZE_ERROR: 6,
  CANCEL: 8,
  COMPRESSION_ERROR: 9,
  ENHANCE_YOUR_CALM: 11,
} as const;

/** Name of a reason. */
export type Http2ErrorName = keyof typeof http2ErrorNumbers;

/** Thrown for bytes that break the rules of HTTP/2; nothing that comes on the connection afterwards can be understood. */
export class Http2Error extends FormatError {
  readonly reason: Http2ErrorName;

  /** Says which rule, by its name, and what was seen. */
  constructor(reason: Http2ErrorName, detail: string) {
    super("FORMAT_INVALID", "the server's HTTP/2", `${reason}: ${detail}`);
    this.reason = reason;
  }
}
