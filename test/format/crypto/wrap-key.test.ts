import { constants, createPublicKey, generateKeyPairSync, publicEncrypt } from "node:crypto";
import { readFileSync } from "node:fs";

import { expect } from "chai";

import { fromHex } from "../../../src/format/bytes/hex.ts";
import { decodeBlob } from "../../../src/format/chunk/data-blob.ts";
import { cryptKeyOf } from "../../../src/format/crypto/crypt-key.ts";
import { KeyError } from "../../../src/format/crypto/key-error.ts";
import { printKeyFile } from "../../../src/format/crypto/key-file.ts";
import {
  openMasterPrivateKey,
  parseMasterPublicKey,
} from "../../../src/format/crypto/master-key.ts";
import { createNativeProvider } from "../../../src/format/crypto/native-provider.ts";
import { unwrapKey, wrapKey } from "../../../src/format/crypto/wrap-key.ts";
import { documentedKey, keyFixture } from "../../support/key-vectors.ts";
import { thrown } from "../../support/thrown.ts";

const provider = createNativeProvider();
const known = documentedKey();
const knownKey = cryptKeyOf(provider, fromHex(known.encryption_key_hex));
const times = { createdSec: 1_700_000_000, modifiedSec: 1_700_000_000 };

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function fixtureBytes(path: string): Uint8Array {
  return readFileSync(new URL(`../../../fixtures/${path}`, import.meta.url));
}

function pem(label: string, base64: string): string {
  const lines = base64.match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

describe("format/crypto/wrap-key", () => {
  const master = openMasterPrivateKey(keyFixture("keys/master-private.pem"), bytes("masterpass"));
  const publicMaster = parseMasterPublicKey(keyFixture("keys/master-public.pem"));

  it("gets the key back that the official client wrapped, raw and as a blob", () => {
    const raw = fixtureBytes("crypt/known-key.rsa-encrypted.key");
    const blob = fixtureBytes("crypt/rsa-encrypted.key.blob");

    const decoded = decodeBlob(provider, blob, { sizeMax: 1024, what: "key" });

    expect(printKeyFile(unwrapKey(master, raw), "compact")).to.equal(
      keyFixture("crypt/known-key-none.json"),
    );
    expect(unwrapKey(master, decoded).data).to.deep.equal(knownKey.encKey);
  });

  it("gets the key back from the snapshots of an official server", () => {
    for (const group of ["ct/101", "ct/777"]) {
      const path = `datastore-real/store/${group}/2024-06-05T14:24:36Z/rsa-encrypted.key.blob`;
      const wrapped = decodeBlob(provider, fixtureBytes(path), { sizeMax: 1024, what: "key" });

      expect(unwrapKey(master, wrapped).data).to.deep.equal(knownKey.encKey);
    }
  });

  it("gets the documented key back with the documented master key, in the clear and encrypted", () => {
    const { rsa } = known;
    const wrapped = Buffer.from(rsa.ciphertext_base64, "base64");
    const passphrase = bytes(rsa.private_key_passphrase);
    for (const text of [
      pem("PRIVATE KEY", rsa.private_key_pkcs8_der_base64),
      pem("ENCRYPTED PRIVATE KEY", rsa.private_key_encrypted_pkcs8_der_base64),
    ]) {
      const file = unwrapKey(openMasterPrivateKey(text, passphrase), wrapped);

      expect(printKeyFile(file, "compact")).to.equal(known.keyfile_none);
    }
  });

  it("wraps what it can get back: the key file in the clear, without a hint", () => {
    const wrapped = wrapKey(provider, publicMaster, knownKey, times);

    expect(wrapped).to.have.length(512);
    expect(wrapped).to.not.deep.equal(wrapKey(provider, publicMaster, knownKey, times));
    expect(printKeyFile(unwrapKey(master, wrapped), "compact")).to.equal(known.keyfile_none);
    expect(knownKey.encKey).to.deep.equal(fromHex(known.encryption_key_hex));
  });

  it("refuses RSA-2048 with the reason, and works with RSA-3072", () => {
    const make = (modulusLength: number) => generateKeyPairSync("rsa", { modulusLength });
    const publicOf = (pair: ReturnType<typeof make>) =>
      parseMasterPublicKey(pair.publicKey.export({ type: "spki", format: "pem" }).toString());
    const larger = make(3072);

    const error = thrown(() => wrapKey(provider, publicOf(make(2048)), knownKey, times)) as Error;
    const wrapped = wrapKey(provider, publicOf(larger), knownKey, times);

    expect(error).to.have.property("code", "KEY_MASTER_UNUSABLE");
    expect(error.message).to.include("RSA with 2048 bits encrypts at most 245 bytes");
    expect(printKeyFile(unwrapKey(larger.privateKey, wrapped), "compact")).to.equal(
      known.keyfile_none,
    );
  });

  it("rejects with one error whatever is wrong: size, other key, padding, content", () => {
    const other = createPublicKey({
      key: Buffer.from(known.rsa.public_key_spki_der_base64, "base64"),
      format: "der",
      type: "spki",
    });
    const unpadded = (block: Uint8Array) =>
      publicEncrypt({ key: publicMaster.key, padding: constants.RSA_NO_PADDING }, block);
    const block = (start: string, rest: (block: Uint8Array) => void) => {
      const whole = new Uint8Array(512).fill(0x11);
      whole.set(fromHex(start));
      rest(whole);
      return unpadded(whole);
    };
    const json = bytes(known.keyfile_none);
    const withJson = (whole: Uint8Array) => {
      whole.set(json, 512 - json.length);
      whole[512 - json.length - 1] = 0;
    };
    expect(unwrapKey(master, block("0002", withJson)).fingerprint).to.equal(known.fingerprint);

    for (const wrapped of [
      new Uint8Array(0),
      new Uint8Array(511),
      new Uint8Array(512).fill(0xff),
      publicEncrypt({ key: other, padding: constants.RSA_PKCS1_PADDING }, json),
      publicEncrypt(
        { key: publicMaster.key, padding: constants.RSA_PKCS1_PADDING },
        bytes("no key file"),
      ),
      block("0001", withJson),
      block("0102", withJson),
      block("0002", () => undefined), // no separator
      block("000211111111111111", (whole) => {
        whole.set([0], 9);
      }), // seven bytes of padding
    ]) {
      const error = thrown(() => unwrapKey(master, wrapped));

      expect(error).to.be.instanceOf(KeyError).and.have.property("code", "KEY_UNWRAP_FAILED");
    }
  });
});
