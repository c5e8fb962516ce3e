import { expect } from "chai";

import { parseBackupSources } from "../../../src/client/backup/backup-source.ts";
import { FormatError } from "../../../src/format/format-error.ts";
import { thrown } from "../../support/thrown.ts";

describe("client/backup/backup-source", () => {
  it("takes names, endings and paths apart", () => {
    expect(
      parseBackupSources(["root.pxar:/", "a-b_1.img:/dev/x:y", "c.conf:rel", "d.log:l"]),
    ).to.deep.equal([
      { kind: "pxar", name: "root", path: "/" },
      { kind: "img", name: "a-b_1", path: "/dev/x:y" },
      { kind: "conf", name: "c", path: "rel" },
      { kind: "log", name: "d", path: "l" },
    ]);
  });

  for (const texts of [["root:/"], ["a.b.pxar:/"], ["a.pxar:"], ["a.PXAR:/"], [".pxar:/"]]) {
    it(`refuses ${texts.join(" ")}`, () => {
      const error = thrown(() => parseBackupSources(texts));

      expect(error).to.be.instanceOf(FormatError).with.property("code", "FORMAT_INVALID");
    });
  }

  it("refuses one target twice, but not one name with two endings", () => {
    expect(parseBackupSources(["a.pxar:/", "a.conf:/x"])).to.have.length(2);
    expect(thrown(() => parseBackupSources(["a.pxar:/", "a.pxar:/x"]))).to.be.instanceOf(
      FormatError,
    );
  });
});
