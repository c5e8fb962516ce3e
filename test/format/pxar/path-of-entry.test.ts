import { expect } from "chai";

import { residentBytes } from "../../../src/format/bytes/resident-source.ts";
import { FormatError } from "../../../src/format/format-error.ts";
import { pathOfEntry } from "../../../src/format/pxar/path-of-entry.ts";
import { PxarTree } from "../../../src/format/pxar/tree-reader.ts";
import { pxarFixture, walkTree } from "../../support/pxar-fixtures.ts";
import { thrown } from "../../support/thrown.ts";

describe("format/pxar/path-of-entry", () => {
  for (const name of ["links", "mixed", "special"]) {
    it(`finds the path of every entry of ${name}`, () => {
      const tree = new PxarTree(residentBytes(pxarFixture(`v1/${name}.pxar`)));

      const walked = [...walkTree(tree)];
      const found = walked.map(({ node }) => pathOfEntry(tree, node.nameOffset));

      expect(walked.length).to.be.greaterThan(1);
      expect(found.map((path) => `/${Buffer.from(path).toString("latin1")}`)).to.deep.equal(
        walked.map(({ path }) => path),
      );
    });
  }

  it("fails for an offset at which no entry begins", () => {
    const tree = new PxarTree(residentBytes(pxarFixture("v1/mixed.pxar")));

    const error = thrown(() => pathOfEntry(tree, 61));

    expect(error).to.be.instanceOf(FormatError).with.property("code", "FORMAT_INVALID");
  });
});
