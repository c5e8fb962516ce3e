import { expect } from "chai";

import { parseNamespace } from "../../../src/format/snapshot/namespace.ts";
import { parseBackupGroup } from "../../../src/format/snapshot/snapshot-id.ts";
import { overdueRule, ruleFor } from "../../../src/server/overdue/overdue-rule.ts";

const rules = Object.entries({
  usual: { hours: "36" },
  tank: { hours: "24", store: "tank" },
  team: { hours: "12", ns: "team", "max-depth": "0" },
  hosts: { hours: "6", "group-filter": "type:host" },
  off: { hours: "1", "group-filter": "type:host", disable: "1" },
  never: { hours: "0", "group-filter": "group:host/old" },
  strict: { hours: "3", "group-filter": "group:host/web\nexclude:group:host/old" },
}).flatMap(([id, properties]) => {
  const section = { type: "rule", id, properties: new Map(Object.entries(properties)) };
  return overdueRule(section) ?? [];
});

describe("server/overdue/overdue-rule", () => {
  it("lets the rule count that says most about a group, and of equals the strictest", () => {
    for (const [store, ns, group, expected] of [
      ["store1", "", "vm/1", "usual"],
      ["tank", "", "vm/1", "tank"],
      ["tank", "team", "vm/1", "team"],
      ["tank", "team/sub", "vm/1", "tank"],
      ["tank", "team", "host/a", "hosts"],
      ["tank", "", "host/web", "strict"],
    ] as const) {
      const place = { store, namespace: parseNamespace(ns), group: parseBackupGroup(group) };

      expect(ruleFor(rules, place)?.name, `${store} ${ns} ${group}`).to.equal(expected);
    }
  });

  it("knows groups that are not watched, and rules that name groups", () => {
    const never = rules.find(({ name }) => name === "never");

    expect(never?.ageMaxSec).to.equal(undefined);
    const named = overdueRule({
      type: "rule",
      id: "r",
      properties: new Map([
        ["store", "tank"],
        ["group-filter", "group:host/a\ntype:vm"],
      ]),
    });
    expect(named?.named).to.deep.equal([{ type: "host", id: "a" }]);
  });
});
