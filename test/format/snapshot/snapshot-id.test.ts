import { expect } from "chai";
import {
  backupGroupText,
  compareBackupGroups,
  compareSnapshotIds,
  parseBackupGroup,
  parseBackupId,
  parseSnapshotId,
  snapshotIdText,
} from "../../../src/format/snapshot/snapshot-id.ts";
import { thrown } from "../../support/thrown.ts";

describe("format/snapshot/snapshot-id", () => {
  it("parses and prints snapshots and groups", () => {
    const text = "host/golden-plain/2024-06-05T14:24:36Z";

    const id = parseSnapshotId(text);

    expect(id).to.deep.equal({ type: "host", id: "golden-plain", timeSec: 1717597476 });
    expect(snapshotIdText(id)).to.equal(text);
    expect(backupGroupText(id)).to.equal("host/golden-plain");
    expect(parseBackupGroup("vm/100")).to.deep.equal({ type: "vm", id: "100" });
  });

  it("rejects what could leave its folder or is none of the types", () => {
    for (const text of [
      "host",
      "host/",
      "host/..",
      "host/.x",
      "host/a/b",
      "lxc/1",
      "HOST/a",
      "/host/a",
    ]) {
      expect(
        thrown(() => parseBackupGroup(text)),
        text,
      ).to.have.property("code", "FORMAT_INVALID");
    }
    for (const text of [
      "host/a",
      "host/a/2024-06-05T14:24:36Z/",
      "host/a/now",
      "host//2024-06-05T14:24:36Z",
    ]) {
      expect(
        thrown(() => parseSnapshotId(text)),
        text,
      ).to.have.property("code", "FORMAT_INVALID");
    }
    for (const text of ["a\n", "a\0b", "-a", "ä", "a b", "x".repeat(256)]) {
      expect(
        thrown(() => parseBackupId(text)),
        text,
      ).to.have.property("code", "FORMAT_INVALID");
    }
  });

  it("sorts by type, numbers before names, numbers by value", () => {
    const sorted = [
      "ct/9",
      "ct/100",
      "ct/18446744073709551616",
      "ct/a",
      "host/1",
      "vm/2",
      "vm/10",
      "vm/2b",
    ];

    const again = [...sorted].reverse().map(parseBackupGroup).sort(compareBackupGroups);

    expect(again.map(backupGroupText)).to.deep.equal(sorted);
  });

  it("sorts snapshots of one group by time", () => {
    const older = parseSnapshotId("host/a/2024-06-05T14:24:36Z");
    const newer = parseSnapshotId("host/a/2024-06-05T14:24:37Z");

    expect(compareSnapshotIds(older, newer)).to.be.below(0);
    expect(compareSnapshotIds(newer, parseSnapshotId("host/b/2000-01-01T00:00:00Z"))).to.be.below(
      0,
    );
    expect(compareSnapshotIds(older, older)).to.equal(0);
  });
});
