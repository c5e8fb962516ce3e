import { expect } from "chai";

import { hasDeadlySignal, isEndedBySignal } from "../../src/linux/deadly-signal.ts";

const bit = (signal: number): string => (1n << BigInt(signal - 1)).toString(16).padStart(16, "0");
const status = (masks: Readonly<Record<string, string>>): string =>
  ["Name:\tcat", ...Object.entries(masks).map(([name, mask]) => `${name}:\t${mask}`), ""].join(
    "\n",
  );

describe("linux/deadly-signal", () => {
  it("finds a pending signal that ends the process", () => {
    expect(hasDeadlySignal(status({ SigPnd: bit(9), ShdPnd: bit(2) }))).to.equal(true);
    expect(hasDeadlySignal(status({ ShdPnd: bit(15), SigCgt: bit(2) }))).to.equal(true);
  });

  it("passes over signals that are handled, ignored, held back or harmless", () => {
    expect(hasDeadlySignal(status({ SigPnd: bit(10), SigCgt: bit(10) }))).to.equal(false);
    expect(hasDeadlySignal(status({ ShdPnd: bit(1), SigIgn: bit(1) }))).to.equal(false);
    expect(hasDeadlySignal(status({ ShdPnd: bit(15), SigBlk: bit(15) }))).to.equal(false);
    for (const harmless of [17, 18, 19, 20, 21, 22, 23, 28]) {
      expect(hasDeadlySignal(status({ ShdPnd: bit(harmless) }))).to.equal(false);
    }
    expect(hasDeadlySignal(status({}))).to.equal(false);
  });

  it("looks at living threads, and takes others for ended", () => {
    expect(isEndedBySignal(process.pid)).to.equal(false);
    expect(isEndedBySignal(0)).to.equal(true);
  });
});
