import { expect } from "chai";
import fc from "fast-check";

import { deviceId, deviceNumbers } from "../../../src/format/pxar/device-number.ts";
import { pxarFixtureText } from "../../support/pxar-fixtures.ts";

describe("format/pxar/device-number", () => {
  it("splits every recorded device id as the official program does", () => {
    const rows = JSON.parse(pxarFixtureText("internals/devices.json")) as {
      dev_t: string;
      major: number;
      minor: number;
    }[];

    for (const { dev_t, major, minor } of rows) {
      expect(deviceNumbers(BigInt(dev_t))).to.deep.equal({ major, minor });
    }
  });

  it("joins what it splits", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (dev) => {
        expect(deviceId(deviceNumbers(dev))).to.equal(dev);
      }),
    );
  });
});
