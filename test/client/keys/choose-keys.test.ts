import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import {
  chooseBackupKeys,
  chooseReadKeySource,
  type DefaultKeyPaths,
  type KeyWishes,
} from "../../../src/client/keys/choose-keys.ts";
import { type KeySource } from "../../../src/client/keys/load-key.ts";
import { rejection } from "../../support/rejection.ts";
import { tempDir } from "../../support/temp-dir.ts";

const given: KeySource = { kind: "file", path: "/k.json" };
const givenMaster: KeySource = { kind: "descriptor", descriptor: "4" };
const unsaid: KeyWishes = { mode: undefined, key: undefined, masterKey: undefined };

describe("client/keys/choose-keys", () => {
  let folder: Awaited<ReturnType<typeof tempDir>>;
  let none: DefaultKeyPaths;
  let both: DefaultKeyPaths;
  let keyOnly: DefaultKeyPaths;
  let defaultKey: KeySource;
  let defaultMaster: KeySource;

  before(async () => {
    folder = await tempDir();
    const key = join(folder.path, "key.json");
    const master = join(folder.path, "master.pem");
    const missing = [join(folder.path, "missing")];
    await writeFile(key, "");
    await writeFile(master, "");
    defaultKey = { kind: "default", path: key };
    defaultMaster = { kind: "default", path: master };
    none = { keyFiles: missing, masterKeyFiles: missing };
    keyOnly = { keyFiles: [...missing, key], masterKeyFiles: missing };
    both = { keyFiles: [...missing, key], masterKeyFiles: [...missing, master] };
  });

  after(async () => {
    await folder[Symbol.asyncDispose]();
  });

  it("does not encrypt when nothing is said and there is no default key", async () => {
    const masterOnly = { keyFiles: none.keyFiles, masterKeyFiles: both.masterKeyFiles };

    expect(await chooseBackupKeys(unsaid, none)).to.deep.equal({ mode: "none" });
    expect(await chooseBackupKeys(unsaid, masterOnly)).to.deep.equal({ mode: "none" });
  });

  it("encrypts with the default key when nothing is said, and with the default master key", async () => {
    expect(await chooseBackupKeys(unsaid, keyOnly)).to.deep.equal({
      mode: "encrypt",
      key: defaultKey,
      masterKey: undefined,
    });
    expect(await chooseBackupKeys(unsaid, both)).to.deep.equal({
      mode: "encrypt",
      key: defaultKey,
      masterKey: defaultMaster,
    });
  });

  it("encrypts with a given key, and prefers given keys to default ones", async () => {
    expect(await chooseBackupKeys({ ...unsaid, key: given }, none)).to.deep.equal({
      mode: "encrypt",
      key: given,
      masterKey: undefined,
    });
    expect(
      await chooseBackupKeys({ ...unsaid, key: given, masterKey: givenMaster }, both),
    ).to.deep.equal({ mode: "encrypt", key: given, masterKey: givenMaster });
  });

  it("takes a given master key with the default key, and fails without one", async () => {
    const wishes = { ...unsaid, masterKey: givenMaster };

    expect(await chooseBackupKeys(wishes, both)).to.deep.equal({
      mode: "encrypt",
      key: defaultKey,
      masterKey: givenMaster,
    });
    expect(await rejection(chooseBackupKeys(wishes, none))).to.have.property("code", "KEY_MISSING");
  });

  it("ignores default keys with --crypt-mode none, and refuses given ones", async () => {
    const wishes = { ...unsaid, mode: "none" } as const;

    expect(await chooseBackupKeys(wishes, both)).to.deep.equal({ mode: "none" });
    expect(await chooseReadKeySource(wishes, both)).to.equal(undefined);
    for (const refused of [
      chooseBackupKeys({ ...wishes, key: given }, both),
      chooseBackupKeys({ ...wishes, masterKey: givenMaster }, both),
      chooseReadKeySource({ ...wishes, key: given }, both),
    ]) {
      expect(await rejection(refused)).to.have.property("code", "KEY_CONFLICT");
    }
  });

  it("uses the default key or the given one in a given mode, and fails without any", async () => {
    for (const mode of ["encrypt", "sign-only"] as const) {
      const wishes = { ...unsaid, mode };

      expect(await chooseBackupKeys(wishes, both)).to.deep.equal({
        mode,
        key: defaultKey,
        masterKey: defaultMaster,
      });
      expect(await chooseBackupKeys({ ...wishes, key: given }, both)).to.deep.equal({
        mode,
        key: given,
        masterKey: defaultMaster,
      });
      const error = (await rejection(chooseBackupKeys(wishes, none))) as Error;
      expect(error).to.have.property("code", "KEY_MISSING");
      expect(error.message).to.include(`--crypt-mode ${mode}`).and.include("missing");
    }
  });

  it("reads with the given key, else the default one, else none", async () => {
    expect(await chooseReadKeySource({ ...unsaid, key: given }, both)).to.equal(given);
    expect(await chooseReadKeySource(unsaid, both)).to.deep.equal(defaultKey);
    expect(await chooseReadKeySource(unsaid, none)).to.equal(undefined);
  });
});
