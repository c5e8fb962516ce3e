import { type Http2Session } from "node:http2";

import { socketReading } from "./socket-reading.ts";

/** Milliseconds between two looks: what a peer that broke the rules of HTTP/2 occupies stays so for as long. */
export const LOOK_EVERY_MS = 10_000;

/**
 * Sees to it that a session notices when its peer has gone, until disposed.
 *
 * When a peer breaks the rules of HTTP/2, nghttp2 sends a GOAWAY and wants to read no more. Node.js 20 then stops
 * reading the socket without telling anybody, and so never sees the end of the connection: on a server the session, its
 * locks and its task would stay for ever, a client would wait for ever. Reading goes on here; what still comes is thrown
 * away by nghttp2. The timer keeps the process alive: a socket that is not read does not, and a client would end in the
 * middle of its work without a word.
 */
export function noticeHangUp(session: Http2Session, everyMs: number): Disposable {
  const reading = socketReading(session);
  const timer = setInterval(() => {
    reading.start();
  }, everyMs);
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer);
    },
  };
}
