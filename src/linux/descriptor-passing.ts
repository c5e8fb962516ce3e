import { closeSync } from "node:fs";

import { bindLibc } from "./libc.ts";
import { addressOf } from "./scratch-memory.ts";
import { lastSystemError, SystemError } from "./system-error.ts";

/** sys/socket.h on Linux, the same on every architecture Node runs on. */
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_DONTWAIT = 0x40;
const MSG_CMSG_CLOEXEC = 0x40000000;

/** `struct msghdr` of a 64-bit system: name, namelen, iov, iovlen, control, controllen, flags. */
const MSGHDR_BYTES = 56;
/** `struct iovec`: base, len. */
const IOVEC_BYTES = 16;
/** `CMSG_SPACE(sizeof(int))`: size_t length, int level, int type, the descriptor, padding. */
const CONTROL_BYTES = 24;

/** Makes two connected Unix sockets that are closed on exec; the caller closes both. */
export function openSocketPair(): readonly [number, number] {
  const pair = new Int32Array(new SharedArrayBuffer(128));
  const socketpair = bindLibc("int socketpair(int domain, int type, int protocol, void *pair)");
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
    throw lastSystemError("socketpair");
  }
  return [pair[0] ?? -1, pair[1] ?? -1];
}

/**
 * Takes a descriptor that a process sent through a Unix socket (`SCM_RIGHTS`); does not wait for it.
 *
 * The descriptor is the caller's to close, and closed on exec. Of several in one message only the first is taken.
 *
 * @throws {SystemError} `ENODATA` when there is no message or it carries no descriptor; otherwise as `recvmsg(2)`.
 */
export function receiveDescriptor(socket: number): number {
  const memory = new Uint8Array(new SharedArrayBuffer(256));
  const view = new DataView(memory.buffer);
  const address = addressOf(memory);
  const [vector, control, payload] = [MSGHDR_BYTES, 96, 160];
  view.setBigUint64(16, BigInt(address + vector), true);
  view.setBigUint64(24, 1n, true);
  view.setBigUint64(32, BigInt(address + control), true);
  view.setBigUint64(40, BigInt(CONTROL_BYTES), true);
  view.setBigUint64(vector, BigInt(address + payload), true);
  view.setBigUint64(vector + IOVEC_BYTES / 2, 1n, true);

  const recvmsg = bindLibc("int64_t recvmsg(int socket, uintptr_t message, int flags)");
  const received = recvmsg(socket, address, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (received < 0) throw lastSystemError("recvmsg");

  const hasDescriptor =
    view.getBigUint64(40, true) >= 20n &&
    view.getInt32(control + 8, true) === SOL_SOCKET &&
    view.getInt32(control + 12, true) === SCM_RIGHTS;
  if (!hasDescriptor) throw new SystemError("ENODATA", "recvmsg");
  return view.getInt32(control + 16, true);
}

/** Closes both ends of {@link openSocketPair}; one that is closed already is passed over. */
export function closeSockets(sockets: Iterable<number>): void {
  for (const socket of sockets) {
    try {
      closeSync(socket);
    } catch {
      // Closed already: nothing is left to release.
    }
  }
}
