import { once } from "node:events";

import { expect } from "chai";

import { abortOnAny } from "../../src/chunks/abort-on-any.ts";

describe("chunks/abort-on-any", () => {
  it("aborts with the first of its signals, with that reason", () => {
    const [one, other] = [new AbortController(), new AbortController()];
    const reason = new Error("enough");
    using joined = abortOnAny([one.signal, undefined, other.signal]);

    other.abort(reason);
    one.abort(new Error("too late"));

    expect(joined.signal.reason).to.equal(reason);
    expect(joined.isTimedOut).to.equal(false);
  });

  it("is aborted from the beginning when one of its signals is", () => {
    using joined = abortOnAny([AbortSignal.abort("gone")], { timeoutMs: 60_000 });

    expect(joined.signal.reason).to.equal("gone");
  });

  it("aborts when its time is over", async () => {
    const keptAlive = setInterval(() => undefined, 1000);
    using joined = abortOnAny([new AbortController().signal], { timeoutMs: 1 });

    await once(joined.signal, "abort");

    expect(joined.signal.reason).to.have.property("name", "TimeoutError");
    expect(joined.isTimedOut).to.equal(true);
    clearInterval(keptAlive);
  });

  it("lets go of its signals when it is disposed of", () => {
    const stop = new AbortController();
    const joined = abortOnAny([stop.signal]);

    joined[Symbol.dispose]();
    stop.abort();

    expect(joined.signal.aborted).to.equal(false);
  });
});
