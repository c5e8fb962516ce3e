import { expect } from "chai";
import fc from "fast-check";
import { Type } from "typebox";

import { ApiError } from "../../../src/server/http/api-error.ts";
import {
  parameterCheck,
  parseForm,
  parseJsonParameters,
  type RawParameters,
} from "../../../src/server/http/parameters.ts";
import { thrown } from "../../support/thrown.ts";

const schema = Type.Object({
  name: Type.String({ minLength: 3, maxLength: 5, pattern: "^[a-z]+$" }),
  time: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
  flag: Type.Optional(Type.Boolean()),
  kind: Type.Optional(Type.Enum(["vm", "ct"])),
  list: Type.Optional(Type.Array(Type.Integer())),
});
const check = parameterCheck(schema);

function refusal(raw: RawParameters): string {
  return (thrown(() => check.verify({ texts: raw })) as ApiError).message;
}

describe("server/http/parameters", () => {
  it("gives texts the types of the schema", () => {
    expect(
      check.verify({ texts: { name: "abc", time: "7", flag: "On", list: ["1", "2"] } }),
    ).to.deep.equal({
      name: "abc",
      time: 7,
      flag: true,
      list: [1, 2],
    });
  });

  it("takes one text for a list of one", () => {
    expect(check.verify({ texts: { name: "abc", list: "5" } }).list).to.deep.equal([5]);
  });

  it("knows all spellings of a switch", () => {
    const flag = (text: string): unknown =>
      check.verify({ texts: { name: "abc", flag: text } }).flag;

    expect(["1", "on", "YES", "true"].map(flag)).to.deep.equal([true, true, true, true]);
    expect(["0", "off", "no", "FALSE"].map(flag)).to.deep.equal([false, false, false, false]);
  });

  it("drops the cache buster of browsers", () => {
    expect(check.verify({ texts: { name: "abc", _dc: "123" } })).to.deep.equal({ name: "abc" });
  });

  it("names a single bad parameter on one line", () => {
    expect(refusal({ name: "abc", time: "0" })).to.equal(
      "parameter verification failed - 'time': value must have a minimum value of 1 (got 0)",
    );
    expect(refusal({ name: "abc", kind: "foo" })).to.equal(
      "parameter verification failed - 'kind': value 'foo' is not defined in the enumeration.",
    );
    expect(refusal({ name: "ab" })).to.equal(
      "parameter verification failed - 'name': value must be at least 3 characters long",
    );
  });

  it("refuses integers that a number cannot hold, where the schema has no bound", () => {
    const unbounded = parameterCheck(Type.Object({ keep: Type.Integer() }));
    for (const values of [{ keep: 2 ** 60 }, { keep: 1e308 }]) {
      const refused = thrown(() => unbounded.verify({ texts: {}, values })) as ApiError;
      expect(refused.message).to.include(
        "'keep': value must have a maximum value of 9007199254740991",
      );
    }
    const small = thrown(() => unbounded.verify({ texts: { keep: "-9007199254740993" } }));
    expect((small as ApiError).message).to.include("minimum value of -9007199254740991");
  });

  it("names several bad parameters on a line each", () => {
    expect(refusal({ extra: 1 })).to.equal(
      "parameter verification failed:\n" +
        "- 'extra': schema does not allow additional properties.\n" +
        "- 'name': parameter is missing and it is not optional.",
    );
  });

  it("can ignore what it does not know", () => {
    expect(
      parameterCheck(schema, "ignore").verify({ texts: { name: "abc", extra: 1 } }),
    ).to.deep.equal({
      name: "abc",
    });
  });

  it("collects repeated keys of a form", () => {
    expect({ ...parseForm("a=1&b=x%20y&a=2&c=+") }).to.deep.equal({
      a: ["1", "2"],
      b: "x y",
      c: " ",
    });
  });

  it("gives a value or an ApiError for any JSON text", () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
        try {
          check.verify({ texts: {}, values: parseJsonParameters(text) });
        } catch (error) {
          expect(error).to.be.instanceOf(ApiError);
        }
      }),
    );
  });
});
