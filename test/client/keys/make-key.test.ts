import { execFileSync } from "node:child_process";
import {
  chown,
  copyFile,
  lstat,
  mkdir,
  readdir,
  readFile,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect } from "chai";

import { type KeySource, loadKey } from "../../../src/client/keys/load-key.ts";
import { changePassphrase, importWrappedKey, makeKey } from "../../../src/client/keys/make-key.ts";
import { parseKeyFile } from "../../../src/format/crypto/key-file.ts";
import { createNativeProvider } from "../../../src/format/crypto/native-provider.ts";
import { fakeKeyTools } from "../../support/key-tools.ts";
import { keyFixture } from "../../support/key-vectors.ts";
import { rejection } from "../../support/rejection.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { skipBecause } from "../../support/skip-because.ts";

const provider = createNativeProvider();
const scrypt = { derivation: "scrypt", hint: "fish" } as const;
const none = { derivation: "none", hint: undefined } as const;

function fixturePath(path: string): string {
  return fileURLToPath(new URL(`../../../fixtures/${path}`, import.meta.url));
}

describe("client/keys/make-key", () => {
  let folder: Awaited<ReturnType<typeof tempDir>>;
  let path: string;

  beforeEach(async () => {
    folder = await tempDir();
    path = join(folder.path, "k.json");
  });

  afterEach(async () => {
    await folder[Symbol.asyncDispose]();
  });

  async function opened(passphrase: string, source: KeySource = { kind: "file", path }) {
    const bytes = new TextEncoder().encode(passphrase);
    const warn = (text: string): never => expect.fail(text);
    return await loadKey(
      { provider, passphrase: async () => await Promise.resolve(bytes), warn },
      source,
    );
  }

  it("makes a key that its passphrase opens, in a private file", async () => {
    const tools = fakeKeyTools(folder.path, { answers: ["swordfish", "swordfish"] });

    const kept = await makeKey(tools, path, scrypt);

    const { fingerprint, file } = await opened("swordfish");
    expect(kept).to.deep.equal({ path, fingerprint });
    expect(file).to.include({
      createdSec: 1_700_000_000,
      modifiedSec: 1_700_000_000,
      hint: "fish",
    });
    expect((await stat(path)).mode & 0o777).to.equal(0o600);
    expect(await readdir(folder.path)).to.deep.equal(["k.json"]);
  });

  it("makes the default key in a private folder of its own, with the passphrase of the environment", async () => {
    const environment = { PBS_ENCRYPTION_PASSWORD: "swordfish" };
    const home = join(folder.path, "new", "home");

    const kept = await makeKey(fakeKeyTools(home, { environment }), undefined, scrypt);

    expect(kept.path).to.equal(join(home, "proxmox-backup", "encryption-key.json"));
    expect((await stat(join(home, "proxmox-backup"))).mode & 0o777).to.equal(0o700);
    expect((await opened("swordfish", { kind: "file", path: kept.path })).fingerprint).to.equal(
      kept.fingerprint,
    );
  });

  it("touches nothing that exists, not even a dangling link, and asks nothing first", async () => {
    const link = join(folder.path, "link");
    await writeFile(path, "precious");
    await symlink("/nowhere/else", link);
    for (const taken of [path, link]) {
      const tools = fakeKeyTools(folder.path, { answers: [] });

      expect(await rejection(makeKey(tools, taken, scrypt))).to.have.property("code", "KEY_EXISTS");
    }
    expect(await readFile(path, "utf8")).to.equal("precious");
  });

  it("rejects with KEY_UNWRITABLE what cannot be written, and leaves nothing", async () => {
    const missing = join(folder.path, "no", "such", "k.json");

    const error = await rejection(makeKey(fakeKeyTools(folder.path), missing, none));

    expect(error).to.have.property("code", "KEY_UNWRITABLE");
    expect(await readdir(folder.path)).to.deep.equal([]);
  });

  it("refuses a hint before it asks for a passphrase", async () => {
    const tools = fakeKeyTools(folder.path, { answers: [] });

    for (const wishes of [
      { derivation: "scrypt", hint: "" },
      { derivation: "none", hint: "fish" },
    ] as const) {
      expect(await rejection(makeKey(tools, path, wishes))).to.have.property(
        "code",
        "FORMAT_INVALID",
      );
    }
  });

  it("changes passphrase, derivation and hint, and keeps the key and when it was made", async () => {
    await copyFile(fixturePath("keys/key-scrypt.json"), path);
    const tools = fakeKeyTools(folder.path, {
      environment: {
        PBS_ENCRYPTION_PASSWORD: "correct horse battery staple",
        AMBER_NEW_ENCRYPTION_PASSWORD: "new secret",
      },
    });

    const kept = await changePassphrase(tools, path, { derivation: "pbkdf2", hint: undefined });

    const { file, key } = await opened("new secret");
    const clear = parseKeyFile(keyFixture("keys/key-scrypt-then-none.json"));
    expect(key.encKey).to.deep.equal(clear.data);
    expect(kept.fingerprint).to.equal(clear.fingerprint);
    expect(file).to.deep.include({
      createdSec: 1795168058,
      modifiedSec: 1_700_000_000,
      hint: undefined,
    });
    expect(file.derivation.name).to.equal("pbkdf2");
    expect((await stat(path)).mode & 0o777).to.equal(0o600);
    expect(await readdir(folder.path)).to.deep.equal(["k.json"]);
  });

  it("asks for the old passphrase, then twice for the new one", async () => {
    await copyFile(fixturePath("crypt/known-key-pbkdf2.json"), path);
    const tools = fakeKeyTools(folder.path, { answers: ["hunter22", "swordfish", "swordfish"] });

    await changePassphrase(tools, path, { derivation: "pbkdf2", hint: undefined });

    expect((await opened("swordfish")).fingerprint).to.match(/^0e:ab:d4/);
  });

  it("keeps the old file when the old passphrase is wrong or the new one is not confirmed", async () => {
    const before = keyFixture("crypt/known-key-pbkdf2.json");
    await writeFile(path, before, { mode: 0o600 });
    for (const answers of [["wrong one"], ["hunter22", "swordfish", "swordfisch"]]) {
      const tools = fakeKeyTools(folder.path, { answers });

      expect(await rejection(changePassphrase(tools, path, scrypt)))
        .to.have.property("code")
        .that.matches(/^KEY_(WRONG_PASSPHRASE|PASSPHRASE_MISMATCH)$/);
      expect(await readFile(path, "utf8")).to.equal(before);
    }
  });

  it("changes the file that a link leads to, and leaves the link", async () => {
    const link = join(folder.path, "link.json");
    await writeFile(path, keyFixture("crypt/known-key-pbkdf2.json"), { mode: 0o600 });
    await symlink("k.json", link);
    const tools = fakeKeyTools(folder.path, { answers: ["hunter22", "swordfish", "swordfish"] });

    const kept = await changePassphrase(tools, link, { derivation: "pbkdf2", hint: undefined });

    expect((await opened("swordfish")).fingerprint).to.equal(kept.fingerprint);
    expect((await lstat(link)).isSymbolicLink()).to.equal(true);
    expect(await readdir(folder.path)).to.have.members(["k.json", "link.json"]);
  });

  it("puts no file in the place of a pipe or a device, and asks nothing first", async () => {
    const pipe = join(folder.path, "pipe");
    execFileSync("mkfifo", [pipe]);
    for (const source of [pipe, "/dev/null", "/proc/self/status"]) {
      const tools = fakeKeyTools(folder.path, { answers: [] });

      expect(await rejection(changePassphrase(tools, source, scrypt)), source).to.have.property(
        "code",
        "KEY_UNWRITABLE",
      );
    }
    expect((await lstat(pipe)).isFIFO()).to.equal(true);
    expect(await readdir(folder.path)).to.deep.equal(["pipe"]);
  });

  it("is not stopped by what a killed process of the same number left", async () => {
    await writeFile(path, keyFixture("crypt/known-key-pbkdf2.json"), { mode: 0o600 });
    await writeFile(`${path}.tmp-${process.pid}`, "half a key");
    const tools = fakeKeyTools(folder.path, { answers: ["hunter22", "swordfish", "swordfish"] });

    await changePassphrase(tools, path, { derivation: "pbkdf2", hint: undefined });

    expect((await opened("swordfish")).fingerprint).to.match(/^0e:ab:d4/);
  });

  it("leaves the file to its owner when an administrator changes it", async function () {
    if (process.getuid?.() !== 0) skipBecause(this, "needs root");
    await writeFile(path, keyFixture("crypt/known-key-pbkdf2.json"), { mode: 0o600 });
    await chown(path, 1234, 5678);
    const tools = fakeKeyTools(folder.path, { answers: ["hunter22", "swordfish", "swordfish"] });

    await changePassphrase(tools, path, { derivation: "pbkdf2", hint: undefined });

    expect(await stat(path)).to.include({ uid: 1234, gid: 5678, mode: 0o100600 });
  });

  it("changes the default key when none is named, and fails without one", async () => {
    const tools = fakeKeyTools(folder.path);
    const [place] = tools.config.keyFiles;

    expect(await rejection(changePassphrase(tools, undefined, none))).to.have.property(
      "code",
      "KEY_MISSING",
    );
    await mkdir(join(place, ".."));
    await copyFile(fixturePath("keys/key-none.json"), place);
    expect((await changePassphrase(tools, undefined, none)).path).to.equal(place);
    expect(tools.warnings).to.have.length(1); // The copy is readable by others.
  });

  it("gets a key back with the master key, keeping when it was made", async () => {
    const tools = fakeKeyTools(folder.path, {
      answers: ["masterpass", "swordfish", "swordfish"],
    });
    const from = {
      masterKeyPath: fixturePath("keys/master-private.pem"),
      wrappedKeyPath: fixturePath("crypt/known-key.rsa-encrypted.key"),
    };

    const kept = await importWrappedKey(tools, path, { ...from, ...scrypt });

    const { file, fingerprint } = await opened("swordfish");
    expect(kept.fingerprint).to.equal(fingerprint);
    expect(file.createdSec).to.equal(
      parseKeyFile(keyFixture("crypt/known-key-none.json")).createdSec,
    );
    expect(file.modifiedSec).to.equal(1_700_000_000);
    const wrong = fakeKeyTools(folder.path, { answers: ["not this"] });
    const other = join(folder.path, "other.json");
    expect(
      await rejection(importWrappedKey(wrong, other, { ...from, ...scrypt })),
    ).to.have.property("code", "KEY_WRONG_PASSPHRASE");
  });
});
