import { expect } from "chai";

import { parseBackupGroup } from "../../../src/format/snapshot/snapshot-id.ts";
import { parseGroupFilter } from "../../../src/server/sync/group-filter.ts";
import { thrown } from "../../support/thrown.ts";

const groups = ["vm/100", "ct/200", "host/web"];

describe("server/sync/group-filter", () => {
  // The table of spec retention-gc-verify-sync.md §5.4.
  const rows: readonly (readonly [readonly string[], readonly string[]])[] = [
    [[], groups],
    [["type:vm"], ["vm/100"]],
    [["exclude:type:vm"], ["ct/200", "host/web"]],
    [["type:vm", "exclude:group:vm/100"], []],
    [["regex:^(vm|ct)/", "exclude:regex:/200$"], ["vm/100"]],
    [["include:group:host/web"], ["host/web"]],
  ];
  for (const [filters, taken] of rows) {
    it(`takes ${taken.join(", ") || "nothing"} with ${filters.join(", ") || "no filter"}`, () => {
      const takes = parseGroupFilter(filters);

      expect(groups.filter((group) => takes(parseBackupGroup(group)))).to.deep.equal(taken);
    });
  }

  it("refuses entries that are none", () => {
    for (const entry of ["", "vm", "type:x", "group:vm", "regex:(", "maybe:type:vm"]) {
      expect(
        thrown(() => parseGroupFilter([entry])),
        entry,
      ).to.have.property("code");
    }
  });
});
