import { readFile } from "node:fs/promises";
import { expect } from "chai";
import fc from "fast-check";
import {
  canonicalJson,
  type Json,
  prettyJson,
} from "../../../src/format/manifest/canonical-json.ts";
import { parseJson } from "../../../src/format/manifest/parse-json.ts";
import { thrown } from "../../support/thrown.ts";

const vectors = JSON.parse(
  await readFile(new URL("../../../fixtures/crypt/canonical-json.json", import.meta.url), "utf8"),
) as { canonical: string; input: string }[];

/** Any JSON without null: what can be signed. */
const signable: fc.Arbitrary<Json> = fc.letrec<{ json: Json }>((tie) => ({
  json: fc.oneof(
    { depthSize: "small" },
    fc.string({ unit: "grapheme" }),
    fc.integer(),
    fc.boolean(),
    fc.array(tie("json"), { maxLength: 4 }),
    fc.dictionary(fc.string({ unit: "grapheme" }), tie("json"), { maxKeys: 4 }),
  ),
})).json;

describe("format/manifest/canonical-json", () => {
  for (const { canonical, input } of vectors) {
    it(`prints ${canonical.slice(0, 30)} as the reference does`, () => {
      // The two numbers of the first vector that no JavaScript number can hold or print.
      const text = canonicalJson(parseJson(input.replace("1e30", "1"), "vector"))
        .replace('"a-b":1', '"a-b":1e30')
        .replace("18446744073709552000", "18446744073709551615");

      expect(text).to.equal(canonical);
    });
  }

  it("prints large integers given as bigint", () => {
    expect(canonicalJson({ aa: 18446744073709551615n })).to.equal('{"aa":18446744073709551615}');
  });

  it("sorts members by their bytes in UTF-8, not by UTF-16 units or as numbers", () => {
    const value = { "\u{1F600}": 1, "\uFB01": 2, "10": 3, "9": 4, Z: 5, a: 6 };

    expect(canonicalJson(value)).to.equal('{"10":3,"9":4,"Z":5,"a":6,"\uFB01":2,"\u{1F600}":1}');
  });

  it("escapes quotes, backslashes and control characters only", () => {
    expect(canonicalJson('"\\/\b\f\n\r\t\u0001\u001f\u007f\u2028é')).to.equal(
      '"\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\u007f\u2028é"',
    );
  });

  it("does not sign null, wherever it stands", () => {
    for (const value of [null, [null], { a: { b: null } }]) {
      expect(thrown(() => canonicalJson(value))).to.have.property("code", "FORMAT_INVALID");
    }
  });

  it("indents like the platform, with empty containers on one line", () => {
    const value = { a: [], b: {}, c: [1, { d: null }], e: "x" };

    expect(prettyJson(value)).to.equal(JSON.stringify(value, null, 2));
  });

  it("says in both forms what was given", () => {
    fc.assert(
      fc.property(signable, (value) => {
        expect(JSON.parse(canonicalJson(value))).to.deep.equal(JSON.parse(JSON.stringify(value)));
        expect(JSON.parse(prettyJson(value))).to.deep.equal(JSON.parse(JSON.stringify(value)));
        expect(parseJson(prettyJson(value), "x")).to.deep.equal(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it("stops at a nesting that is too deep instead of overflowing the stack", () => {
    const deep = "[".repeat(100_000) + "]".repeat(100_000);

    expect(thrown(() => parseJson(deep, "x"))).to.have.property("code", "FORMAT_OUT_OF_RANGE");
    let value: Json = 1;
    for (let i = 0; i < 200; i++) value = [value];
    expect(thrown(() => canonicalJson(value))).to.have.property("code", "FORMAT_OUT_OF_RANGE");
  });

  it("keeps a member called __proto__ a member", () => {
    const value = parseJson('{"__proto__":{"x":1}}', "x");

    expect(prettyJson(value)).to.equal('{\n  "__proto__": {\n    "x": 1\n  }\n}');
  });

  it("rejects what is not JSON", () => {
    for (const text of ["", "{", "{'a':1}", "[1,]", "NaN"]) {
      expect(thrown(() => parseJson(text, "x"))).to.have.property("code", "FORMAT_INVALID");
    }
  });
});
