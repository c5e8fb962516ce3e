import { expect } from "chai";

import {
  computations,
  measureComputation,
} from "../../../src/client/benchmark/measure-computation.ts";
import { bytesPerSecond } from "../../../src/client/benchmark/measured-speed.ts";
import { cryptKeyOf } from "../../../src/format/crypto/crypt-key.ts";
import { createNativeProvider } from "../../../src/format/crypto/native-provider.ts";
import { rejection } from "../../support/rejection.ts";

const provider = createNativeProvider();
const tools = { provider, key: cryptKeyOf(provider, new Uint8Array(32).fill(7)) };
const CHUNK = 4 * 1024 * 1024;

describe("measureComputation", () => {
  for (const computation of computations) {
    it(`repeats ${computation} until the time is over`, async () => {
      let nowMs = 0;
      const monotonicMs = (): number => (nowMs += 10);

      const measured = await measureComputation(computation, tools, {
        durationMs: 15,
        monotonicMs,
      });

      expect(measured).to.deep.equal({ count: 2, bytes: 2 * CHUNK, elapsedMs: 30 });
      expect(bytesPerSecond(measured)).to.be.closeTo((2 * CHUNK) / 0.03, 1);
    });
  }

  it("does everything once when there is no time", async () => {
    const options = { durationMs: 0, monotonicMs: () => 0 };

    const measured = await measureComputation("sha256", tools, options);

    expect(measured.count).to.equal(1);
    expect(bytesPerSecond(measured)).to.be.finite;
  });

  it("ends when it is told to", async () => {
    const signal = AbortSignal.abort(new Error("enough"));
    const options = { durationMs: 1_000_000, monotonicMs: () => 0, signal };

    expect(await rejection(measureComputation("sha256", tools, options))).to.have.property(
      "message",
      "enough",
    );
  });
});
