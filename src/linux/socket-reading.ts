import { type Http2Session } from "node:http2";

/** Stops and starts the reading of a socket. */
export interface SocketReading {
  stop(): void;
  start(): void;
}

/** The part of Node's stream handles that is used here: not documented, but the same since Node 0.10. */
interface StreamHandle {
  readStop?(): unknown;
  readStart?(): unknown;
}

/**
 * Stops and starts the reading of a session's socket.
 *
 * `node:http2` reads the socket in native code, where `pause()` does not reach. A Node whose sockets have no such handle
 * any more is not stopped, which costs latency and nothing else.
 */
export function socketReading(session: Http2Session): SocketReading {
  return {
    stop: () => {
      handleOf(session)?.readStop?.();
    },
    start: () => {
      handleOf(session)?.readStart?.();
    },
  };
}

/** `undefined` once the connection is closed. */
function handleOf(session: Http2Session): StreamHandle | undefined {
  if (session.destroyed) return undefined;
  // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- there is no documented way
  const { _handle: handle } = session.socket as unknown as { _handle?: StreamHandle | null };
  return handle ?? undefined;
}
