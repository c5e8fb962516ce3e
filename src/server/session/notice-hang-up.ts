import { type ServerHttp2Session } from "node:http2";

import { socketReading } from "./socket-reading.ts";

/** Milliseconds between two looks: what a client that broke the rules of HTTP/2 occupies stays so for as long. */
const LOOK_EVERY_MS = 30_000;

/**
 * Sees to it that a session notices when its client has gone, until disposed.
 *
 * When a client breaks the rules of HTTP/2, nghttp2 sends a GOAWAY and wants to read no more. Node.js 20 then stops
 * reading the socket without telling anybody, and so never sees the end of the connection: the session, its locks and its
 * task would stay for ever. Reading goes on here; what still comes is thrown away by nghttp2.
 */
export function noticeHangUp(session: ServerHttp2Session, everyMs = LOOK_EVERY_MS): Disposable {
  const reading = socketReading(session);
  const timer = setInterval(() => {
    reading.start();
  }, everyMs);
  timer.unref();
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer);
    },
  };
}
