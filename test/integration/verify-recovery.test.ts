import { generateKeyPairSync } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

import { expect } from "chai";

import { runAmber, type ServerProcess, startServerProcess } from "../support/amber-program.ts";

const fixtures = path.resolve(import.meta.dirname, "../../fixtures");
const FINGERPRINT = "0e:ab:d4:46:0b:6e:b9:ca";

describe("amber key verify-recovery, and master keys", function () {
  this.timeout(120_000);
  const base = fs.mkdtempSync(path.join(os.tmpdir(), "amber-recovery-"));
  const home = path.join(base, "home");
  const store = path.join(home, "store");
  const keyFile = path.join(base, "key.json");
  const protectedKeyFile = path.join(base, "protected-key.json");
  const otherKeyFile = path.join(base, "other-key.json");
  const privateMaster = path.join(base, "master-private.pem");
  const publicMaster = path.join(fixtures, "keys/master-public.pem");
  const source = path.join(base, "source");
  let server: ServerProcess;

  before(async () => {
    fs.mkdirSync(home);
    for (const [from, to] of [
      ["crypt/known-key-none.json", keyFile],
      ["crypt/known-key-pbkdf2.json", protectedKeyFile],
      ["keys/key-none.json", otherKeyFile],
      ["keys/master-private.pem", privateMaster],
    ] as const) {
      fs.copyFileSync(path.join(fixtures, from), to);
      fs.chmodSync(to, 0o600);
    }
    fs.mkdirSync(source);
    for (let i = 0; i < 40; i++) {
      fs.writeFileSync(path.join(source, `file${i}`), Buffer.alloc(60_000, `${i} `));
    }
    // Snapshots of the official client lie in it already.
    fs.cpSync(path.join(fixtures, "datastore-real/store"), store, { recursive: true });
    server = await startServerProcess(home);
    succeed(
      ...["backup", `root.pxar:${source}`, `x.conf:${keyFile}`, "--backup-id", "wrapped"],
      ...["--chunk-size", "64", "--keyfile", keyFile, "--master-pubkey-file", publicMaster],
    );
    succeed("backup", `x.conf:${keyFile}`, "--backup-id", "unwrapped", "--keyfile", keyFile);
    succeed("backup", `x.conf:${keyFile}`, "--backup-id", "bare");
  });

  after(async () => {
    await server.stop();
    fs.rmSync(base, { recursive: true });
  });

  function amber(...args: readonly string[]): ReturnType<typeof runAmber> {
    return runAmber(args, {
      ...server.env,
      AMBER_MASTER_PASSWORD: "masterpass",
      PBS_ENCRYPTION_PASSWORD: "hunter22",
    });
  }

  function succeed(...args: readonly string[]): ReturnType<typeof runAmber> {
    const run = amber(...args);
    expect(run.status, run.stderr).to.equal(0);
    return run;
  }

  function verify(...args: readonly string[]): ReturnType<typeof runAmber> {
    return amber("key", "verify-recovery", ...args);
  }

  /** Prints a key on paper, into a file. */
  function paper(key: string, format: "text" | "html"): string {
    const file = path.join(base, `paper-${path.basename(key)}.${format}`);
    const printed = succeed("key", "paperkey", key, "--output-format", format, "--subject", "me");
    fs.writeFileSync(file, printed.stdout, { mode: 0o600 });
    return file;
  }

  for (const format of ["text", "html"] as const) {
    it(`proves that the paper key opens the snapshot, as ${format}`, () => {
      const run = verify("host/wrapped", "--paperkey", paper(protectedKeyFile, format));

      expect(run.status, run.stderr).to.equal(0);
      expect(run.stdout).to.include(`gives the key ${FINGERPRINT}`);
      expect(run.stdout).to.match(/^The manifest of host\/wrapped\/.* is signed with it\.$/m);
      expect(run.stdout).to.match(/^root\.ppxar\.didx \(encrypt\): 16 of \d\d chunks, /m);
      expect(run.stdout).to.match(/^x\.conf\.blob \(encrypt\): whole, 255 B$/m);
      expect(run.stdout).to.match(
        /^Proven: the paper key alone opens .*\(chunks of every archive/m,
      );
    });
  }

  it("proves that the master key alone opens the snapshot, all of it if wanted", () => {
    const run = verify(
      ...["host/wrapped", "--master-keyfile", privateMaster, "--all"],
      ...["--output-format", "json"],
    );

    expect(run.status, run.stderr).to.equal(0);
    const proof = JSON.parse(run.stdout) as {
      isComplete: boolean;
      means: string;
      fingerprint: string;
      files: { name: string; chunkCount: number; provenCount: number; provenBytes: number }[];
    };
    expect(proof).to.include({ isComplete: true, means: "master key" });
    expect(proof.fingerprint).to.include(FINGERPRINT);
    const payload = proof.files.find(({ name }) => name === "root.ppxar.didx");
    expect(payload?.provenCount).to.equal(payload?.chunkCount);
    expect(payload?.provenBytes).to.be.greaterThan(40 * 60_000);
  });

  for (const snapshot of ["ct/101", "ct/777"]) {
    it(`proves it for ${snapshot} of the official client`, () => {
      const run = verify(snapshot, "--master-keyfile", privateMaster, "--all");

      expect(run.status, run.stderr).to.equal(0);
      expect(run.stdout).to.match(/^Proven: the master key alone .*\(every chunk was read\)/m);
    });
  }

  it("looks at no default key, and writes no file", () => {
    const config = path.join(home, "proxmox-backup");
    fs.mkdirSync(config, { recursive: true });
    fs.copyFileSync(keyFile, path.join(config, "encryption-key.json"));
    const folders = [base, config];
    const before = folders.map((folder) => fs.readdirSync(folder));
    try {
      const refused = verify("host/wrapped", "--paperkey", otherKeyFile);
      const proven = verify("host/wrapped", "--master-keyfile", privateMaster);

      expect(refused.status).to.equal(1);
      expect(refused.stderr).to.include(`it needs the key ${FINGERPRINT}`);
      expect(proven.status).to.equal(0);
      expect(folders.map((folder) => fs.readdirSync(folder))).to.deep.equal(before);
    } finally {
      fs.rmSync(config, { recursive: true });
    }
  });

  for (const [what, args, reason] of [
    ["a snapshot without the wrapped key", ["host/unwrapped"], "made without a master key"],
    ["a snapshot that no key was used for", ["host/bare"], "made without a master key"],
  ] as const) {
    it(`fails for ${what}`, () => {
      const run = verify(...args, "--master-keyfile", privateMaster);

      expect(run.status).to.equal(1);
      expect(run.stdout).to.not.include("Proven");
      expect(run.stderr).to.include(reason);
    });
  }

  it("fails for a paper key and a snapshot that nobody signed", () => {
    const run = verify("host/bare", "--paperkey", keyFile);

    expect([run.status, run.stderr]).to.satisfy(
      ([status, text]: [number, string]) => status === 1 && text.includes("neither encrypted"),
    );
  });

  it("fails for another master key, and for a wrong passphrase", () => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 3072 });
    const other = path.join(base, "other-master.pem");
    fs.writeFileSync(other, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });

    const foreign = verify("host/wrapped", "--master-keyfile", other);
    const wrong = runAmber(
      ["key", "verify-recovery", "host/wrapped", "--master-keyfile", privateMaster],
      { ...server.env, AMBER_MASTER_PASSWORD: "masterpasz" },
    );

    expect([foreign.status, wrong.status]).to.deep.equal([1, 1]);
    expect(foreign.stderr).to.include("wrapped for another master key");
    expect(wrong.stderr).to.include("wrong passphrase").and.not.include("masterpasz");
  });

  it("fails when one chunk is damaged, however well the key fits", () => {
    const paperFile = paper(keyFile, "text");
    const folder = path.join(store, "host/wrapped");
    const [time = ""] = fs.readdirSync(folder).filter((name) => name.includes("T"));
    const index = fs.readFileSync(path.join(folder, time, "root.ppxar.didx"));
    // Entries start behind a header of 4096 bytes: an end of 8 bytes and a digest.
    const name = index.subarray(4096 + 40 + 8, 4096 + 40 + 40).toString("hex");
    const chunk = path.join(store, ".chunks", name.slice(0, 4), name);
    const whole = fs.readFileSync(chunk);
    fs.writeFileSync(chunk, Buffer.concat([whole.subarray(0, -1), Buffer.from([1])]));
    try {
      const run = verify("host/wrapped", "--paperkey", paperFile, "--all");

      expect(run.status).to.equal(1);
      expect(run.stdout).to.not.include("Proven");
      expect(run.stderr).to.include(name);
    } finally {
      fs.writeFileSync(chunk, whole);
    }
  });

  it("gives the wrapped key back without a key, and the key with the master key", () => {
    const wrapped = path.join(base, "rsa-encrypted.key");
    const back = path.join(base, "back.json");

    succeed("restore", "host/wrapped", "rsa-encrypted.key", wrapped);
    succeed("restore", "host/wrapped", "rsa-encrypted.key", "-", "--keyfile", otherKeyFile);
    succeed(
      ...["key", "import-with-master-key", back, "--kdf", "none"],
      ...["--master-keyfile", privateMaster, "--encrypted-keyfile", wrapped],
    );

    const restored = succeed("restore", "host/wrapped", "x.conf", "-", "--keyfile", back);
    expect(restored.stdout).to.equal(fs.readFileSync(keyFile, "utf8"));
  });

  it("says what the official client says about the master key", () => {
    const run = succeed(
      ...["backup", `x.conf:${keyFile}`, "--backup-id", "said", "--keyfile", keyFile],
      ...["--master-pubkey-file", publicMaster, "--crypt-mode", "sign-only"],
    );

    expect(run.stderr).to.include(`Using master key from '${publicMaster}'..\n`);
    expect(run.stderr).to.include("Upload RSA encoded key as rsa-encrypted.key.blob\n");
    const manifest = succeed("restore", "host/said", "index.json", "-").stdout;
    const { files } = JSON.parse(manifest) as { files: Record<string, unknown>[] };
    expect(files.at(-1)).to.include({
      filename: "rsa-encrypted.key.blob",
      "crypt-mode": "sign-only",
      size: 512 + 12,
    });
  });

  it("wants exactly one means", () => {
    for (const args of [[], ["--paperkey", keyFile, "--master-keyfile", privateMaster]]) {
      const run = verify("host/wrapped", ...args);

      expect(run.status).to.equal(1);
      expect(run.stderr).to.include("one of --paperkey and --master-keyfile");
    }
  });
});
