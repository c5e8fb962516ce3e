import { type Http2ErrorName, http2ErrorNumbers } from "./http2-error.ts";

/** Bytes before each frame: its length (3), type, flags, stream (4), numbers in network order (RFC 9113 §4.1). */
export const FRAME_HEAD_BYTES = 9;

/** Longest payload that a peer may send unless it is told otherwise, which we do not (RFC 9113 §6.5.2). */
export const FRAME_BYTES_MAX = 16_384;

/** What a client sends first (RFC 9113 §3.4). */
export const CLIENT_PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/** Types of frames (RFC 9113 §6). */
export const frameTypes = {
  data: 0,
  headers: 1,
  priority: 2,
  resetStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** Flags; what a bit means depends on the type (RFC 9113 §6). */
export const frameFlags = {
  /** Of DATA and HEADERS: nothing follows on this stream. */
  endStream: 0x1,
  /** Of SETTINGS and PING. */
  acknowledge: 0x1,
  /** Of HEADERS and CONTINUATION: nothing of this block follows. */
  endHeaders: 0x4,
  /** Of DATA and HEADERS: the payload starts with the length of what is to be ignored at its end. */
  padded: 0x8,
  /** Of HEADERS: five bytes about priority come before the block. */
  priority: 0x20,
} as const;

/** Settings (RFC 9113 §6.5.2). */
export const settingNumbers = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
} as const;

/** A frame as it travels. */
export function encodeFrame(
  type: keyof typeof frameTypes,
  flags: number,
  streamId: number,
  payload: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const frame = new Uint8Array(FRAME_HEAD_BYTES + payload.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, payload.length << 8);
  view.setUint8(3, frameTypes[type]);
  view.setUint8(4, flags);
  view.setUint32(5, streamId);
  frame.set(payload, FRAME_HEAD_BYTES);
  return frame;
}

/** SETTINGS that change these. */
export function encodeSettings(
  settings: Partial<Record<keyof typeof settingNumbers, number>>,
): Uint8Array {
  const entries = Object.entries(settings);
  const payload = new DataView(new ArrayBuffer(6 * entries.length));
  for (const [i, [name, value]] of entries.entries()) {
    // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- the parameter has these keys only
    payload.setUint16(6 * i, settingNumbers[name as keyof typeof settingNumbers]);
    payload.setUint32(6 * i + 2, value);
  }
  return encodeFrame("settings", 0, 0, new Uint8Array(payload.buffer));
}

/** Lets the peer send so many bytes more, on one stream or (0) on the connection. */
export function encodeWindowUpdate(streamId: number, bytes: number): Uint8Array {
  return encodeFrame("windowUpdate", 0, streamId, bytesOf(bytes));
}

/** Ends one stream. */
export function encodeReset(streamId: number, reason: Http2ErrorName): Uint8Array {
  return encodeFrame("resetStream", 0, streamId, bytesOf(http2ErrorNumbers[reason]));
}

/** Says that nothing more will be understood or asked; the peer has opened no stream, so none is named. */
export function encodeGoAway(reason: Http2ErrorName): Uint8Array {
  return encodeFrame("goAway", 0, 0, bytesOf(0, http2ErrorNumbers[reason]));
}

function bytesOf(...numbers: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * numbers.length));
  for (const [i, number] of numbers.entries()) view.setUint32(4 * i, number);
  return new Uint8Array(view.buffer);
}
