import { expect } from "chai";
import {
  authIdParts,
  isOwnedBy,
  parseAuthId,
  parseUserId,
} from "../../../src/format/snapshot/auth-id.ts";
import { parseDatastoreName } from "../../../src/format/snapshot/datastore-name.ts";
import { thrown } from "../../support/thrown.ts";

describe("format/snapshot/auth-id", () => {
  it("takes users and tokens apart", () => {
    expect(authIdParts(parseAuthId("root@pam"))).to.deep.equal({ user: "root@pam" });
    expect(authIdParts(parseAuthId("test@pbs!tok1"))).to.deep.equal({
      user: "test@pbs",
      token: "tok1",
    });
    expect(authIdParts(parseAuthId("a!b@c@pam!tok"))).to.deep.equal({
      user: "a!b@c@pam",
      token: "tok",
    });
    expect(authIdParts(parseAuthId("a!b@pam"))).to.deep.equal({ user: "a!b@pam" });
    expect(parseUserId("jürgen@pam")).to.equal("jürgen@pam");
  });

  it("rejects what is neither", () => {
    const bad = [
      "",
      "root",
      "@pam",
      "root@",
      "root@p",
      "ro ot@pam",
      "a:b@pam",
      "a/b@pam",
      "a\n@pam",
    ];
    const badTokens = ["root@pam!", "root@pam!a b c", "root!abc", `${"x".repeat(60)}@pam!tok`];
    for (const text of [...bad, ...badTokens]) {
      expect(
        thrown(() => parseAuthId(text)),
        text,
      ).to.have.property("code", "FORMAT_INVALID");
    }
    expect(thrown(() => parseUserId("test@pbs!tok1"))).to.have.property("code", "FORMAT_INVALID");
  });

  it("lets a user, but not another token, act for the token that owns", () => {
    const user = parseAuthId("test@pbs");
    const token = parseAuthId("test@pbs!tok1");

    expect(isOwnedBy(user, user)).to.equal(true);
    expect(isOwnedBy(token, token)).to.equal(true);
    expect(isOwnedBy(token, user)).to.equal(true);
    expect(isOwnedBy(user, token)).to.equal(false);
    expect(isOwnedBy(token, parseAuthId("test@pbs!tok2"))).to.equal(false);
  });
});

describe("format/snapshot/datastore-name", () => {
  it("accepts 3 to 32 safe characters", () => {
    expect(parseDatastoreName("store_1.a-b")).to.equal("store_1.a-b");
    for (const text of ["ab", "x".repeat(33), "a/b", ".store", "store\n"]) {
      expect(
        thrown(() => parseDatastoreName(text)),
        text,
      ).to.have.property("code", "FORMAT_INVALID");
    }
  });
});
