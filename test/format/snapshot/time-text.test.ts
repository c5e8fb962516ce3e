import { expect } from "chai";
import fc from "fast-check";
import { parseTimeText, timeText } from "../../../src/format/snapshot/time-text.ts";
import { thrown } from "../../support/thrown.ts";

describe("format/snapshot/time-text", () => {
  it("prints and parses known instants", () => {
    const known = {
      "2020-06-26T13:56:05Z": 1593179765,
      "2024-06-05T14:24:36Z": 1717597476,
      "1970-01-01T00:00:00Z": 0,
      "1969-12-31T23:59:59Z": -1,
      "2000-02-29T12:00:00Z": 951825600,
      "9999-12-31T23:59:59Z": 253402300799,
      "0000-01-01T00:00:00Z": -62167219200,
    };
    for (const [text, timeSec] of Object.entries(known)) {
      expect(parseTimeText(text)).to.equal(timeSec);
      expect(timeText(timeSec)).to.equal(text);
    }
  });

  it("agrees with the platform's calendar on every second of ten thousand years", () => {
    fc.assert(
      fc.property(fc.integer({ min: -62167219200, max: 253402300799 }), (timeSec) => {
        const text = timeText(timeSec);

        expect(text).to.equal(new Date(timeSec * 1000).toISOString().replace(".000Z", "Z"));
        expect(parseTimeText(text)).to.equal(timeSec);
      }),
      { numRuns: 2000 },
    );
  });

  it("rejects other forms, and days and hours that do not exist", () => {
    for (const text of [
      "",
      "2024-06-05",
      "2024-06-05T14:24:36",
      "2024-06-05T14:24:36+00:00",
      "2024-06-05T14:24:36.000Z",
      "2024-06-05t14:24:36z",
      " 2024-06-05T14:24:36Z",
      "2024-06-05T14:24:36Z\n",
      "2023-02-29T00:00:00Z",
      "1900-02-29T00:00:00Z",
      "2024-04-31T00:00:00Z",
      "2024-13-01T00:00:00Z",
      "2024-00-01T00:00:00Z",
      "2024-01-00T00:00:00Z",
      "2024-01-01T24:00:00Z",
      "2024-01-01T00:60:00Z",
      "2024-01-01T00:00:60Z",
    ]) {
      expect(
        thrown(() => parseTimeText(text)),
        text,
      ).to.have.property("code", "FORMAT_INVALID");
    }
  });

  it("does not print what four digits of year cannot say", () => {
    for (const timeSec of [253402300800, -62167219201, 0.5, NaN, Infinity]) {
      expect(thrown(() => timeText(timeSec))).to.have.property("code", "FORMAT_OUT_OF_RANGE");
    }
  });
});
