import { expect } from "chai";

import { joinSignals } from "../../src/client/join-signals.ts";

describe("client/join-signals", () => {
  it("is aborted by whichever comes first, with its reason", () => {
    const [first, second] = [new AbortController(), new AbortController()];
    using joined = joinSignals([first.signal, second.signal]);
    using late = joinSignals([first.signal, AbortSignal.abort("before")]);

    second.abort("second");
    first.abort("first");

    expect(joined.signal.reason).to.equal("second");
    expect(late.signal.reason).to.equal("before");
  });

  it("hears nothing any more when it is disposed", () => {
    const source = new AbortController();
    const joined = joinSignals([source.signal]);

    joined[Symbol.dispose]();
    source.abort();

    expect(joined.signal.aborted).to.equal(false);
  });
});
