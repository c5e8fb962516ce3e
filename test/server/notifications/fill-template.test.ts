import { expect } from "chai";

import { fillTemplate, templateProblem } from "../../../src/server/notifications/fill-template.ts";
import { type Notification } from "../../../src/server/notifications/notification.ts";

const notification: Notification = {
  title: 'A "title"',
  text: "first line\nsecond & last",
  severity: "error",
  fields: { type: "gc", datastore: "store1" },
  timeSec: 1_700_000_000,
};

describe("server/notifications/fill-template", () => {
  const fill = (template: string): string =>
    fillTemplate(template, notification, new Map([["key", "a/b"]]));

  it("fills in what the notification has, with two braces or three", () => {
    expect(fill("{{ title }}|{{severity}}|{{{ timestamp }}}|{{ fields.datastore }}")).to.equal(
      'A "title"|error|1700000000|store1',
    );
  });

  it("fills in secrets", () => {
    expect(fill("{{ secrets.key }} {{ url-encode secrets.key }}")).to.equal("a/b a%2Fb");
  });

  it("makes a text fit into a JSON string, or a JSON value of it", () => {
    const made = fill('{"a": "{{ escape message }}", "b": {{ json title }}}');

    expect(JSON.parse(made)).to.deep.equal({ a: notification.text, b: notification.title });
  });

  it("leaves a field empty that the notification does not have", () => {
    expect(fill("[{{ fields.job-id }}]")).to.equal("[]");
  });

  it("does not look again at what it filled in", () => {
    const sly = { ...notification, title: "{{ secrets.key }}" };

    expect(fillTemplate("{{ title }}", sly, new Map([["key", "x"]]))).to.equal("{{ secrets.key }}");
  });

  it("names what is not known, before anything is sent", () => {
    const problem = (template: string): string | undefined =>
      templateProblem(template, new Set(["key"]));

    expect(problem("{{ title }} {{ secrets.key }}")).to.equal(undefined);
    expect(problem("{{ secrets.other }}")).to.equal("there is no secret 'other'");
    expect(problem("{{#if title}}x{{/if}}")).to.match(/'\{\{#if title/);
    expect(problem("{{ constructor }}")).to.match(/is not known/);
  });
});
