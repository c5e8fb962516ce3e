import { expect } from "chai";
import {
  childNamespace,
  isWithinNamespace,
  namespaceComponents,
  namespaceDepth,
  namespacePath,
  parentNamespace,
  parseNamespace,
  parseNamespacePath,
  rootNamespace,
} from "../../../src/format/snapshot/namespace.ts";
import { thrown } from "../../support/thrown.ts";

describe("format/snapshot/namespace", () => {
  it("prints the folder of a namespace and parses it back", () => {
    for (const [text, path] of [
      ["", ""],
      ["a", "ns/a"],
      ["a/b/c", "ns/a/ns/b/ns/c"],
      ["ns/ns", "ns/ns/ns/ns"],
    ] as const) {
      const namespace = parseNamespace(text);

      expect(namespacePath(namespace)).to.equal(path);
      expect(parseNamespacePath(path)).to.equal(namespace);
      if (path !== "") expect(parseNamespacePath(`${path}/`)).to.equal(namespace);
    }
  });

  it("walks up and down", () => {
    const team = parseNamespace("team");
    const sub = childNamespace(team, "sub");

    expect(sub).to.equal("team/sub");
    expect(childNamespace(rootNamespace, "team")).to.equal(team);
    expect(parentNamespace(sub)).to.equal(team);
    expect(parentNamespace(team)).to.equal(rootNamespace);
    expect(parentNamespace(rootNamespace)).to.equal(undefined);
    expect(namespaceComponents(sub)).to.deep.equal(["team", "sub"]);
    expect([rootNamespace, team, sub].map(namespaceDepth)).to.deep.equal([0, 1, 2]);
  });

  it("knows what lies within what", () => {
    const team = parseNamespace("team");

    expect(isWithinNamespace(parseNamespace("team/sub"), team)).to.equal(true);
    expect(isWithinNamespace(team, team)).to.equal(true);
    expect(isWithinNamespace(team, rootNamespace)).to.equal(true);
    expect(isWithinNamespace(parseNamespace("teams"), team)).to.equal(false);
    expect(isWithinNamespace(rootNamespace, team)).to.equal(false);
  });

  it("rejects empty components and characters that names do not have", () => {
    for (const text of ["/", "a/", "/a", "a//b", "a/../b", ".a", "a b", "ä", "a/b\n"]) {
      expect(
        thrown(() => parseNamespace(text)),
        text,
      ).to.have.property("code", "FORMAT_INVALID");
    }
    for (const path of ["a", "ns", "ns/", "ns/a/b", "xs/a", "ns/a/ns"]) {
      expect(
        thrown(() => parseNamespacePath(path)),
        path,
      ).to.have.property("code", "FORMAT_INVALID");
    }
    for (const component of ["", "a/b"]) {
      expect(thrown(() => childNamespace(rootNamespace, component))).to.have.property("code");
    }
  });

  it("allows seven components and 256 bytes with a separator for each", () => {
    expect(namespaceDepth(parseNamespace("a/a/a/a/a/a/a"))).to.equal(7);
    expect(thrown(() => parseNamespace("a/a/a/a/a/a/a/a"))).to.have.property(
      "code",
      "FORMAT_OUT_OF_RANGE",
    );
    expect(parseNamespace("x".repeat(255))).to.have.length(255);
    expect(parseNamespace(`${"x".repeat(200)}/${"y".repeat(55)}`)).to.have.length(256);
    for (const text of ["x".repeat(256), `${"x".repeat(200)}/${"y".repeat(56)}`]) {
      expect(thrown(() => parseNamespace(text))).to.have.property("code", "FORMAT_OUT_OF_RANGE");
    }
  });
});
