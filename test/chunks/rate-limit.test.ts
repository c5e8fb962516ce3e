import { expect } from "chai";

import { RateLimit } from "../../src/chunks/rate-limit.ts";
import { rejection } from "../support/rejection.ts";

describe("chunks/rate-limit", () => {
  it("lets a burst pass at once and makes the rest wait as long as it takes", async () => {
    const limit = new RateLimit({
      bytesPerSec: 1_000_000,
      burstBytes: 50_000,
      nowMs: () => performance.now(),
    });
    const start = performance.now();

    await limit.take(50_000);
    const afterBurst = performance.now() - start;
    for (let i = 0; i < 10; i++) await limit.take(10_000);
    const afterAll = performance.now() - start;

    expect(afterBurst).to.be.below(50);
    expect(afterAll).to.be.at.least(95);
  });

  it("ends waiting with the reason of its signal", async () => {
    const stop = new AbortController();
    const limit = new RateLimit({
      bytesPerSec: 1,
      burstBytes: 1,
      nowMs: () => 0,
      signal: stop.signal,
    });

    const waiting = rejection(limit.take(1_000_000));
    stop.abort();

    expect(await waiting).to.have.property("name", "AbortError");
  });

  it("lets nobody wait for what was given up", async () => {
    const limit = new RateLimit({ bytesPerSec: 1000, burstBytes: 1000, nowMs: () => 0 });
    const stop = new AbortController();
    const waiting = rejection(limit.take(1_000_000_000_000, stop.signal));

    stop.abort();
    await waiting;
    await limit.take(1000);

    expect(await waiting).to.have.property("name", "AbortError");
  });
});
