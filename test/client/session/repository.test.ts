import { expect } from "chai";

import {
  authIdOf,
  hostOf,
  parseRepository,
  portOf,
  printRepository,
  repositoryOfParts,
  resolveRepository,
} from "../../../src/client/session/repository.ts";
import { thrown } from "../../support/thrown.ts";

// Spec auth.md §11.1, the table.
const table = [
  ["tank", "root@pam", "localhost", 8007, "tank"],
  ["10.0.0.5:tank", "root@pam", "10.0.0.5", 8007, "tank"],
  ["pbs.example.org:8443:tank", "root@pam", "pbs.example.org", 8443, "tank"],
  ["bob@pbs@pbs.example.org:tank", "bob@pbs", "pbs.example.org", 8007, "tank"],
  ["bob@pbs!ci@pbs.example.org:8443:tank", "bob@pbs!ci", "pbs.example.org", 8443, "tank"],
  ["[fd00::5]:tank", "root@pam", "fd00::5", 8007, "tank"],
  ["bob@pbs@[fd00::5]:8443:tank", "bob@pbs", "fd00::5", 8443, "tank"],
  ["8443:tank", "root@pam", "8443", 8007, "tank"],
  ["a@b@pbs@host:tank", "a@b@pbs", "host", 8007, "tank"],
] as const;

describe("client/session/repository", () => {
  for (const [text, authId, host, port, store] of table) {
    it(`reads "${text}"`, () => {
      const repository = parseRepository(text);

      expect([
        authIdOf(repository),
        hostOf(repository),
        portOf(repository),
        repository.store,
      ]).to.deep.equal([authId, host, port, store]);
    });
  }

  for (const text of [
    "bob@pbs:tank",
    "",
    "host:",
    "host:99999:tank",
    "host:0:tank",
    "[fd00::zz]:tank",
    "a b@pbs@host:tank",
    "host:-tank",
    `host:${"t".repeat(256)}`,
  ]) {
    it(`refuses "${text.slice(0, 30)}"`, () => {
      expect(thrown(() => parseRepository(text)))
        .to.be.instanceOf(Error)
        .with.property("code", "SESSION_REPOSITORY_INVALID");
    });
  }

  for (const [text, canonical] of [
    ["tank", "tank"],
    ["10.0.0.5:tank", "10.0.0.5:tank"],
    ["pbs.example.org:8443:tank", "pbs.example.org:8443:tank"],
    ["bob@pbs@pbs.example.org:tank", "bob@pbs@pbs.example.org:8007:tank"],
    ["[fd00::5]:tank", "[fd00::5]:tank"],
    ["bob@pbs@[fd00::5]:8443:tank", "bob@pbs@[fd00::5]:8443:tank"],
  ] as const) {
    it(`prints "${text}" as "${canonical}"`, () => {
      expect(printRepository(parseRepository(text))).to.equal(canonical);
    });
  }

  it("fills in the port when only a port and a datastore are given", () => {
    const repository = repositoryOfParts({ port: "8443", datastore: "tank" });

    expect(printRepository(repository)).to.equal("localhost:8443:tank");
  });

  it("takes an IPv6 address without brackets as a part", () => {
    const repository = repositoryOfParts({ server: "fd00::5", datastore: "tank" });

    expect(printRepository(repository)).to.equal("[fd00::5]:tank");
  });

  it("prefers --repository to all variables", () => {
    const repository = resolveRepository({
      option: "a:one",
      optionParts: {},
      variable: "b:two",
      variableParts: { datastore: "three" },
    });

    expect(printRepository(repository)).to.equal("a:one");
  });

  it("refuses --repository together with a part option", () => {
    const error = thrown(() =>
      resolveRepository({ option: "a:one", optionParts: { port: "1" }, variableParts: {} }),
    );

    expect(error).to.have.property("code", "SESSION_REPOSITORY_INVALID");
  });

  it("completes part options with part variables and ignores PBS_REPOSITORY", () => {
    const repository = resolveRepository({
      optionParts: { server: "a" },
      variable: "b:two",
      variableParts: { server: "c", datastore: "three", authId: "bob@pbs" },
    });

    expect(printRepository(repository)).to.equal("bob@pbs@a:8007:three");
  });

  it("needs a datastore when a part is given", () => {
    const error = thrown(() =>
      resolveRepository({ optionParts: { server: "a" }, variable: "b:two", variableParts: {} }),
    );

    expect(error).to.have.property("code", "SESSION_REPOSITORY_MISSING");
  });

  it("prefers PBS_REPOSITORY to the part variables", () => {
    const repository = resolveRepository({
      optionParts: {},
      variable: "b:two",
      variableParts: { datastore: "three" },
    });

    expect(printRepository(repository)).to.equal("b:two");
  });

  it("says that no repository was given", () => {
    const error = thrown(() => resolveRepository({ optionParts: {}, variableParts: {} }));

    expect(error).to.have.property("code", "SESSION_REPOSITORY_MISSING");
  });
});
