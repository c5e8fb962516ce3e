import { once } from "node:events";
import { createServer, type ListenOptions, type Server, type Socket } from "node:net";

import { duplicateListener } from "../../linux/duplicate-listener.ts";
import { Admission } from "./admission.ts";

/** What is done with connections. */
export interface DoorOptions {
  /** Connections that may be open at once; one more is closed as it comes. */
  readonly connectionsMax: number;
  /** Gets connections as `Admission` lets them in; nothing of them has been read. */
  readonly onConnection: (socket: Socket) => void;
}

/** A port that takes connections. */
export interface Doors {
  readonly port: number;
  /** Takes no new connections; those that are there go on. Idempotent. */
  close(): void;
  /** Ends every connection, those too that have not yet said anything. */
  cut(): void;
  /** Settles when it is closed and the last connection is gone. */
  readonly closed: Promise<void>;
}

/**
 * Connections that are taken in one turn of the event loop.
 *
 * libuv takes one connection of a listening socket in a turn (since 1.45, libuv/libuv#3696). While uploads make turns long, and many
 * processes on few cores make them longer still, a hundred clients that come at once then wait for a hundred turns.
 */
export const CONNECTIONS_A_TURN = 16;

/**
 * Listens on an address, and takes up to {@link CONNECTIONS_A_TURN} connections in one turn of the event loop: so many servers of
 * Node share one socket.
 *
 * Connections may come before this settles.
 *
 * @throws {Error} What Node says of an address that is in use or not this machine's; {@link SystemError} when descriptors have run out.
 */
export async function openDoors(address: ListenOptions, options: DoorOptions): Promise<Doors> {
  const open = new Set<Socket>();
  const admission = new Admission<Socket>({
    admit: (socket) => {
      if (!socket.destroyed) options.onConnection(socket);
    },
    nowMs: () => performance.now(),
    atTurnEnd: setImmediate,
  });
  const take = (socket: Socket): void => {
    if (open.size >= options.connectionsMax) {
      socket.destroy();
      return;
    }
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    admission.add(socket);
  };
  const first = await openDoor(address, take);
  const doors = [first];
  const close = (): void => {
    for (const { server } of doors) if (server.listening) server.close();
  };
  try {
    while (doors.length < CONNECTIONS_A_TURN) {
      const fd = duplicateListener(first.server);
      if (fd === undefined) break;
      doors.push(await openDoor({ fd }, take));
    }
  } catch (error) {
    close();
    throw error;
  }
  return {
    port: portOf(first.server),
    close,
    cut: () => {
      for (const socket of open) socket.destroy();
    },
    closed: Promise.all(
      doors.map(async ({ closed }) => {
        await closed;
      }),
    ).then(() => undefined),
  };
}

/** One of several that share a socket. */
interface Door {
  readonly server: Server;
  readonly closed: Promise<void>;
}

async function openDoor(
  address: ListenOptions | { readonly fd: number },
  onConnection: (socket: Socket) => void,
): Promise<Door> {
  const server = createServer({ pauseOnConnect: true }, onConnection).listen(address);
  await once(server, "listening");
  // A connection that could not be taken is gone; the next one may be luckier.
  server.on("error", () => undefined);
  return {
    server,
    closed: new Promise((resolve) => {
      server.once("close", resolve);
    }),
  };
}

function portOf(server: Server): number {
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new TypeError("no TCP port");
  return bound.port;
}
