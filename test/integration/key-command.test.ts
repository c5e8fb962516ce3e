import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { expect } from "chai";

import { amberProgram, eventually, hasEnded, runAmber } from "../support/amber-program.ts";
import { keyFixture } from "../support/key-vectors.ts";
import { skipBecause } from "../support/skip-because.ts";

const fixtures = resolve(import.meta.dirname, "../../fixtures");

// The passphrase of all keys here; no output may hold it.
const secret = "swordfish-in-the-sea";

describe("the program: amber key", () => {
  let home: string;

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "amber-key-"));
  });

  afterEach(() => {
    rmSync(home, { recursive: true });
  });

  function amber(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const run = runAmber(["key", ...args], {
      XDG_CONFIG_HOME: home,
      XDG_CONFIG_DIRS: home,
      ...env,
    });
    expect(run.stdout + run.stderr).to.not.include(secret);
    return run;
  }

  it("creates the default key once, shows it and prints it on paper", () => {
    const env = { PBS_ENCRYPTION_PASSWORD: secret };

    const created = amber(["create", "--kdf", "pbkdf2", "--hint", "a fish"], env);
    const again = amber(["create", "--kdf", "none"]);
    const shown = amber(["show", "--output-format", "json"]);
    const paper = amber(["paperkey", "--subject", "my laptop"]);

    const path = join(home, "proxmox-backup/encryption-key.json");
    const text = readFileSync(path, "utf8");
    expect(created).to.include({ status: 0, stdout: "" });
    expect(created.stderr).to.include(path);
    expect(again.status).to.equal(1);
    expect(again.stderr).to.match(/^Error: Cannot write the key to .*there is a file already/);
    expect(statSync(path).mode & 0o777).to.equal(0o600);
    expect(JSON.parse(shown.stdout)).to.include({
      kdf: "pbkdf2",
      hint: "a fish",
      path: `"${path}"`,
    });
    expect(paper.stdout).to.match(
      /^Subject: my laptop\n\n-----BEGIN PROXMOX BACKUP KEY-----\n\{\n/,
    );
    expect(JSON.parse(/\{[^]*\}/.exec(paper.stdout)?.[0] ?? "")).to.deep.equal(JSON.parse(text));
  });

  it("changes a passphrase, and says which hint belongs to a wrong one", () => {
    const path = join(home, "k.json");
    copyFileSync(join(fixtures, "keys/key-scrypt.json"), path);
    chmodSync(path, 0o640);
    const right = { PBS_ENCRYPTION_PASSWORD: "correct horse battery staple" };
    const next = { AMBER_NEW_ENCRYPTION_PASSWORD: secret };

    const wrong = amber(["change-passphrase", path], {
      PBS_ENCRYPTION_PASSWORD: `${secret}!`,
      ...next,
    });
    const changed = amber(["change-passphrase", path, "--kdf", "pbkdf2"], { ...right, ...next });
    const opened = amber(["change-passphrase", path, "--kdf", "none"], {
      PBS_ENCRYPTION_PASSWORD: secret,
    });

    expect(wrong.status).to.equal(1);
    expect(wrong.stderr).to.include(
      'Error: Cannot open the key: wrong passphrase; its hint is "the xkcd one"',
    );
    expect(wrong.stderr).to.match(/^Warning: others than its owner .* 0640/m);
    expect(changed.status).to.equal(0);
    expect(opened.status).to.equal(0);
    const { data } = JSON.parse(readFileSync(path, "utf8")) as { data: string };
    const official = JSON.parse(keyFixture("keys/key-scrypt-then-none.json")) as { data: string };
    expect(data).to.equal(official.data);
    expect(statSync(path).mode & 0o777).to.equal(0o600);
  });

  it("recovers a key with the master key, which can be imported and shown", () => {
    const publicKey = join(fixtures, "keys/master-public.pem");
    const path = join(home, "recovered.json");

    const imported = amber(["import-master-pubkey", publicKey]);
    const shown = amber(["show-master-pubkey", "--output-format", "json"]);
    const recovered = amber(
      [
        ...["import-with-master-key", path, "--kdf", "none"],
        ...["--master-keyfile", join(fixtures, "keys/master-private.pem")],
        ...["--encrypted-keyfile", join(fixtures, "crypt/known-key.rsa-encrypted.key")],
      ],
      { AMBER_MASTER_PASSWORD: "masterpass" },
    );

    expect([imported, shown, recovered].map(({ status }) => status)).to.deep.equal([0, 0, 0]);
    expect(JSON.parse(shown.stdout)).to.include({
      length: 4096,
      path: join(home, "proxmox-backup/master-public.pem"),
    });
    const data = (text: string) => (JSON.parse(text) as { data: string }).data;
    expect(data(readFileSync(path, "utf8"))).to.equal(
      data(keyFixture("crypt/known-key-none.json")),
    );
  });

  it("asks twice for a new passphrase on a terminal, and shows neither", async function () {
    if (spawnSync("which", ["script"]).status !== 0) {
      skipBecause(this, "needs script(1)");
    }
    const path = join(home, "k.json");
    const command = `'${process.execPath}' '${amberProgram}' key create '${path}' --kdf pbkdf2`;
    const child = spawn("script", ["--quiet", "--return", "--command", command, "/dev/null"], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.on("data", (piece: Buffer) => (output += piece.toString()));

    await eventually(() => output.includes("New Encryption Key Password:"), "the first question");
    child.stdin.write(`${secret}\r`);
    await eventually(() => output.includes("Verify password:"), "the second question");
    child.stdin.write(`${secret}\r`);
    await eventually(() => hasEnded(child), "the end");

    expect(child.exitCode).to.equal(0);
    expect(output).to.not.include(secret);
    expect(existsSync(path)).to.equal(true);
    const env = { PBS_ENCRYPTION_PASSWORD: secret };
    expect(amber(["change-passphrase", path, "--kdf", "none"], env).status).to.equal(0);
  });

  it("fails when a passphrase is needed and there is nobody to ask", () => {
    const run = amber(["create", join(home, "k.json")]);

    expect(run.status).to.equal(1);
    expect(run.stderr).to.match(
      /^Error: Cannot choose a passphrase: none was given \(PBS_ENCRYPTION_PASSWORD\)/,
    );
    expect(existsSync(join(home, "k.json"))).to.equal(false);
  });
});
