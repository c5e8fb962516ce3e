import { type Server } from "node:net";

import { bindLibc } from "./libc.ts";
import { lastSystemError } from "./system-error.ts";

/** fcntl.h, the same on every architecture. */
const F_DUPFD_CLOEXEC = 1030;

/** The part of Node's handles of listening sockets that is used here: not documented, but there since Node 0.10. */
interface ListeningHandle {
  readonly fd?: number;
}

/**
 * A second descriptor of the socket a server listens on, which child processes do not get.
 *
 * It belongs to the caller, who may listen on it (`server.listen({ fd })`), and then it belongs to that server. The socket goes
 * on listening until all of its descriptors are closed.
 *
 * @returns `undefined` for a Node whose servers tell no descriptor any more.
 * @throws {SystemError} When descriptors have run out.
 */
export function duplicateListener(server: Server): number | undefined {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- there is no documented way
  const { _handle: handle } = server as unknown as { _handle?: ListeningHandle | null };
  const fd = handle?.fd;
  if (fd === undefined || fd < 0) return undefined;
  const fcntl = bindLibc("int fcntl(int fd, int command, int argument)");
  const duplicate = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (duplicate < 0) throw lastSystemError("fcntl");
  return duplicate;
}
