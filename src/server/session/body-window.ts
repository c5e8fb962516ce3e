import { type ServerHttp2Session } from "node:http2";

import { type AdjustableWindow } from "./receive-windows.ts";

/**
 * Changes the receive window that the settings of a session give to every stream.
 *
 * In HTTP/2 a window that is made smaller may become negative; the client then sends nothing of that body until enough was
 * taken (RFC 9113 §6.9.2). Settings go out one at a time, each when the one before was acknowledged: Node ends sessions with too
 * many unacknowledged ones. They never go out while nghttp2 hands out received data (docs/decisions/0006-http2-beside-fastify.md).
 *
 * @param session Whose first settings say `initialBytes`.
 */
export function bodyWindow(session: ServerHttp2Session, initialBytes: number): AdjustableWindow {
  let wanted = initialBytes;
  let sent = initialBytes;
  const send = (): void => {
    if (session.destroyed || session.closed || session.pendingSettingsAck) return;
    if (wanted === sent) return;
    sent = wanted;
    session.settings({ initialWindowSize: wanted });
  };
  session.on("localSettings", () => {
    setImmediate(send);
  });
  return {
    want: (bytes) => {
      wanted = bytes;
      setImmediate(send);
    },
  };
}
