import { checkPlace } from "../../format/http2/check-place.ts";
import { HeaderBlocks } from "../../format/http2/header-blocks.ts";
import { FrameReader, type Http2Frame } from "../../format/http2/frame-reader.ts";
import {
  CLIENT_PREFACE,
  encodeFrame,
  encodeGoAway,
  encodeReset,
  encodeSettings,
  encodeWindowUpdate,
  FRAME_HEAD_BYTES,
  frameFlags,
  frameTypes,
  settingNumbers,
} from "../../format/http2/frames.ts";
import { HeaderEncoder } from "../../format/http2/header-encoder.ts";
import { Http2Error } from "../../format/http2/http2-error.ts";
import { type AnswerListener } from "./answer-to.ts";
import { CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES } from "./session-windows.ts";

/** What it is before anybody says something else (RFC 9113 §6.9.2). */
const INITIAL_WINDOW_BYTES = 65_535;

/** Bytes that came, on one stream or all, until the peer is told that it may send as many again. */
const WINDOW_STEP_BYTES = 4 * 1024 * 1024;

/** Requests under way until the peer has said how many it takes; what RFC 9113 §6.5.2 recommends as the least. */
const STREAMS_AT_FIRST = 100;

/** Numbers of streams end here (RFC 9113 §5.1.1). */
const STREAM_ID_MAX = 0x7fff_ffff;

/** Frames that wait to be sent above which a peer is not answered any more: it asks and does not listen. Each takes some KiB, however short. */
const WAITING_FRAMES_MAX = 4096;

/** What a {@link FrameConnection} needs. */
export interface FrameConnectionParts {
  /** Sends bytes and says how many wait to be sent. */
  readonly send: (bytes: Uint8Array) => number;
  /** Told once that nothing more can be asked or will come; the streams know it already. */
  readonly onEnd: () => void;
}

/** A request that was sent or waits for its turn. */
interface Stream {
  /** 0 as long as it waits. */
  id: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly listener: AnswerListener;
  hasHead: boolean;
  /** Bytes that came since the peer was last told. */
  windowBytes: number;
}

/**
 * The HTTP/2 of a client that only reads (RFC 9113): requests without a body, answers that are passed on as they come.
 *
 * What a peer sends is handed out at once and not kept, so a peer that sends more than the windows allow does no harm. What breaks the rules ends
 * the connection, with the reason in a GOAWAY.
 */
export class FrameConnection {
  readonly #parts: FrameConnectionParts;
  readonly #reader = new FrameReader({
    onBody: (streamId, piece) => {
      this.#onBody(streamId, piece);
    },
    onBodyFrame: (streamId, windowBytes, isLast) => {
      this.#onBodyFrame(streamId, windowBytes, isLast);
    },
    onFrame: (frame) => {
      if (!this.#isOver) this.#onFrame(frame);
    },
  });
  readonly #blocks = new HeaderBlocks();
  readonly #heads = new HeaderEncoder();
  readonly #streams = new Map<number, Stream>();
  readonly #waiting: Stream[] = [];
  readonly #pongs: (() => void)[] = [];
  #streamsMax = STREAMS_AT_FIRST;
  /** Sent since nothing else waited to be sent. */
  #framesSinceIdle = 0;
  #nextId = 1;
  #windowBytes = 0;
  #hasSettings = false;
  #isClosing = false;
  #isOver = false;

  /** Sends what a client says first. */
  constructor(parts: FrameConnectionParts) {
    this.#parts = parts;
    this.#send(new TextEncoder().encode(CLIENT_PREFACE));
    this.#send(encodeSettings({ enablePush: 0, initialWindowSize: STREAM_WINDOW_BYTES }));
    this.#send(encodeWindowUpdate(0, CONNECTION_WINDOW_BYTES - INITIAL_WINDOW_BYTES));
  }

  /** Whether requests can still be made. */
  get isOpen(): boolean {
    return !this.#isClosing && !this.#isOver && this.#nextId <= STREAM_ID_MAX;
  }

  /** Requests without a whole answer. */
  get openCount(): number {
    return this.#streams.size + this.#waiting.length;
  }

  /**
   * Makes a request.
   *
   * @param headers Names in lower case, pseudo-headers first.
   * @returns Takes it back; the listener hears no more. Does nothing when the answer is over.
   */
  request(headers: Readonly<Record<string, string>>, listener: AnswerListener): () => void {
    const stream: Stream = { id: 0, headers, listener, hasHead: false, windowBytes: 0 };
    if (this.isOpen) {
      this.#waiting.push(stream);
      this.#sendWaiting();
    } else listener.onLost();
    return () => {
      this.#takeBack(stream);
    };
  }

  /** Asks for a sign of life. */
  ping(onPong: () => void): void {
    this.#pongs.push(onPong);
    this.#send(encodeFrame("ping", 0, 0, new Uint8Array(8)));
  }

  /** Takes what came from the peer; borrowed. */
  receive(bytes: Uint8Array): void {
    if (this.#isOver) return;
    try {
      this.#reader.read(bytes);
    } catch (error) {
      if (!(error instanceof Http2Error)) throw error;
      this.#send(encodeGoAway(error.reason));
      this.end(error);
    }
  }

  /** Ends the conversation: all streams are lost. */
  end(cause?: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const lost = [...this.#streams.values(), ...this.#waiting];
    this.#streams.clear();
    this.#waiting.length = 0;
    for (const { listener } of lost) listener.onLost(cause);
    this.#parts.onEnd();
  }

  #send(bytes: Uint8Array): void {
    if (this.#isOver) return;
    const waitingBytes = this.#parts.send(bytes);
    this.#framesSinceIdle = waitingBytes > bytes.length ? this.#framesSinceIdle + 1 : 0;
    // Some of them may be gone by now, but not if so few bytes are left.
    const waitingMax = Math.min(this.#framesSinceIdle, waitingBytes / FRAME_HEAD_BYTES);
    if (waitingMax > WAITING_FRAMES_MAX) {
      this.end(new Error("the server asks and does not listen"));
    }
  }

  #sendWaiting(): void {
    while (this.isOpen && this.#streams.size < this.#streamsMax) {
      const stream = this.#waiting.shift();
      if (!stream) return;
      stream.id = this.#nextId;
      this.#nextId += 2;
      this.#streams.set(stream.id, stream);
      const flags = frameFlags.endStream | frameFlags.endHeaders;
      const head = this.#heads.encode(stream.headers);
      this.#send(encodeFrame("headers", flags, stream.id, head));
    }
  }

  #takeBack(stream: Stream): void {
    const place = this.#waiting.indexOf(stream);
    if (place >= 0) this.#waiting.splice(place, 1);
    if (this.#streams.get(stream.id) !== stream) return;
    this.#send(encodeReset(stream.id, "CANCEL"));
    this.#forget(stream);
  }

  #forget({ id }: Stream): void {
    this.#streams.delete(id);
    this.#sendWaiting();
    if (this.#isClosing && this.openCount === 0) this.end();
  }

  /** The stream with a number; `undefined` if it is over, which a peer need not know yet. */
  #streamOf(id: number, what: string): Stream | undefined {
    const isOpened = id % 2 === 1 && id < this.#nextId;
    if (!isOpened) throw new Http2Error("PROTOCOL_ERROR", `${what} for stream ${id}`);
    return this.#streams.get(id);
  }

  #onBody(streamId: number, piece: Uint8Array): void {
    if (this.#isOver) return;
    const stream = this.#streamOf(streamId, "a body");
    if (stream?.hasHead === false) {
      throw new Http2Error("PROTOCOL_ERROR", "a body without a head");
    }
    stream?.listener.onBody(piece);
  }

  #onBodyFrame(streamId: number, bytes: number, isLast: boolean): void {
    if (this.#isOver) return;
    this.#checkOrder(frameTypes.data);
    const stream = this.#streamOf(streamId, "a body");
    this.#windowBytes += bytes;
    if (this.#windowBytes >= WINDOW_STEP_BYTES) {
      this.#send(encodeWindowUpdate(0, this.#windowBytes));
      this.#windowBytes = 0;
    }
    if (!stream) return;
    stream.windowBytes += bytes;
    if (isLast) {
      this.#finish(stream);
    } else if (stream.windowBytes >= WINDOW_STEP_BYTES) {
      this.#send(encodeWindowUpdate(streamId, stream.windowBytes));
      stream.windowBytes = 0;
    }
  }

  #finish(stream: Stream): void {
    // Before the listener is told, which may ask for more at once.
    this.#streams.delete(stream.id);
    stream.listener.onEnd(false);
    this.#forget(stream);
  }

  /** Settings come first, and between the frames of one head nothing else. */
  #checkOrder(type: number): void {
    if (!this.#hasSettings && type !== frameTypes.settings) {
      throw new Http2Error("PROTOCOL_ERROR", "no settings at the start");
    }
    if (this.#blocks.isOpen && type !== frameTypes.continuation) {
      throw new Http2Error("PROTOCOL_ERROR", "something else in the middle of a head");
    }
  }

  #onFrame(frame: Http2Frame): void {
    const { type, flags, streamId, payload } = frame;
    this.#checkOrder(type);
    switch (type) {
      case frameTypes.headers:
      case frameTypes.continuation:
        this.#onHeaders(frame);
        break;
      case frameTypes.settings:
        this.#onSettings(frame);
        break;
      case frameTypes.ping:
        checkPlace(frame, "connection", 8);
        if ((flags & frameFlags.acknowledge) !== 0) this.#pongs.shift()?.();
        else this.#send(encodeFrame("ping", frameFlags.acknowledge, 0, payload));
        break;
      case frameTypes.resetStream: {
        checkPlace(frame, "stream", 4);
        const stream = this.#streamOf(streamId, "a reset");
        if (!stream) break;
        this.#streams.delete(streamId);
        stream.listener.onLost(new Error(`the server reset the stream (${numberAt(payload, 0)})`));
        this.#forget(stream);
        break;
      }
      case frameTypes.goAway:
        this.#onGoAway(frame);
        break;
      case frameTypes.windowUpdate:
        // Nothing is sent that has a window.
        checkPlace(frame, "anywhere", 4);
        break;
      case frameTypes.pushPromise:
        throw new Http2Error("PROTOCOL_ERROR", "a push, which was turned off");
      default:
        break;
    }
  }

  #onHeaders(frame: Http2Frame): void {
    const stream = this.#streamOf(frame.streamId, "a head");
    const block = this.#blocks.take(frame);
    if (!block) return;
    const status = block.headers.get(":status");
    if (!stream) return;
    if (stream.hasHead) {
      if (!block.isLast) throw new Http2Error("PROTOCOL_ERROR", "a second head");
    } else if (!isStatus(status) || (isInformational(status) && block.isLast)) {
      throw new Http2Error("PROTOCOL_ERROR", "a head without a status");
    } else if (!isInformational(status)) {
      stream.hasHead = true;
      stream.listener.onHead({ status, contentLength: block.headers.get("content-length") });
    }
    if (block.isLast && this.#streams.has(stream.id)) this.#finish(stream);
  }

  #onSettings(frame: Http2Frame): void {
    const { flags, payload } = frame;
    const isAnswer = (flags & frameFlags.acknowledge) !== 0;
    checkPlace(frame, "connection", isAnswer ? 0 : undefined);
    if (isAnswer) return;
    if (payload.length % 6 !== 0) {
      throw new Http2Error("FRAME_SIZE_ERROR", `settings of ${payload.length} bytes`);
    }
    if (!this.#hasSettings) this.#streamsMax = STREAM_ID_MAX;
    this.#hasSettings = true;
    for (let at = 0; at < payload.length; at += 6) {
      const number = (payload[at] ?? 0) * 256 + (payload[at + 1] ?? 0);
      const value = numberAt(payload, at + 2);
      if (number === settingNumbers.maxConcurrentStreams) this.#streamsMax = value;
      if (number === settingNumbers.headerTableSize) this.#heads.limitTable(value);
    }
    this.#send(encodeFrame("settings", frameFlags.acknowledge, 0));
    this.#sendWaiting();
  }

  /** Requests that the peer has not begun with are lost, the others go on. */
  #onGoAway(frame: Http2Frame): void {
    if (frame.payload.length < 8) throw new Http2Error("FRAME_SIZE_ERROR", "a short GOAWAY");
    checkPlace(frame, "connection", undefined);
    this.#isClosing = true;
    const lastId = numberAt(frame.payload, 0) & STREAM_ID_MAX;
    const cause = new Error(`the server said goodbye (${numberAt(frame.payload, 4)})`);
    const lost = [...this.#streams.values()].filter(({ id }) => id > lastId);
    for (const { id } of lost) this.#streams.delete(id);
    lost.push(...this.#waiting.splice(0));
    for (const { listener } of lost) listener.onLost(cause);
    if (this.openCount === 0) this.end(cause);
  }
}

/** Whether it is a status of the RFC: three digits; what would switch to another protocol there is not (RFC 9113 §8.6). */
function isStatus(status: string | undefined): status is string {
  return status !== undefined && /^[1-9][0-9]{2}$/.test(status) && status !== "101";
}

function isInformational(status: string): boolean {
  return status.startsWith("1");
}

function numberAt(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset + at, 4).getUint32(0);
}
