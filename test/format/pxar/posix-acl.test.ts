import { expect } from "chai";

import { fromHex, toHex } from "../../../src/format/bytes/hex.ts";
import { FormatError } from "../../../src/format/format-error.ts";
import { posixAclValuesOf, pxarAclOf } from "../../../src/format/pxar/posix-acl.ts";
import { aclDebugText, pxarFixtureText } from "../../support/pxar-fixtures.ts";

interface Row {
  path_hex: string;
  mode: string;
  acl_raw_xattr?: Record<string, string>;
}

const rows = ["acls", "root-meta", "mixed"].flatMap((name) => {
  const decoded = new Map(
    pxarFixtureText(`decoded/${name}.pxar.decoded.jsonl`)
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { path_hex: string; acl: string | null })
      .map(({ path_hex, acl }) => [path_hex, acl]),
  );
  const source = JSON.parse(pxarFixtureText(`v1/${name}.json`)) as {
    source_entries_in_archive_order: Row[];
  };
  return source.source_entries_in_archive_order.map((row) => ({
    mode: Number(row.mode),
    access: row.acl_raw_xattr?.["system.posix_acl_access"],
    defaults: row.acl_raw_xattr?.["system.posix_acl_default"],
    expected: decoded.get(`2f${row.path_hex}`),
  }));
});

describe("format/pxar/posix-acl", () => {
  it("makes of the kernel's lists what the official program stored", () => {
    for (const { access, defaults, expected } of rows) {
      const acl = pxarAclOf({
        access: access === undefined ? undefined : fromHex(access),
        defaults: defaults === undefined ? undefined : fromHex(defaults),
      });

      expect(acl ? aclDebugText(acl) : null).to.equal(expected);
    }
  });

  it("gives the kernel's lists back", () => {
    for (const { mode, access, defaults } of rows) {
      const acl = pxarAclOf({
        access: access === undefined ? undefined : fromHex(access),
        defaults: defaults === undefined ? undefined : fromHex(defaults),
      });
      if (!acl) continue;

      const values = posixAclValuesOf(acl, mode);
      const restored = [values.access, values.defaults];

      expect(restored.map((value) => value && toHex(value))).to.deep.equal([access, defaults]);
    }
    expect(rows.filter(({ access }) => access !== undefined).length).to.be.greaterThan(3);
  });

  it("refuses a list of another version", () => {
    expect(() => pxarAclOf({ access: fromHex("03000000"), defaults: undefined })).to.throw(
      FormatError,
    );
  });

  it("refuses a list that ends within an entry", () => {
    expect(() => pxarAclOf({ access: fromHex("0200000001000700"), defaults: undefined })).to.throw(
      FormatError,
    );
  });
});
