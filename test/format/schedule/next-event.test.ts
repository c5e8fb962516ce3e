import { readFile } from "node:fs/promises";
import { expect } from "chai";
import fc from "fast-check";

import { parseCalendarEvent } from "../../../src/format/schedule/calendar-event.ts";
import { nextEvent } from "../../../src/format/schedule/next-event.ts";
import { TimeZone } from "../../../src/format/schedule/time-zone.ts";
import { FormatError } from "../../../src/format/format-error.ts";

interface Vectors {
  readonly next_event: readonly {
    readonly event: string;
    readonly timezone: string;
    readonly last: number;
    readonly next: readonly (number | null)[];
  }[];
  readonly parse: readonly { readonly event: string; readonly valid: boolean }[];
}

const vectors = JSON.parse(
  await readFile(
    new URL("../../../fixtures/schedule/calendar-vectors.json", import.meta.url),
    "utf8",
  ),
) as Vectors;
const at = (text: string): number => Date.parse(text) / 1000;

describe("format/schedule/next-event", () => {
  it("has 74 vectors of next events and 58 of texts", () => {
    expect(vectors.next_event).to.have.length(74);
    expect(vectors.parse).to.have.length(58);
  });

  for (const { event, timezone, last, next } of vectors.next_event) {
    it(`finds what follows "${event}" in ${timezone} after ${last}`, () => {
      const found: (number | null)[] = [];
      let after = last;
      for (let i = 0; i < next.length; i++) {
        const moment = nextEvent(parseCalendarEvent(event), after, new TimeZone(timezone));
        found.push(moment ?? null);
        after = moment ?? after;
      }

      expect(found).to.deep.equal(next);
    });
  }

  for (const { event, valid } of vectors.parse) {
    it(`${valid ? "takes" : "refuses"} "${event}"`, () => {
      const parse = () => parseCalendarEvent(event);

      if (valid) expect(parse).not.to.throw();
      else expect(parse).to.throw(FormatError).with.property("code", "FORMAT_INVALID");
    });
  }

  it("skips a time that the change to summer time leaves out", () => {
    const berlin = new TimeZone("Europe/Berlin");
    const event = parseCalendarEvent("2:30");

    const next = nextEvent(event, at("2024-03-30T12:00:00Z"), berlin);

    expect(next).to.equal(at("2024-04-01T00:30:00Z"));
  });

  it("comes once at a time that the change to winter time repeats", () => {
    const berlin = new TimeZone("Europe/Berlin");
    const event = parseCalendarEvent("2:30");

    const first = nextEvent(event, at("2024-10-26T12:00:00Z"), berlin);
    const second = nextEvent(event, first ?? 0, berlin);

    expect(first).to.equal(at("2024-10-27T00:30:00Z"));
    expect(second).to.equal(at("2024-10-28T01:30:00Z"));
  });

  it("is always later than the moment before, in every zone", () => {
    const events = vectors.parse.filter(({ valid }) => valid).map(({ event }) => event);
    const zones = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"];
    fc.assert(
      fc.property(
        fc.constantFrom(...events),
        fc.constantFrom(...zones),
        fc.integer({ min: at("2024-01-01"), max: at("2025-12-31") }),
        (event, zone, last) => {
          const next = nextEvent(parseCalendarEvent(event), last, new TimeZone(zone));
          expect(next ?? Infinity).to.be.greaterThan(last);
        },
      ),
      { numRuns: 200 },
    );
  });
});
