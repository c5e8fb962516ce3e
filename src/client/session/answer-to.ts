import { setMaxListeners } from "node:events";

import { type AllocateAnswer, AnswerCollector, type AnswerHead } from "./answer-collector.ts";
import { AnswerDeadline } from "./answer-deadline.ts";
import { ApiError } from "./api-error.ts";
import { SessionError } from "./session-error.ts";

/** What every request inside a session has. */
export interface ReadRequest {
  /** Path without query, for example `/chunk`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, QueryValue>>;
  /** Longest answer accepted, in bytes. */
  readonly answerBytesMax: number;
  /**
   * Offers memory for an answer with status 200, at most once, when its first bytes are here; gets its length if the server
   * has told. An answer that does not fit comes in other memory. Nothing is written once the request has settled.
   */
  readonly allocate?: AllocateAnswer | undefined;
  /** Milliseconds without progress, from asking on, before its turn to be sent has come; see `AnswerDeadline`. Without it there is no limit. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Value of one query parameter; a list is the parameter once for each of its values. */
export type QueryValue = string | number | boolean | readonly string[];

/** Renders path and query, percent-encoded (spec auth.md §8.2). */
export function renderPath({ path, query }: Pick<ReadRequest, "path" | "query">): string {
  const text = query === undefined ? "" : renderQuery(query);
  return text === "" ? path : `${path}?${text}`;
}

/** Renders query parameters, percent-encoded (spec auth.md §8.2). */
export function renderQuery(query: Readonly<Record<string, QueryValue>>): string {
  return Object.entries(query)
    .flatMap(([name, value]) =>
      (typeof value === "object" ? value : [String(value)]).map(
        (one) => `${encodeURIComponent(name)}=${encodeURIComponent(one)}`,
      ),
    )
    .join("&");
}

/** What a connection tells about the answer to one request. */
export interface AnswerListener {
  onHead(head: AnswerHead): void;
  /** Borrowed. */
  onBody(piece: Uint8Array): void;
  /** The answer is over; whether all of it came is found out here, unless the connection knows that it did not. */
  onEnd(isCutOff: boolean): void;
  /** There will be no (more of an) answer. */
  onLost(cause?: Error): void;
}

/** What a request has to know of its connection. */
export interface AnswerLine {
  /** The error when there is no answer. */
  readonly lost: (cause?: Error) => SessionError;
  /** Bytes that have come for whatever request. */
  readonly receivedBytes: () => number;
}

/**
 * Makes one request and gathers its answer.
 *
 * What is thrown while the answer is gathered, by `allocate` or for lack of memory, fails this request alone: the caller is a socket's
 * callback, where it would end the process.
 *
 * @param send Sends the request and tells the listener; returns how to take the request back, which is called at most once and may be called
 *   after the answer is over.
 * @returns Body of an answer with status 200: in the memory that was allocated, or owned.
 * @throws {ApiError} for any other status; {@link SessionError} `SESSION_LOST`, `SESSION_TIMEOUT`, `SESSION_PROTOCOL` for an
 *   answer that is too long; the signal's reason when aborted.
 */
export async function answerTo(
  request: ReadRequest,
  send: (listener: AnswerListener) => () => void,
  { lost, receivedBytes }: AnswerLine,
): Promise<Uint8Array> {
  const { signal, timeoutMs, path, answerBytesMax, allocate } = request;
  signal?.throwIfAborted();
  if (signal) setMaxListeners(0, signal); // One a request; Node.js takes more than ten for a leak.
  return await new Promise<Uint8Array>((resolve, reject) => {
    const answer = new AnswerCollector(answerBytesMax, allocate);
    let deadline: AnswerDeadline | undefined;
    let takeBack = (): void => undefined;
    let isSettled = false;
    const settle = (outcome: () => void): void => {
      if (isSettled) return;
      isSettled = true;
      deadline?.[Symbol.dispose]();
      signal?.removeEventListener("abort", onAbort);
      try {
        outcome();
      } catch (error) {
        reject(asError(error));
      }
    };
    const fail = (error: unknown): void => {
      settle(() => {
        reject(asError(error));
        takeBack();
      });
    };
    const onAbort = (): void => {
      fail(signal?.reason);
    };
    if (timeoutMs !== undefined) {
      const onOver = (): void => {
        const message = `Cannot get ${path}: no answer within ${timeoutMs} ms`;
        fail(new SessionError("SESSION_TIMEOUT", message));
      };
      deadline = new AnswerDeadline({ timeoutMs, receivedBytes, onOver });
    }
    signal?.addEventListener("abort", onAbort, { once: true });
    takeBack = send({
      onHead: (head) => {
        if (isSettled) return;
        try {
          answer.start(head);
        } catch (error) {
          fail(error);
        }
      },
      onBody: (piece) => {
        if (isSettled) return; // The memory may belong to others by now.
        deadline?.progress(piece.length);
        try {
          if (answer.add(piece)) return;
        } catch (error) {
          fail(error);
          return;
        }
        const message = `Cannot get ${path}: the answer is longer than ${answerBytesMax} bytes`;
        fail(new SessionError("SESSION_PROTOCOL", message));
      },
      onEnd: (isCutOff) => {
        settle(() => {
          const { statusCode } = answer;
          if (statusCode === undefined || isCutOff || !answer.isWhole()) reject(lost());
          else if (statusCode === 200) resolve(answer.bytes());
          else reject(new ApiError(statusCode, answer.text()));
        });
      },
      onLost: (cause) => {
        fail(lost(cause));
      },
    });
  });
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
