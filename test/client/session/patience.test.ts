import { expect } from "chai";

import { ApiError } from "../../../src/client/session/api-error.ts";
import { Patience } from "../../../src/client/session/patience.ts";
import { SessionError } from "../../../src/client/session/session-error.ts";
import { rejection } from "../../support/rejection.ts";

const policy = { totalMs: 2_000, delayMs: 1, delayMsMax: 5 };
const away = new SessionError("SESSION_UNREACHABLE", "nobody there");

/** An attempt that fails a number of times before it succeeds. */
function failing(
  times: number,
  error: Error,
): { attempt: () => Promise<string>; made: () => number } {
  let made = 0;
  return {
    attempt: async () => {
      await Promise.resolve();
      if (++made <= times) throw error;
      return "reached";
    },
    made: () => made,
  };
}

describe("client/session/patience", () => {
  it("tries again while a server is away that was reached before", async () => {
    const patience = new Patience(policy);
    patience.note(true);
    const { attempt, made } = failing(3, away);

    const result = await patience.run(attempt);

    expect(result).to.equal("reached");
    expect(made()).to.equal(4);
  });

  it("does not wait for a server that was never reached, nor after a refusal", async () => {
    const unknown = failing(1, away);
    const refusing = failing(1, new ApiError(400, "no"));
    const patience = new Patience(policy);

    const first = await rejection(patience.run(unknown.attempt));
    patience.note(true);
    const second = await rejection(patience.run(refusing.attempt));

    expect(first).to.equal(away);
    expect(second).to.have.property("message", "no");
    expect([unknown.made(), refusing.made()]).to.deep.equal([1, 1]);
  });

  it("makes one attempt each once the time is over that began with the first loss", async () => {
    const patience = new Patience({ ...policy, totalMs: 0 });
    patience.note(true);
    patience.note(false);
    const { attempt, made } = failing(5, away);

    await rejection(patience.run(attempt));
    await rejection(patience.run(attempt));

    expect(made()).to.equal(2);
  });

  it("stops waiting when it is told to", async () => {
    const patience = new Patience({ totalMs: 60_000, delayMs: 60_000, delayMsMax: 60_000 });
    patience.note(true);
    const { attempt } = failing(5, away);
    const running = rejection(patience.run(attempt));

    patience.stop();

    expect(await running).to.have.property("name", "AbortError");
  });
});
