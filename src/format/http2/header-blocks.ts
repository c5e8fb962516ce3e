import { joinedBytes } from "../bytes/joined-bytes.ts";
import { type Http2Frame } from "./frame-reader.ts";
import { frameFlags, frameTypes } from "./frames.ts";
import { HeaderDecoder } from "./header-decoder.ts";
import { Http2Error } from "./http2-error.ts";

/** Longest header block, and most frames that one may come in; ours. */
const BLOCK_BYTES_MAX = 64 * 1024;
const BLOCK_FRAMES_MAX = 16;

/** Bytes about priority that may stand before a block (RFC 9113 §6.2). */
const PRIORITY_BYTES = 5;

/** The headers that came on a stream. */
export interface HeaderBlock {
  readonly headers: ReadonlyMap<string, string>;
  /** Whether nothing follows on the stream. */
  readonly isLast: boolean;
}

/** Puts header blocks together from their frames and decodes them (RFC 9113 §4.3, §6.2, §6.10). */
export class HeaderBlocks {
  readonly #decoder = new HeaderDecoder();
  #streamId = 0;
  #isLast = false;
  #parts: Uint8Array[] | undefined;

  /** Whether a block has begun, so that its next frame has to come now. */
  get isOpen(): boolean {
    return this.#parts !== undefined;
  }

  /**
   * Takes a frame of type HEADERS or CONTINUATION; gives the headers with the last of a block.
   *
   * @throws {Http2Error}
   */
  take(frame: Http2Frame): HeaderBlock | undefined {
    const parts = frame.type === frameTypes.headers ? this.#begin(frame) : this.#goOn(frame);
    const bytes = parts.reduce((sum, part) => sum + part.length, 0);
    if (parts.length > BLOCK_FRAMES_MAX || bytes > BLOCK_BYTES_MAX) {
      throw new Http2Error("ENHANCE_YOUR_CALM", "a head that is too long");
    }
    if ((frame.flags & frameFlags.endHeaders) === 0) return undefined;
    this.#parts = undefined;
    return { headers: this.#decoder.decode(joinedBytes(parts)), isLast: this.#isLast };
  }

  #begin({ streamId, flags, payload }: Http2Frame): Uint8Array[] {
    this.#streamId = streamId;
    this.#isLast = (flags & frameFlags.endStream) !== 0;
    const isPadded = (flags & frameFlags.padded) !== 0;
    const priorityBytes = (flags & frameFlags.priority) === 0 ? 0 : PRIORITY_BYTES;
    const start = (isPadded ? 1 : 0) + priorityBytes;
    const end = payload.length - (isPadded ? (payload[0] ?? 0) : 0);
    if (start > end) throw new Http2Error("PROTOCOL_ERROR", "a head with more around than inside");
    this.#parts = [payload.slice(start, end)];
    return this.#parts;
  }

  #goOn({ streamId, payload }: Http2Frame): Uint8Array[] {
    if (!this.#parts || streamId !== this.#streamId) {
      throw new Http2Error("PROTOCOL_ERROR", "a continuation of nothing");
    }
    this.#parts.push(payload.slice());
    return this.#parts;
  }
}
