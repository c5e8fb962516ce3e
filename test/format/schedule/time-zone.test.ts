import { expect } from "chai";

import { isoWeekOf, TimeZone } from "../../../src/format/schedule/time-zone.ts";

const at = (text: string): number => Date.parse(text) / 1000;

describe("format/schedule/time-zone", () => {
  it("tells what a clock shows in summer, in winter, and in both repeated hours", () => {
    const berlin = new TimeZone("Europe/Berlin");

    expect(berlin.wallTime(at("2024-06-21T22:30:15Z"))).to.deep.equal({
      year: 2024,
      month: 6,
      day: 22,
      hour: 0,
      minute: 30,
      second: 15,
    });
    expect(berlin.wallTime(at("2024-10-27T00:30:00Z")).hour).to.equal(2);
    expect(berlin.wallTime(at("2024-10-27T01:30:00Z")).hour).to.equal(2);
    expect(berlin.wallTime(at("2024-12-31T23:00:00Z"))).to.include({
      year: 2025,
      month: 1,
      day: 1,
    });
  });

  it("refuses a zone that does not exist", () => {
    expect(() => new TimeZone("Europe/Atlantis")).to.throw(RangeError);
  });

  it("counts weeks from Monday, into the year of their Thursday", () => {
    const utc = new TimeZone("UTC");
    for (const [day, year, week] of [
      ["2024-01-01", 2024, 1],
      ["2024-12-29", 2024, 52],
      ["2024-12-30", 2025, 1],
      ["2021-01-03", 2020, 53],
      ["2021-01-04", 2021, 1],
      ["1970-01-01", 1970, 1],
    ] as const) {
      const found = isoWeekOf(utc.wallTime(at(`${day}T12:00:00Z`)));

      expect(found, day).to.deep.equal({ year, week });
    }
  });
});
