import { expect } from "chai";

import {
  type ReceivingConnection,
  ReceiveTurns,
} from "../../../src/server/session/receive-turns.ts";

const KIB = 1024;

describe("server/session/receive-turns", () => {
  let turns: ReceiveTurns;
  let endTurn: () => void;
  let log: string[];
  beforeEach(() => {
    log = [];
    const pending: (() => void)[] = [];
    turns = new ReceiveTurns({
      turnBytes: 512 * KIB,
      afterTurn: (callback) => pending.push(callback),
    });
    endTurn = () => {
      for (const callback of pending.splice(0)) callback();
    };
  });

  function connection(name: string): ReceivingConnection {
    return turns.connection({
      stop: () => log.push(`stop ${name}`),
      start: () => log.push(`start ${name}`),
    });
  }

  it("lets one connection have a whole turn, and reads it again in the next", () => {
    const only = connection("a");

    for (let i = 0; i < 7; i++) only.received(64 * KIB);
    expect(log).to.deep.equal([]);
    only.received(64 * KIB);
    expect(log).to.deep.equal(["stop a"]);

    endTurn();
    expect(log).to.deep.equal(["stop a", "start a"]);
  });

  it("shares a turn among those that received something in the turn before", () => {
    const all = ["a", "b", "c", "d"].map(connection);
    for (const one of all) one.received(KIB);
    endTurn();

    for (const one of all) one.received(128 * KIB);

    expect(log).to.deep.equal(["stop a", "stop b", "stop c", "stop d"]);
    endTurn();
    all[0]?.received(128 * KIB);
    endTurn();
    log.length = 0;
    all[0]?.received(256 * KIB);
    expect(log, "alone again").to.deep.equal([]);
  });

  it("takes one read of every connection, however many there are", () => {
    const all = Array.from({ length: 100 }, (_, i) => connection(String(i)));
    for (const one of all) one.received(KIB);
    endTurn();

    for (const one of all) one.received(63 * KIB);
    expect(log).to.deep.equal([]);
    all[0]?.received(KIB);
    expect(log).to.deep.equal(["stop 0"]);
  });

  it("leaves alone connections that are gone", () => {
    const gone = connection("a");
    gone.received(512 * KIB);
    gone[Symbol.dispose]();

    endTurn();

    expect(log).to.deep.equal(["stop a"]);
  });
});
