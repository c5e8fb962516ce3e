import { expect } from "chai";
import fc from "fast-check";

import { FormatError } from "../../../src/format/format-error.ts";
import { checkHint, parseKeyFile, printKeyFile } from "../../../src/format/crypto/key-file.ts";
import { documentedKey, keyFilePaths, keyFixture } from "../../support/key-vectors.ts";
import { thrown } from "../../support/thrown.ts";

const known = documentedKey();

/** The documented key file in the clear with other members. */
function changed(members: object): string {
  return JSON.stringify({ ...(JSON.parse(known.keyfile_none) as object), ...members });
}

function scrypt(parameters: object): string {
  return changed({ kdf: { Scrypt: { n: 65536, r: 8, p: 1, salt: "AAAA", ...parameters } } });
}

describe("format/crypto/key-file", () => {
  it("prints every official key file as it was, byte for byte", () => {
    const texts = [
      ...keyFilePaths.map(keyFixture),
      known.keyfile_none,
      known.scrypt.keyfile,
      known.pbkdf2.keyfile,
    ];

    for (const text of texts) expect(printKeyFile(parseKeyFile(text), "compact")).to.equal(text);
  });

  it("prints the pretty form of the official paper keys", () => {
    for (const name of ["none", "scrypt"]) {
      const paper = keyFixture(`keys/paperkey-${name}.txt`);

      const key = parseKeyFile(keyFixture(`keys/key-${name}.json`));

      expect(paper).to.include(`\n${printKeyFile(key, "pretty")}\n-----END`);
    }
  });

  it("reads what the official files say", () => {
    const file = parseKeyFile(keyFixture("keys/key-scrypt.json"));

    expect(file.derivation).to.deep.include({ name: "scrypt", cost: { n: 65536, r: 8, p: 1 } });
    expect(file).to.include({
      createdSec: 1795168058,
      modifiedSec: 1795168058,
      hint: "the xkcd one",
      fingerprint:
        "97:ed:18:d9:27:f7:87:d9:0f:a9:29:f8:7e:43:49:d5:f6:27:ef:60:05:01:41:99:70:fa:7e:78:dd:8c:58:38",
    });
  });

  it("accepts members in any order, unknown ones, and files without fingerprint", () => {
    const { data, created, modified } = JSON.parse(known.keyfile_none) as Record<string, string>;

    const file = parseKeyFile(JSON.stringify({ new: 1, data, modified, hint: null, created }));

    expect(file).to.deep.include({ derivation: { name: "none" }, fingerprint: undefined });
    expect(printKeyFile(file, "compact")).to.equal(
      JSON.stringify({ kdf: null, created, modified, data }),
    );
  });

  it("reads local times and UTC, and prints UTC", () => {
    const times = { created: "2023-11-15T03:43:20+05:30", modified: "2023-11-14T22:13:20Z" };

    const file = parseKeyFile(changed(times));

    expect(file).to.include({ createdSec: 1_700_000_000, modifiedSec: 1_700_000_000 });
    expect(printKeyFile(file, "compact")).to.equal(known.keyfile_none);
    expect(parseKeyFile(changed({ created: "2023-11-14T17:13:20-05:00" })).createdSec).to.equal(
      1_700_000_000,
    );
  });

  it("rejects times of any other form", () => {
    for (const created of [
      "2023-11-14T22:13:20.5Z",
      "2023-11-14T22:13:20",
      "2023-11-14 22:13:20Z",
      "2023-02-29T22:13:20Z",
      "2023-11-14T22:13:20+24:00",
      "2023-11-14T22:13:20+0000",
      1_700_000_000,
    ]) {
      expect(thrown(() => parseKeyFile(changed({ created })))).to.have.property(
        "code",
        "FORMAT_INVALID",
      );
    }
  });

  it("rejects what is no key file", () => {
    for (const text of [
      "",
      "null",
      "[]",
      "{}",
      changed({ data: "AA" }),
      changed({ data: 5 }),
      changed({ fingerprint: "0e:ab" }),
      changed({ hint: "" }),
      changed({ hint: "a\tb" }),
      changed({ kdf: "Scrypt" }),
      changed({ kdf: {} }),
      changed({ kdf: { Scrypt: null } }),
      changed({ kdf: { Scrypt: { n: 65536, r: 8, p: 1 } } }),
      scrypt({ n: "65536" }),
      changed({ kdf: { PBKDF2: { salt: "AAAA" } } }),
    ]) {
      expect(
        thrown(() => parseKeyFile(text)),
        text,
      ).to.have.property("code", "FORMAT_INVALID");
    }
  });

  it("rejects with FORMAT_UNSUPPORTED a derivation that it does not know, and names it", () => {
    const error = thrown(() => parseKeyFile(changed({ kdf: { Argon2id: { m: 1 } } }))) as Error;

    expect(error).to.have.property("code", "FORMAT_UNSUPPORTED");
    expect(error.message).to.include('"Argon2id"');
  });

  it("rejects with FORMAT_OUT_OF_RANGE derivations that eat all memory or hang, without running them", () => {
    for (const text of [
      scrypt({ n: 2 ** 23, r: 8 }), // 8 GiB
      scrypt({ n: 2 ** 20, r: 8, p: 32 }), // 32 times as long as memory allows
      scrypt({ n: 2 ** 40, r: 1 }),
      scrypt({ n: 1000 }),
      scrypt({ n: 1 }),
      scrypt({ n: 0 }),
      scrypt({ n: -65536 }),
      scrypt({ n: 65536.5 }),
      scrypt({ r: 0 }),
      scrypt({ p: 0 }),
      scrypt({ n: 65536, r: 1 }), // not below 2^(16 r), RFC 7914 §2
      scrypt({ n: 2, p: 2 ** 24 }),
      changed({ kdf: { PBKDF2: { iter: 2 ** 31, salt: "AAAA" } } }),
      changed({ kdf: { PBKDF2: { iter: 0, salt: "AAAA" } } }),
      changed({ pad: "x".repeat(70_000) }),
    ]) {
      expect(thrown(() => parseKeyFile(text))).to.have.property("code", "FORMAT_OUT_OF_RANGE");
    }
  });

  it("accepts the most expensive scrypt that the official programs accept", () => {
    const { derivation } = parseKeyFile(scrypt({ n: 2 ** 20 }));

    expect(derivation).to.deep.include({ cost: { n: 2 ** 20, r: 8, p: 1 } });
  });

  it("ends on any text in a key file or a FormatError that shows no key", () => {
    const data = (JSON.parse(known.keyfile_none) as { data: string }).data;
    fc.assert(
      fc.property(
        fc.nat(known.scrypt.keyfile.length - 1),
        fc.string({ maxLength: 3, unit: "binary" }),
        (at, char) => {
          for (const valid of [known.scrypt.keyfile, known.pbkdf2.keyfile, known.keyfile_none]) {
            try {
              parseKeyFile(valid.slice(0, at) + char + valid.slice(at + 1));
            } catch (error) {
              expect(error).to.be.instanceOf(FormatError);
              expect((error as Error).cause).to.equal(undefined);
              expect((error as Error).message).to.not.include(data.slice(4, 12));
            }
          }
        },
      ),
    );
  });

  it("counts a hint in characters, not in bytes or halves of them", () => {
    expect(checkHint("🔑".repeat(64))).to.have.length(128);
    expect(thrown(() => checkHint("🔑".repeat(65)))).to.have.property("code", "FORMAT_INVALID");
  });
});
