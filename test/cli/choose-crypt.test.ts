import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { chooseBackupCrypt, chooseReadKey, usingKeyLine } from "../../src/cli/choose-crypt.ts";
import { documentedKey, keyFixture } from "../support/key-vectors.ts";
import { rejection } from "../support/rejection.ts";
import { skipBecause } from "../support/skip-because.ts";
import { tempDir } from "../support/temp-dir.ts";

const known = documentedKey();
const variables = ["XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "PBS_ENCRYPTION_PASSWORD"] as const;

describe("cli/choose-crypt", () => {
  let folder: Awaited<ReturnType<typeof tempDir>>;
  const saved = variables.map((name) => [name, process.env[name]] as const);

  beforeEach(async () => {
    folder = await tempDir();
    process.env["XDG_CONFIG_HOME"] = join(folder.path, "home");
    process.env["XDG_CONFIG_DIRS"] = `relative:${join(folder.path, "etc")}`;
    delete process.env["PBS_ENCRYPTION_PASSWORD"];
  });

  afterEach(async () => {
    for (const [name, value] of saved) {
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
    await folder[Symbol.asyncDispose]();
  });

  async function file(name: string, content: string): Promise<string> {
    const path = join(folder.path, name);
    await mkdir(join(path, ".."), { recursive: true });
    await writeFile(path, content, { mode: 0o600 });
    return path;
  }

  it("uses no key when there is none", async () => {
    expect(await chooseBackupCrypt({})).to.deep.equal({
      mode: "none",
      key: undefined,
      masterPublicKeyPem: undefined,
      notices: [],
    });
    expect(await chooseReadKey({})).to.equal(undefined);
  });

  it("opens a given key with the passphrase of the environment and says what the official client says", async () => {
    const keyfile = await file("k.json", known.pbkdf2.keyfile);
    const masterPubkeyFile = await file("m.pem", keyFixture("keys/master-public.pem"));
    process.env["PBS_ENCRYPTION_PASSWORD"] = known.passphrase;

    const crypt = await chooseBackupCrypt({ cryptMode: "sign-only", keyfile, masterPubkeyFile });

    expect(crypt.mode).to.equal("sign-only");
    expect(crypt.key?.fingerprint).to.equal(known.fingerprint);
    expect(Buffer.from(crypt.masterPublicKeyPem ?? []).toString()).to.equal(
      keyFixture("keys/master-public.pem"),
    );
    expect(crypt.notices).to.deep.equal([
      `Using encryption key from '${keyfile}'..`,
      "Encryption key fingerprint: 0e:ab:d4:46:0b:6e:b9:ca",
      `Using master key from '${masterPubkeyFile}'..`,
    ]);
  });

  it("finds the user's default key before the system's, and the system's master key", async () => {
    const system = await file("etc/proxmox-backup/encryption-key.json", "not looked at");
    const own = await file("home/proxmox-backup/encryption-key.json", known.keyfile_none);
    const pem = keyFixture("keys/master-public.pem");
    await file("etc/proxmox-backup/master-public.pem", pem);

    const crypt = await chooseBackupCrypt({});

    expect(system).to.not.equal(own);
    expect(crypt.mode).to.equal("encrypt");
    expect(crypt.key?.origin).to.equal(`default location '${own}'`);
    expect(Buffer.from(crypt.masterPublicKeyPem ?? []).toString()).to.equal(pem);
  });

  it("reads with the system's default key when the user has none", async () => {
    const system = await file("etc/proxmox-backup/encryption-key.json", known.keyfile_none);

    const key = await chooseReadKey({});

    expect(key && usingKeyLine(key)).to.equal(
      `Using encryption key from default location '${system}'..`,
    );
  });

  it("leaves a default key locked that nobody gives the passphrase of, unless it is wanted", async function () {
    if (process.stdin.isTTY) skipBecause(this, "there is a terminal to ask on");
    await file("home/proxmox-backup/encryption-key.json", known.pbkdf2.keyfile);

    expect(await chooseReadKey({})).to.equal(undefined);
    for (const wish of [{ requireSignature: true }, { cryptMode: "encrypt" }] as const) {
      expect(await rejection(chooseReadKey(wish))).to.have.property(
        "code",
        "KEY_PASSPHRASE_MISSING",
      );
    }
  });

  it("asks nobody when standard input is no terminal", async () => {
    const keyfile = await file("k.json", known.pbkdf2.keyfile);

    expect(await rejection(chooseReadKey({ keyfile }))).to.have.property(
      "code",
      process.stdin.isTTY ? "ExitPromptError" : "KEY_PASSPHRASE_MISSING",
    );
  });

  it("refuses a file together with a descriptor", async () => {
    for (const options of [
      { keyfile: "/k", keyfd: "3" },
      { keyfile: "/k", masterPubkeyFile: "/m", masterPubkeyFd: "3" },
    ]) {
      expect(await rejection(chooseBackupCrypt(options))).to.have.property("code", "CLI_USAGE");
    }
  });
});
