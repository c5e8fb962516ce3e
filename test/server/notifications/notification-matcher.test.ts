import { expect } from "chai";

import { FormatError } from "../../../src/format/format-error.ts";
import { TimeZone } from "../../../src/format/schedule/time-zone.ts";
import { type Notification } from "../../../src/server/notifications/notification.ts";
import {
  notificationMatcher,
  parseCalendarRule,
  parseFieldRule,
  parseSeverityRule,
} from "../../../src/server/notifications/notification-matcher.ts";
import { thrown } from "../../support/thrown.ts";

const zone = new TimeZone("Europe/Berlin");

const failure: Notification = {
  title: "t",
  text: "",
  severity: "error",
  fields: { type: "prune", datastore: "store1", hostname: "box" },
  // A Monday, 10:00 in Berlin.
  timeSec: Date.parse("2024-06-03T08:00:00Z") / 1000,
};

/** Whether a matcher with these properties fits {@link failure}. */
function fits(properties: Readonly<Record<string, string>>, what = failure): boolean {
  const section = { type: "matcher", id: "m", properties: new Map(Object.entries(properties)) };
  return notificationMatcher(section).matches(what, zone);
}

describe("server/notifications/notification-matcher", () => {
  it("fits everything without rules", () => {
    expect(fits({})).to.equal(true);
    expect(fits({ "invert-match": "true" })).to.equal(false);
  });

  it("compares fields with one of several values, or searches a pattern in them", () => {
    for (const [rule, expected] of [
      ["exact:type=prune", true],
      ["type=prune", true],
      ["exact:type=gc,prune", true],
      ["exact:type=prun", false],
      ["exact:job-id=x", false],
      ["regex:datastore=^store[0-9]$", true],
      ["regex:datastore=^tore", false],
      ["regex:job-id=.*", false],
    ] as const) {
      expect(fits({ "match-field": rule }), rule).to.equal(expected);
    }
  });

  it("compares severities", () => {
    expect(fits({ "match-severity": "warning,error" })).to.equal(true);
    expect(fits({ "match-severity": "info" })).to.equal(false);
  });

  it("compares the time in the zone of the server, with either form of a range of days", () => {
    for (const [rule, expected] of [
      ["8-12", true],
      ["mon..fri 10:00-10:01", true],
      ["mon-fri 8-17", true],
      ["10:01-11", false],
      ["sat,sun 0-23:59", false],
    ] as const) {
      expect(fits({ "match-calendar": rule }), rule).to.equal(expected);
    }
  });

  it("wants all rules or any, and turns the result around on demand", () => {
    const rules = { "match-field": "type=prune", "match-severity": "info" };

    expect(fits(rules)).to.equal(false);
    expect(fits({ ...rules, mode: "any" })).to.equal(true);
    expect(fits({ ...rules, mode: "any", "invert-match": "1" })).to.equal(false);
    expect(fits({ ...rules, "invert-match": "1" })).to.equal(true);
  });

  it("refuses rules that are none", () => {
    for (const [parse, text] of [
      [parseFieldRule, "type"],
      [parseFieldRule, "glob:type=x"],
      [parseFieldRule, "regex:type=("],
      [parseSeverityRule, "fatal"],
      [parseSeverityRule, "error,"],
      [parseCalendarRule, "mon..fri"],
    ] as const) {
      expect(
        thrown(() => parse(text)),
        text,
      ).to.be.instanceOf(FormatError);
    }
  });
});
