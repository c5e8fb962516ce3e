import { readFileSync } from "node:fs";
import { resolve } from "node:path";

import { expect } from "chai";

import { deviceNumber } from "../../src/linux/device-number.ts";

/** One row of the vector: what the real tools take a `dev_t` apart into. */
interface Row {
  readonly dev_t: string;
  readonly major: number;
  readonly minor: number;
}

const file = resolve(import.meta.dirname, "../../fixtures/pxar/internals/devices.json");
const rows = JSON.parse(readFileSync(file, "utf8")) as readonly Row[];

describe("linux/device-number", () => {
  for (const { dev_t: device, major, minor } of rows) {
    it(`puts ${major}:${minor} together as the real tools take it apart`, () => {
      expect(deviceNumber(major, minor)).to.equal(BigInt(device));
    });
  }
});
