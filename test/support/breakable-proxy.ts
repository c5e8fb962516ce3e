import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A TCP proxy whose connections a test can break. */
export interface BreakableProxy {
  readonly port: number;
  /** Breaks every connection; later ones are broken too until {@link BreakableProxy.mend}. */
  break(): void;
  /** Lets connections through again. */
  mend(): void;
  close(): Promise<void>;
}

/** Starts a proxy on a free port in front of a port of this machine. */
export async function startBreakableProxy(targetPort: number): Promise<BreakableProxy> {
  const sockets = new Set<Socket>();
  let isBroken = false;
  const server = createServer((socket) => {
    if (isBroken) {
      socket.destroy();
      return;
    }
    const target = connect(targetPort, "127.0.0.1");
    for (const [from, to] of [
      [socket, target],
      [target, socket],
    ] as const) {
      sockets.add(from);
      from.pipe(to);
      from.on("error", () => undefined);
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const dropAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    break() {
      isBroken = true;
      dropAll();
    },
    mend() {
      isBroken = false;
    },
    async close() {
      dropAll();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
