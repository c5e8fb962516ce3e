import { expect } from "chai";
import { pino } from "pino";

import { RunningSessions } from "../../../src/server/session/running-sessions.ts";
import { rejection } from "../../support/rejection.ts";

const logger = pino({ level: "silent" });

describe("server/session/running-sessions", () => {
  it("waits for a session that was being begun when the server was told to stop", async () => {
    const sessions = new RunningSessions();
    let end: () => void = () => undefined;
    const session = new Promise<void>((resolve) => (end = resolve));
    const place = sessions.admit();
    const told: string[] = [];

    const drained = sessions.drain(60_000, logger).then(() => told.push("drained"));
    place.take(session);
    place[Symbol.dispose]();
    await new Promise(setImmediate);
    told.push("session ends");
    end();
    await drained;

    expect(told).to.deep.equal(["session ends", "drained"]);
  });

  it("does not wait for one that could not begin, and admits none from then on", async () => {
    const sessions = new RunningSessions();
    sessions.admit()[Symbol.dispose]();

    await sessions.drain(60_000, logger);
    const refusal = await rejection(Promise.resolve().then(() => sessions.admit()));

    expect(refusal).to.have.property("message", "the server is being stopped");
  });

  it("tells what goes on after the grace to end, and waits until it has", async () => {
    const sessions = new RunningSessions();
    sessions.admit().take(
      new Promise((resolve) => {
        sessions.cutSignal.addEventListener("abort", () => {
          resolve();
        });
      }),
    );

    await sessions.drain(1, logger);
    await sessions.cut(logger);

    expect(sessions.cutSignal.aborted).to.equal(true);
  });
});
