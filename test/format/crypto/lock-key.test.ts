import { expect } from "chai";

import { fromHex } from "../../../src/format/bytes/hex.ts";
import { type CodecProvider } from "../../../src/format/crypto/codec-provider.ts";
import { cryptKeyOf, keyFingerprint } from "../../../src/format/crypto/crypt-key.ts";
import { parseFingerprint } from "../../../src/format/crypto/fingerprint.ts";
import { keyDerivationNames } from "../../../src/format/crypto/key-derivation.ts";
import { parseKeyFile, printKeyFile } from "../../../src/format/crypto/key-file.ts";
import { lockKey, newEncryptionKey, unlockKeyFile } from "../../../src/format/crypto/lock-key.ts";
import { createNativeProvider } from "../../../src/format/crypto/native-provider.ts";
import { createPortableProvider } from "../../../src/format/crypto/portable-provider.ts";
import { documentedKey, keyFixture, lockedKeys } from "../../support/key-vectors.ts";
import { thrown } from "../../support/thrown.ts";

const native = createNativeProvider();
const known = documentedKey();
const knownKey = cryptKeyOf(native, fromHex(known.encryption_key_hex));
const nothing = new Uint8Array(0);

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Gives these instead of random bytes, one after the other. */
function withChance(provider: CodecProvider, ...given: readonly Uint8Array[]): CodecProvider {
  const left = [...given];
  return {
    ...provider,
    randomBytes: (size) => {
      const next = left.shift();
      if (next?.length !== size) throw new Error(`no ${size} bytes of chance`);
      return next;
    },
  };
}

describe("format/crypto/lock-key", () => {
  function opensOfficialFiles(
    provider: CodecProvider,
    keys: readonly (typeof lockedKeys)[number][],
  ): void {
    for (const [path, passphrase, clearPath] of keys) {
      const locked = parseKeyFile(keyFixture(path));
      const clear = parseKeyFile(keyFixture(clearPath));

      const key = unlockKeyFile(provider, locked, bytes(passphrase));

      expect(key, path).to.deep.equal(unlockKeyFile(provider, clear, nothing));
      expect(key.encKey).to.deep.equal(clear.data);
      expect(keyFingerprint(provider, key)).to.equal(locked.fingerprint);
    }
  }

  it("opens official key files of every derivation", () => {
    opensOfficialFiles(native, lockedKeys);
  });

  it("opens them with the portable provider too", () => {
    // Portable scrypt takes seconds; test/contract holds it to the same keys.
    const cheap = lockedKeys.filter(([path]) => path.includes("pbkdf2"));

    opensOfficialFiles(createPortableProvider(), cheap);
  });

  it("makes the documented key files, byte for byte", () => {
    const times = { createdSec: 1_700_000_000, modifiedSec: 1_700_000_000 };
    const passphrase = bytes(known.passphrase);
    const chance = [fromHex(known.salt_hex), fromHex(known.iv_hex)];
    const hintOf = { scrypt: "fish", pbkdf2: parseKeyFile(known.pbkdf2.keyfile).hint };

    for (const derivation of ["scrypt", "pbkdf2"] as const) {
      const hint = hintOf[derivation];
      const lock = { derivation, passphrase, hint, ...times };

      const file = lockKey(withChance(native, ...chance), knownKey, lock);

      expect(printKeyFile(file, "compact")).to.equal(known[derivation].keyfile);
    }
    const clear = { derivation: "none", passphrase: nothing, hint: undefined, ...times } as const;
    expect(printKeyFile(lockKey(native, knownKey, clear), "compact")).to.equal(known.keyfile_none);
  });

  it("makes the official key files, byte for byte, given their salt and nonce", () => {
    for (const [path, passphrase, clearPath] of lockedKeys) {
      const official = parseKeyFile(keyFixture(path));
      const key = cryptKeyOf(native, parseKeyFile(keyFixture(clearPath)).data);
      const { derivation, data, hint, createdSec, modifiedSec } = official;
      if (derivation.name === "none") expect.fail(path);
      const chance = withChance(native, derivation.salt, data.slice(0, 16));

      const ours = lockKey(chance, key, {
        derivation: derivation.name,
        passphrase: bytes(passphrase),
        hint,
        createdSec,
        modifiedSec,
      });

      expect(printKeyFile(ours, "compact")).to.equal(keyFixture(path));
    }
  });

  it("opens what it locked, with a salt and a nonce of its own each time", () => {
    const key = cryptKeyOf(native, newEncryptionKey(native));
    const passphrase = bytes("correct horse");
    for (const derivation of keyDerivationNames) {
      const lock = { derivation, passphrase, hint: undefined, createdSec: 1, modifiedSec: 2 };

      const first = lockKey(native, key, lock);
      const second = lockKey(native, key, lock);

      expect(
        unlockKeyFile(native, parseKeyFile(printKeyFile(first, "compact")), passphrase),
      ).to.deep.equal(key);
      if (derivation !== "none") expect(first.data).to.not.deep.equal(second.data);
    }
  });

  it("rejects a wrong passphrase and gives the hint, not the passphrase", () => {
    const file = parseKeyFile(keyFixture("keys/key-scrypt.json"));

    const error = thrown(() => unlockKeyFile(native, file, bytes("wrong horse"))) as Error;

    expect(error).to.have.property("code", "KEY_WRONG_PASSPHRASE");
    expect(error.message).to.equal(
      'Cannot open the key: wrong passphrase; its hint is "the xkcd one"',
    );
  });

  it("rejects a passphrase of less than five bytes before deriving anything", () => {
    const idle: CodecProvider = { ...native, scrypt: () => expect.fail("derived") };
    const file = parseKeyFile(keyFixture("keys/key-scrypt.json"));
    const lock = {
      derivation: "scrypt",
      passphrase: bytes("1234"),
      hint: undefined,
      createdSec: 1,
      modifiedSec: 1,
    } as const;

    for (const action of [
      () => unlockKeyFile(idle, file, bytes("1234")),
      () => lockKey(idle, knownKey, lock),
    ]) {
      expect(thrown(action)).to.have.property("code", "KEY_PASSPHRASE_SHORT");
    }
  });

  it("rejects a key that is not the one its file names", () => {
    const fingerprint = parseFingerprint("00".repeat(32));
    const file = { ...parseKeyFile(known.keyfile_none), fingerprint };

    expect(thrown(() => unlockKeyFile(native, file, nothing))).to.have.property(
      "code",
      "KEY_FINGERPRINT_MISMATCH",
    );
  });

  it("rejects data that cannot hold a key, and never shows it", () => {
    const clear = parseKeyFile(known.keyfile_none);
    const locked = parseKeyFile(known.scrypt.keyfile);

    for (const file of [
      { ...clear, data: clear.data.subarray(1) },
      { ...locked, data: locked.data.subarray(1) },
      { ...locked, data: clear.data },
    ]) {
      expect(thrown(() => unlockKeyFile(native, file, bytes("swordfish")))).to.have.property(
        "code",
        "FORMAT_INVALID",
      );
    }
  });

  it("refuses a hint without a passphrase", () => {
    const lock = {
      derivation: "none",
      passphrase: nothing,
      hint: "fish",
      createdSec: 1,
      modifiedSec: 1,
    } as const;

    expect(thrown(() => lockKey(native, knownKey, lock))).to.have.property(
      "code",
      "FORMAT_INVALID",
    );
  });
});
