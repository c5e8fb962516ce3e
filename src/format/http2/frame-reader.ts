import { FRAME_BYTES_MAX, FRAME_HEAD_BYTES, frameFlags, frameTypes } from "./frames.ts";
import { Http2Error } from "./http2-error.ts";

/** A frame other than DATA. */
export interface Http2Frame {
  readonly type: number;
  readonly flags: number;
  /** 0 for the connection. */
  readonly streamId: number;
  /** Borrowed: valid until the next byte is read. */
  readonly payload: Uint8Array;
}

/** Who is told about what comes. */
export interface FrameListener {
  /** A piece of a body, borrowed from what was read. */
  onBody(streamId: number, piece: Uint8Array): void;
  /** A frame of a body is over: so many bytes of the windows are used up, padding included. */
  onBodyFrame(streamId: number, windowBytes: number, isLast: boolean): void;
  /** Any other frame. */
  onFrame(frame: Http2Frame): void;
}

/**
 * Takes frames out of bytes that come in pieces of any length (RFC 9113 §4).
 *
 * Bodies are passed on as they come, of other frames at most {@link FRAME_BYTES_MAX} bytes are kept.
 */
export class FrameReader {
  readonly #listener: FrameListener;
  readonly #head = new DataView(new ArrayBuffer(FRAME_HEAD_BYTES));
  #headBytes = 0;
  readonly #payload = new Uint8Array(FRAME_BYTES_MAX);
  #length = 0;
  /** Bytes of the payload that have come. */
  #filled = 0;
  #type = 0;
  #flags = 0;
  #streamId = 0;
  /** Bytes at the end of a body's frame that are not of the body. */
  #paddingBytes = 0;

  /** Starts before a frame. */
  constructor(listener: FrameListener) {
    this.#listener = listener;
  }

  /**
   * Reads on.
   *
   * @param bytes Borrowed.
   * @throws {Http2Error} and whatever the listener throws; nothing can be read afterwards.
   */
  read(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#headBytes < FRAME_HEAD_BYTES) {
        this.#head.setUint8(this.#headBytes++, bytes[at++] ?? 0);
        if (this.#headBytes === FRAME_HEAD_BYTES) this.#begin();
      } else {
        const end = Math.min(bytes.length, at + this.#length - this.#filled);
        const part = bytes.subarray(at, end);
        if (this.#type === frameTypes.data) this.#passOn(part);
        else this.#payload.set(part, this.#filled);
        this.#filled += part.length;
        at = end;
      }
      if (this.#headBytes === FRAME_HEAD_BYTES && this.#filled === this.#length) this.#end();
    }
  }

  #begin(): void {
    const head = this.#head;
    this.#length = head.getUint32(0) >>> 8;
    this.#type = head.getUint8(3);
    this.#flags = head.getUint8(4);
    this.#streamId = head.getUint32(5) & 0x7fff_ffff;
    this.#filled = 0;
    this.#paddingBytes = 0;
    if (this.#length > FRAME_BYTES_MAX) {
      throw new Http2Error("FRAME_SIZE_ERROR", `a frame of ${this.#length} bytes`);
    }
    if (this.#isPaddedData && this.#length === 0) {
      throw new Http2Error("FRAME_SIZE_ERROR", "a padded frame without a length of its padding");
    }
  }

  get #isPaddedData(): boolean {
    return this.#type === frameTypes.data && (this.#flags & frameFlags.padded) !== 0;
  }

  /** Tells of the part of a DATA frame's payload that belongs to the body. */
  #passOn(part: Uint8Array): void {
    let start = 0;
    if (this.#isPaddedData && this.#filled === 0) {
      this.#paddingBytes = part[0] ?? 0;
      if (this.#paddingBytes >= this.#length) {
        throw new Http2Error("PROTOCOL_ERROR", "padding that is longer than its frame");
      }
      start = 1;
    }
    const bodyBytesLeft = this.#length - this.#paddingBytes - this.#filled;
    const end = Math.min(part.length, bodyBytesLeft);
    if (end > start) this.#listener.onBody(this.#streamId, part.subarray(start, end));
  }

  #end(): void {
    this.#headBytes = 0;
    const [type, flags, streamId] = [this.#type, this.#flags, this.#streamId];
    if (type === frameTypes.data) {
      this.#listener.onBodyFrame(streamId, this.#length, (flags & frameFlags.endStream) !== 0);
    } else {
      const payload = this.#payload.subarray(0, this.#length);
      this.#listener.onFrame({ type, flags, streamId, payload });
    }
  }
}
