import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { Worker } from "node:worker_threads";

import { expect } from "chai";

import { CONNECTIONS_A_TURN, type Doors, openDoors } from "../../../src/server/http/open-doors.ts";

const address = { host: "127.0.0.1", port: 0 };

/** Opens connections from a thread of its own; sets the word when the system has made them all. */
const connectMany = `
const { workerData } = require("node:worker_threads");
const { connect } = require("node:net");
let left = workerData.count;
for (let i = 0; i < workerData.count; i++) {
  connect(workerData.port, "127.0.0.1").on("error", () => undefined).on("connect", () => {
    left -= 1;
    if (left > 0) return;
    Atomics.store(workerData.word, 0, 1);
    Atomics.notify(workerData.word, 0);
  });
}`;

describe("server/http/open-doors", () => {
  it("takes many connections in one turn when they came while it was busy", async () => {
    let turn = 0;
    const turns = new Set<number>();
    const taken: Socket[] = [];
    let onAll: (() => void) | undefined;
    const all = new Promise<void>((resolve) => (onAll = resolve));
    const doors = await openDoors(address, {
      connectionsMax: 100,
      onConnection: (socket) => {
        socket.on("error", () => undefined);
        turns.add(turn);
        if (taken.push(socket) === CONNECTIONS_A_TURN) onAll?.();
      },
    });
    const word = new Int32Array(new SharedArrayBuffer(4));
    const workerData = { count: CONNECTIONS_A_TURN, port: doors.port, word };
    const worker = new Worker(connectMany, { eval: true, workerData });
    await once(worker, "online");

    Atomics.wait(word, 0, 0);
    const count = (): void => {
      turn += 1;
      if (taken.length < CONNECTIONS_A_TURN) setImmediate(count);
    };
    setImmediate(count);
    await all;

    expect([...turns]).to.have.lengthOf(1);
    await worker.terminate();
    await ended(doors);
  });

  it("closes a connection that is one too many", async () => {
    const taken: Socket[] = [];
    const doors = await openDoors(address, {
      connectionsMax: 2,
      onConnection: (socket) => taken.push(socket),
    });
    const clients = [0, 1].map(() => connect(doors.port, address.host));
    await Promise.all(
      clients.map(async (client) => {
        await once(client, "connect");
      }),
    );

    const third = connect(doors.port, address.host);
    await once(third, "close");

    expect(taken).to.have.lengthOf(2);
    for (const client of clients) client.destroy();
    await ended(doors);
  });

  it("takes none any more once it is closed, and is closed when the last is gone", async () => {
    let onTaken: (() => void) | undefined;
    const taken = new Promise<void>((resolve) => (onTaken = resolve));
    const doors = await openDoors(address, { connectionsMax: 9, onConnection: () => onTaken?.() });
    const client = connect(doors.port, address.host).on("error", () => undefined);
    await taken;

    doors.close();
    const late = connect(doors.port, address.host);
    const [error] = (await once(late, "error")) as [NodeJS.ErrnoException];
    doors.cut();

    expect(error.code).to.equal("ECONNREFUSED");
    await doors.closed;
    client.destroy();
  });
});

async function ended(doors: Doors): Promise<void> {
  doors.close();
  doors.cut();
  await doors.closed;
}
