import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { runAmber, type ServerProcess, whyNoMount } from "../support/amber-program.ts";
import { type GenuineStoreServer, startOnGenuineStore } from "../support/genuine-store-server.ts";
import { keyFixture } from "../support/key-vectors.ts";
import { skipBecause } from "../support/skip-because.ts";

const PLAIN = "host/trace/2024-06-05T14:24:36Z";

/** A default key with a passphrase, and nobody to ask for it: as in a script or a timer. */
describe("integration/locked-key", function () {
  this.timeout(60_000);
  let place: GenuineStoreServer;
  let home: string;
  let server: ServerProcess;

  before(async () => {
    place = await startOnGenuineStore();
    ({ home, server } = place);
    mkdirSync(join(home, "proxmox-backup"), { recursive: true });
    const keyFile = join(home, "proxmox-backup/encryption-key.json");
    writeFileSync(keyFile, keyFixture("crypt/known-key-pbkdf2.json"), { mode: 0o600 });
  });

  after(async () => {
    await place[Symbol.asyncDispose]();
  });

  const amber = (...args: string[]) =>
    runAmber(args, { ...server.env, PBS_ENCRYPTION_PASSWORD: undefined });

  it("lists what is not encrypted, and says that the key stays locked", () => {
    const run = amber("catalog", "dump", PLAIN);

    expect(run.status, run.stderr).to.equal(0);
    expect(run.stdout).to.include("a.txt");
    expect(run.stderr).to.match(/^Warning: the key from default location .* stays locked: /);
    expect(run.stderr).to.include("PBS_ENCRYPTION_PASSWORD");
  });

  it("restores what is not encrypted", () => {
    const run = amber("restore", PLAIN, "tiny.pxar", join(home, "out"));

    expect(run.status, run.stderr).to.equal(0);
    expect(readFileSync(join(home, "out/a.txt"))).to.have.length(6);
  });

  it("mounts what is not encrypted, in the background", function () {
    const reason = whyNoMount();
    if (reason !== undefined) skipBecause(this, reason);
    const point = join(home, "mnt");
    mkdirSync(point);

    const run = amber("mount", PLAIN, point);
    const names = readdirSync(join(point, "tiny.pxar"));
    const ended = runAmber(["umount", point]);

    expect(run.status, run.stderr).to.equal(0);
    expect(names).to.include("a.txt");
    expect(ended.status).to.equal(0);
  });

  it("fails for what is encrypted, naming the key", () => {
    const target = join(home, "disk.img");
    const run = amber("restore", "host/trace-enc", "disk.img", target);

    expect(run.status).to.equal(1);
    expect(run.stderr).to.match(/stays locked[^]*Error: .*encrypted with the key 0e:ab:d4/);
  });

  for (const options of [["--require-signature"], ["--crypt-mode", "encrypt"]]) {
    it(`fails with ${options.join(" ")}, which wants the key`, () => {
      const run = amber("catalog", "dump", PLAIN, ...options);

      expect(run.status).to.equal(1);
      expect(run.stderr).to.match(/^Error: Cannot open the key: it needs a passphrase/);
    });
  }

  it("backs up nothing without the passphrase", () => {
    const run = amber("backup", `etc.conf:${join(home, "password")}`, "--backup-id", "locked");

    expect(run.status).to.equal(1);
    expect(run.stderr).to.match(/^Error: Cannot open the key: it needs a passphrase/);
  });
});
