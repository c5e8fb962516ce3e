import { expect } from "chai";

import { parseMountSubject, shownArchiveName } from "../../src/cli/mount-subject.ts";
import { parseNamespace, rootNamespace } from "../../src/format/snapshot/namespace.ts";
import { type DatastoreView } from "../../src/fs/datastore-view.ts";
import { MemoryDatastore } from "../support/memory-datastore.ts";
import { rejection } from "../support/rejection.ts";

const elsa = { namespace: "", type: "host", id: "elsa" };
const time = { text: "2023-11-14T22:13:20Z", timeSec: 1_700_000_000 };

function view(): DatastoreView {
  const datastore = new MemoryDatastore();
  datastore.addSnapshot({ ...elsa, timeSec: time.timeSec });
  datastore.addSnapshot({ ...elsa, timeSec: time.timeSec + 1 });
  datastore.addSnapshot({ ...elsa, timeSec: time.timeSec + 2 }, false);
  return datastore;
}

describe("cli/mount-subject", () => {
  const cases: readonly [text: string, root: unknown][] = [
    ["", { kind: "namespace", namespace: "" }],
    ["none", { kind: "namespace", namespace: "" }],
    ["team/sub", { kind: "namespace", namespace: "team/sub" }],
    ["ns/team/ns/sub", { kind: "namespace", namespace: "team/sub" }],
    ["host/elsa", { kind: "group", group: elsa }],
    ["ns/team/ct/7", { kind: "group", group: { namespace: "team", type: "ct", id: "7" } }],
    [`host/elsa/${time.text}`, { kind: "snapshot", snapshot: { ...elsa, timeSec: time.timeSec } }],
    ["host/elsa/latest", { kind: "snapshot", snapshot: { ...elsa, timeSec: time.timeSec + 1 } }],
    [
      `host/elsa/${time.text}/root.pxar`,
      { kind: "archive", snapshot: { ...elsa, timeSec: time.timeSec }, name: "root.pxar" },
    ],
  ];
  for (const [text, root] of cases) {
    it(`understands "${text}"`, async () => {
      expect(await parseMountSubject({ text }, rootNamespace, view())).to.deep.equal(root);
    });
  }

  it("understands a text within the namespace of --ns", async () => {
    const root = await parseMountSubject({ text: "ns/sub/vm/1" }, parseNamespace("team"), view());

    expect(root).to.deep.equal({
      kind: "group",
      group: { namespace: "team/sub", type: "vm", id: "1" },
    });
  });

  for (const [text, timeSec] of [
    ["host/elsa", time.timeSec + 1],
    [`host/elsa/${time.text}`, time.timeSec],
  ] as const) {
    it(`takes an archive that is named apart for one of "${text}"`, async () => {
      const root = await parseMountSubject({ text, archive: "root" }, rootNamespace, view());

      expect(root).to.deep.equal({
        kind: "archive",
        snapshot: { ...elsa, timeSec },
        name: "root.pxar",
      });
    });
  }

  it("refuses an archive of a namespace", async () => {
    const parsing = parseMountSubject({ text: "team", archive: "root" }, rootNamespace, view());

    expect(await rejection(parsing)).to.have.property("code", "CLI_USAGE");
  });

  it("says that a group has no snapshots where the latest is wanted", async () => {
    const error = await rejection(
      parseMountSubject({ text: "host/other/latest" }, rootNamespace, view()),
    );

    expect(error).to.have.property("code", "CLI_NOT_FOUND");
  });

  for (const text of ["../..", "host/elsa/yesterday", `host/elsa/${time.text}/root.pxar/etc`]) {
    it(`refuses "${text}"`, async () => {
      const error = await rejection(parseMountSubject({ text }, rootNamespace, view()));

      expect(error).to.have.property("code", "FORMAT_INVALID");
    });
  }

  it("takes every name of a file archive for the one that is shown", () => {
    const names = ["root", "root.pxar", "root.mpxar", "root.pxar.didx", "root.ppxar.didx"];

    expect(new Set(names.map(shownArchiveName))).to.deep.equal(new Set(["root.pxar"]));
  });
});
