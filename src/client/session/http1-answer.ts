import { type Readable } from "node:stream";

import { abortOnAny, type JoinedSignal } from "../../chunks/abort-on-any.ts";
import { SessionError } from "./session-error.ts";

/** Longest head and error body of an answer in bytes; ours. */
const ANSWER_BYTES_MAX = 64 * 1024;

const HEAD_END = "\r\n\r\n";

/** Head of an answer; header names are in lower case, of repeated ones the last counts. */
export interface AnswerHead {
  readonly statusCode: number;
  readonly headers: ReadonlyMap<string, string>;
}

/**
 * Parses the head of an answer.
 *
 * @throws {SessionError} `SESSION_PROTOCOL` for anything that is not HTTP/1.
 */
export function parseAnswerHead(head: string): AnswerHead {
  const [first = "", ...lines] = head.split("\r\n");
  const status = /^HTTP\/1\.[01] ([1-5][0-9]{2})(?: |$)/.exec(first)?.[1];
  if (status === undefined) {
    const shown = JSON.stringify(first.slice(0, 80));
    throw new SessionError("SESSION_PROTOCOL", `Cannot read the server's answer: it is ${shown}`);
  }
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon > 0)
      headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  return { statusCode: Number(status), headers };
}

/**
 * Takes bytes off a stream until an HTTP/1.1 answer is whole, and gives back what it did not use.
 *
 * Made for the one answer after which a connection speaks another protocol: nothing is read beyond what has come.
 */
export class Http1AnswerReader implements Disposable {
  readonly #stream: Readable;
  readonly #stop: JoinedSignal;
  readonly #signal: AbortSignal | undefined;
  readonly #timeoutMs: number;
  #rest: Buffer = Buffer.alloc(0);

  constructor(
    stream: Readable,
    options: { readonly signal?: AbortSignal; readonly timeoutMs: number },
  ) {
    this.#stream = stream;
    this.#signal = options.signal;
    this.#timeoutMs = options.timeoutMs;
    this.#stop = abortOnAny([options.signal], { timeoutMs: options.timeoutMs });
  }

  /** Waits for the head: everything before the blank line. */
  async readHead(): Promise<string> {
    for (;;) {
      const end = this.#rest.indexOf(HEAD_END);
      if (end !== -1) {
        const head = this.#rest.toString("latin1", 0, end);
        this.#rest = this.#rest.subarray(end + HEAD_END.length);
        return head;
      }
      if (!(await this.#more())) {
        throw new SessionError("SESSION_LOST", "Cannot read the answer: the connection was closed");
      }
    }
  }

  /** Text of an error answer; as much as came when the connection ends early. */
  async readBody(headers: ReadonlyMap<string, string>): Promise<string> {
    if (headers.get("transfer-encoding")?.toLowerCase() === "chunked")
      return await this.#readChunked();
    const length = Number(headers.get("content-length") ?? ANSWER_BYTES_MAX);
    while (this.#rest.length < length && (await this.#more()));
    return this.#rest.toString("utf8", 0, Math.min(length, this.#rest.length));
  }

  /** Stops reading; unused bytes are back in the stream. */
  [Symbol.dispose](): void {
    this.#stop[Symbol.dispose]();
    if (this.#rest.length > 0 && !this.#stream.destroyed) this.#stream.unshift(this.#rest);
    this.#rest = Buffer.alloc(0);
  }

  async #readChunked(): Promise<string> {
    let text = "";
    for (;;) {
      const lineEnd = this.#rest.indexOf("\r\n");
      const size =
        lineEnd === -1 ? -1 : Number.parseInt(this.#rest.toString("latin1", 0, lineEnd), 16);
      if (size === 0 || Number.isNaN(size)) return text;
      if (size > 0 && this.#rest.length >= lineEnd + 2 + size + 2) {
        text += this.#rest.toString("utf8", lineEnd + 2, lineEnd + 2 + size);
        this.#rest = this.#rest.subarray(lineEnd + 2 + size + 2);
      } else if (!(await this.#more())) return text;
    }
  }

  /** Waits for more bytes; `false` when the peer has ended or the answer is too long. */
  async #more(): Promise<boolean> {
    if (this.#rest.length > ANSWER_BYTES_MAX) return false;
    const part = await this.#next();
    if (part === null) return false;
    this.#rest = Buffer.concat([this.#rest, part]);
    return true;
  }

  async #next(): Promise<Buffer | null> {
    const stream = this.#stream;
    for (;;) {
      if (this.#stop.signal.aborted) throw this.#stopReason();
      const part: unknown = stream.read();
      if (Buffer.isBuffer(part)) return part;
      if (stream.readableEnded || stream.destroyed) return null;
      await this.#readable();
    }
  }

  async #readable(): Promise<void> {
    const stream = this.#stream;
    const stop = this.#stop.signal;
    await new Promise<void>((resolve, reject) => {
      const settle = (): void => {
        for (const name of ["readable", "end", "close"]) stream.off(name, onProgress);
        stream.off("error", onError);
        stop.removeEventListener("abort", onProgress);
      };
      const onProgress = (): void => {
        settle();
        resolve();
      };
      const onError = (cause: Error): void => {
        settle();
        const message = "Cannot read the answer: the connection broke";
        reject(new SessionError("SESSION_LOST", message, { cause }));
      };
      for (const name of ["readable", "end", "close"]) stream.on(name, onProgress);
      stream.on("error", onError);
      stop.addEventListener("abort", onProgress);
    });
  }

  #stopReason(): unknown {
    if (this.#signal?.aborted === true) return this.#signal.reason;
    return new SessionError(
      "SESSION_TIMEOUT",
      `Cannot read the answer: none within ${this.#timeoutMs} ms`,
    );
  }
}
