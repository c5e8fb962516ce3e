import { expect } from "chai";
import fc from "fast-check";

import { fromHex } from "../../../src/format/bytes/hex.ts";
import { residentBytes } from "../../../src/format/bytes/resident-source.ts";
import { FormatError } from "../../../src/format/format-error.ts";
import { PxarDecoder } from "../../../src/format/pxar/decoder.ts";
import { pxarAclOf, posixAclValuesOf } from "../../../src/format/pxar/posix-acl.ts";
import { pxarFixture, pxarFixtureText } from "../../support/pxar-fixtures.ts";
import { thrown } from "../../support/thrown.ts";

interface SourceEntry {
  readonly path: string;
  readonly acl_raw_xattr?: Readonly<Record<string, string>>;
}

describe("format/pxar/posix-acl", () => {
  const { source_entries_in_archive_order: sources } = JSON.parse(
    pxarFixtureText("v1/acls.json"),
  ) as { readonly source_entries_in_archive_order: readonly SourceEntry[] };
  const nodes = [...new PxarDecoder(residentBytes(pxarFixture("v1/acls.pxar")))].flatMap((step) =>
    step.kind === "entry" && step.node.kind !== "hardlink" ? [step.node] : [],
  );
  const valuesOf = ({ acl_raw_xattr: raw = {} }: SourceEntry): Parameters<typeof pxarAclOf>[0] => {
    const value = (name: string): Uint8Array | undefined =>
      raw[name] === undefined ? undefined : fromHex(raw[name]);
    return {
      access: value("system.posix_acl_access"),
      defaults: value("system.posix_acl_default"),
    };
  };

  it("stores what the official program stores of the same attributes", () => {
    expect(nodes.length).to.equal(sources.length);
    for (const [i, source] of sources.entries()) {
      expect(pxarAclOf(valuesOf(source)), source.path).to.deep.equal(nodes[i]!.metadata.acl);
    }
  });

  it("gives the attributes again that an archive was made from", () => {
    for (const [i, source] of sources.entries()) {
      const { acl, mode } = nodes[i]!.metadata;
      if (acl) expect(posixAclValuesOf(acl, mode), source.path).to.deep.equal(valuesOf(source));
    }
  });

  it("stores nothing of a list that says no more than the mode", () => {
    const access = fromHex(
      "02000000" + "01000600ffffffff" + "04000400ffffffff" + "20000400ffffffff",
    );

    expect(pxarAclOf({ access, defaults: undefined })).to.equal(undefined);
  });

  it("rejects a value of another version", () => {
    const error = thrown(() => pxarAclOf({ access: fromHex("03000000"), defaults: undefined }));

    expect(error).to.be.instanceOf(FormatError).with.property("code", "FORMAT_UNSUPPORTED");
  });

  it("answers any bytes with a list or a format error", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (access) => {
        try {
          pxarAclOf({ access, defaults: access });
        } catch (error) {
          expect(error).to.be.instanceOf(FormatError);
        }
      }),
    );
  });
});
