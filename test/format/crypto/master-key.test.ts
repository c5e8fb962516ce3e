import { generateKeyPairSync } from "node:crypto";

import { expect } from "chai";

import {
  needsMasterPassphrase,
  newMasterKey,
  openMasterPrivateKey,
  parseMasterPublicKey,
} from "../../../src/format/crypto/master-key.ts";
import { keyFixture } from "../../support/key-vectors.ts";
import { thrown } from "../../support/thrown.ts";

const privatePem = keyFixture("keys/master-private.pem");
const publicPem = keyFixture("keys/master-public.pem");

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

describe("format/crypto/master-key", () => {
  it("makes RSA keys of 4096 bits in the official form, which the passphrase opens", async () => {
    const made = await newMasterKey(bytes("masterpass"));

    const opened = openMasterPrivateKey(made.privatePem, bytes("masterpass"));
    const read = parseMasterPublicKey(made.publicPem);

    expect(made.privatePem).to.match(/^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/);
    expect(made.privatePem.split("\n")).to.have.length(privatePem.split("\n").length);
    expect(opened.asymmetricKeyDetails).to.deep.include({
      modulusLength: 4096,
      publicExponent: 65537n,
    });
    expect(read).to.include({ modulusBits: 4096, exponent: "65537" });
    // PBES2 with PBKDF2 (2048 iterations, HMAC-SHA-256) and AES-256-CBC, as in the official file.
    const parameters = (pem: string) => {
      const der = Buffer.from(pem.replace(/-----[^-]+-----|\n/g, ""), "base64").subarray(0, 100);
      for (const [tag, size] of [
        ["0408", 8],
        ["0410", 16],
      ] as const) {
        const at = der.indexOf(Buffer.from(tag, "hex")) + 2;
        der.fill(0, at, at + size); // salt and nonce
      }
      return der.subarray(0, der.indexOf(Buffer.from("0410", "hex")) + 18);
    };
    expect(parameters(made.privatePem)).to.deep.equal(parameters(privatePem));
  });

  it("reads the official public key", () => {
    const shown = JSON.parse(keyFixture("keys/key-show.json")) as Record<string, object>;

    const { modulus, exponent, modulusBits } = parseMasterPublicKey(publicPem);

    expect(shown["master-public.pem"]).to.include({ modulus, exponent, length: modulusBits });
  });

  it("knows which private keys have a passphrase", () => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const clear = privateKey.export({ type: "pkcs1", format: "pem" }).toString();
    const passphrase = { cipher: "aes-128-cbc", passphrase: "x" };
    const old = privateKey.export({ type: "pkcs1", format: "pem", ...passphrase }).toString();

    expect([privatePem, clear, old].map(needsMasterPassphrase)).to.deep.equal([true, false, true]);
    expect(openMasterPrivateKey(clear, new Uint8Array(0)).type).to.equal("private");
  });

  it("rejects a wrong passphrase without showing it", () => {
    const error = thrown(() => openMasterPrivateKey(privatePem, bytes("wrong-pass"))) as Error;

    expect(error).to.have.property("code", "KEY_WRONG_PASSPHRASE");
    expect(error.message).to.not.include("wrong-pass");
  });

  it("rejects keys of other types, damaged ones, and a private key instead of a public one", () => {
    const curve = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const curvePublic = curve.publicKey.export({ type: "spki", format: "pem" }).toString();
    const curvePrivate = curve.privateKey.export({ type: "pkcs8", format: "pem" }).toString();

    for (const text of ["", curvePublic, privatePem, publicPem.replace(/[A-Za-z]{20}/, "")]) {
      expect(thrown(() => parseMasterPublicKey(text))).to.have.property(
        "code",
        "KEY_MASTER_UNUSABLE",
      );
    }
    for (const text of ["", publicPem, curvePrivate]) {
      expect(thrown(() => openMasterPrivateKey(text, new Uint8Array(0)))).to.have.property(
        "code",
        "KEY_MASTER_UNUSABLE",
      );
    }
  });
});
