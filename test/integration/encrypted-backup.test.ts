import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

import { expect } from "chai";

import { blobKindOf } from "../../src/format/chunk/data-blob.ts";
import {
  amberProgram,
  eventually,
  runAmber,
  type ServerProcess,
  startMountProcess,
  startServerProcess,
  whyNoMount,
} from "../support/amber-program.ts";

import { describeTree } from "../support/describe-tree.ts";
import { filesHolding } from "../support/files-holding.ts";
import { skipBecause } from "../support/skip-because.ts";

const fixtures = path.resolve(import.meta.dirname, "../../fixtures");
const FINGERPRINT = "0e:ab:d4:46:0b:6e:b9:ca";

interface Manifest {
  readonly signature: string | null;
  readonly unprotected: Readonly<Record<string, unknown>>;
  readonly files: readonly { readonly filename: string; readonly "crypt-mode": string }[];
}

describe("amber backup, restore, catalog and mount with a key", function () {
  this.timeout(120_000);
  const base = fs.mkdtempSync(path.join(os.tmpdir(), "amber-encrypted-"));
  const source = path.join(base, "source");
  const keyFile = path.join(base, "key.json");
  const otherKeyFile = path.join(base, "other-key.json");
  const protectedKeyFile = path.join(base, "protected-key.json");
  let marker: Buffer;
  let server: ServerProcess;

  before(async () => {
    fs.mkdirSync(path.join(source, "folder"), { recursive: true });
    fs.writeFileSync(path.join(source, "folder/text"), "something to compress\n".repeat(5_000));
    fs.linkSync(path.join(source, "folder/text"), path.join(source, "hard link"));
    fs.symlinkSync("folder/text", path.join(source, "link"));
    // Random, so that it is stored as it is wherever it is not encrypted.
    marker = randomBytes(32);
    const content = Buffer.concat([randomBytes(100_000), marker, randomBytes(100_000)]);
    fs.writeFileSync(path.join(source, "marked"), content);
    const home = path.join(base, "home");
    fs.mkdirSync(home);
    for (const [from, to] of [
      ["crypt/known-key-none.json", keyFile],
      ["crypt/known-key-pbkdf2.json", protectedKeyFile],
      ["keys/key-none.json", otherKeyFile],
    ] as const) {
      fs.copyFileSync(path.join(fixtures, from), to);
      fs.chmodSync(to, 0o600);
    }
    // With the lock and no folders of chunks yet, which are many; those needed are made.
    fs.mkdirSync(path.join(home, "store/.chunks"), { recursive: true });
    fs.writeFileSync(path.join(home, "store/.lock"), "");
    server = await startServerProcess(home);
  });

  after(async () => {
    await server.stop();
    fs.rmSync(base, { recursive: true });
  });

  function amber(...args: readonly string[]): ReturnType<typeof runAmber> {
    return runAmber(args, server.env);
  }

  function succeed(...args: readonly string[]): ReturnType<typeof runAmber> {
    const run = amber(...args);
    expect(run.status, run.stderr).to.equal(0);
    return run;
  }

  /** Chunks that a backup uploaded, over all archives. */
  function uploadedChunks(stdout: string): number {
    return stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { type: string; uploadedCount?: number })
      .filter(({ type }) => type === "archive-uploaded")
      .reduce((sum, { uploadedCount = 0 }) => sum + uploadedCount, 0);
  }

  function manifestOf(snapshot: string): Manifest {
    return JSON.parse(succeed("restore", snapshot, "index.json", "-").stdout) as Manifest;
  }

  const keyed = ["--keyfile", keyFile];

  for (const mode of ["legacy", "data", "metadata"]) {
    it(`restores what was backed up encrypted, and the second time uploads nothing (${mode})`, () => {
      const group = ["--backup-id", mode, "--change-detection-mode", mode, ...keyed];
      const spec = `root.pxar:${source}`;
      succeed("backup", spec, ...group, "--backup-time", "1700000000");

      const times = ["--backup-time", "1700000001", "--output-format", "json"];
      const second = succeed("backup", spec, ...group, ...times);

      expect(uploadedChunks(second.stdout)).to.equal(0);
      const { files, signature, unprotected } = manifestOf(`host/${mode}`);
      expect(files.map((file) => file["crypt-mode"])).to.deep.equal(files.map(() => "encrypt"));
      expect(signature).to.have.length(64);
      expect(unprotected["key-fingerprint"]).to.match(/^0e:ab:d4:/);
      const target = path.join(base, `restored-${mode}`);
      const restored = succeed("restore", `host/${mode}`, "root.pxar", target, ...keyed);
      expect(restored.stderr).to.include(`Fingerprint: ${FINGERPRINT}`);
      expect([...describeTree(target)]).to.deep.equal([...describeTree(source)]);
      const names = succeed("catalog", "dump", `host/${mode}`, ...keyed).stdout;
      expect(names).to.include("marked");
    });
  }

  it("says which key it uses, as the official client does", () => {
    const run = succeed("backup", `x.conf:${keyFile}`, "--backup-id", "said", ...keyed);

    expect(run.stderr).to.match(
      new RegExp(
        "^Starting backup: host/said/.*\n" +
          `Using encryption key from '${keyFile}'..\n` +
          `Encryption key fingerprint: ${FINGERPRINT}\n` +
          "No previous manifest available.\n",
      ),
    );
  });

  it("encrypts images, small files and logs, and gives them back", () => {
    const image = path.join(base, "image");
    fs.writeFileSync(image, Buffer.concat([Buffer.alloc(9_000_000), randomBytes(500_001)]));
    const specs = [`disk.img:${image}`, `x.conf:${keyFile}`, `y.log:${otherKeyFile}`];
    succeed("backup", ...specs, "--backup-id", "kinds", ...keyed);

    for (const [name, file] of [
      ["disk.img", image],
      ["x.conf", keyFile],
      ["y.log", otherKeyFile],
    ] as const) {
      const back = succeed("restore", "host/kinds", name, "-", ...keyed).stdoutBytes;
      expect(Buffer.compare(back, fs.readFileSync(file)), name).to.equal(0);
    }
  });

  it("keeps plaintext out of the server's store", () => {
    succeed("backup", `root.pxar:${source}`, "--backup-id", "open-one");
    const home = path.join(base, "home");
    const store = path.join(home, "store");
    const open = filesHolding(store, marker);
    expect(open, "the search finds what is not encrypted").to.not.be.empty;
    succeed("snapshot", "forget", manifestId("host/open-one"));
    for (const file of open) fs.rmSync(file);

    expect(filesHolding(home, marker)).to.deep.equal([]);
  });

  /** The full name of the only snapshot of a group. */
  function manifestId(group: string): string {
    const listed = succeed("snapshot", "list", group, "--output-format", "json").stdout;
    const [{ "backup-time": time } = { "backup-time": 0 }] = JSON.parse(listed) as {
      "backup-time": number;
    }[];
    return `${group}/${new Date(time * 1000).toISOString().replace(".000", "")}`;
  }

  for (const [what, options, reason] of [
    ["without a key", [], `it is encrypted with the key ${FINGERPRINT}, and no key was given`],
    ["with another key", ["--keyfile", otherKeyFile], `it needs the key ${FINGERPRINT}`],
  ] as const) {
    it(`restores, lists and mounts nothing ${what}, and says which key is needed`, () => {
      const target = path.join(base, "nothing");
      const point = path.join(base, "no-mount");
      fs.mkdirSync(point, { recursive: true });
      for (const run of [
        amber("restore", "host/legacy", "root.pxar", target, ...options),
        amber("catalog", "dump", "host/legacy", ...options),
        amber("mount", "--foreground", "host/legacy", "root.pxar", point, ...options),
      ]) {
        expect(run.status).to.equal(1);
        expect(run.stderr).to.include(reason);
        expect(run.stdout).to.equal("");
      }
      expect(fs.existsSync(target)).to.equal(false);
    });
  }

  it("opens a key that has a passphrase, and refuses a wrong one before anything else", () => {
    const protectedKey = ["--keyfile", protectedKeyFile];
    const right = { ...server.env, PBS_ENCRYPTION_PASSWORD: "hunter22" };
    const wrong = { ...server.env, PBS_ENCRYPTION_PASSWORD: "hunter23" };
    const args = ["restore", "host/kinds", "x.conf", "-", ...protectedKey];

    const opened = runAmber(args, right);
    const refused = runAmber(args, wrong);
    const unsaved = runAmber(
      ["backup", `x.conf:${keyFile}`, "--backup-id", "refused", ...protectedKey],
      wrong,
    );

    expect(opened.stdout, opened.stderr).to.equal(fs.readFileSync(keyFile, "utf8"));
    expect([refused.status, refused.stdout]).to.deep.equal([1, ""]);
    expect(refused.stderr).to.include("passphrase").and.not.include("hunter23");
    expect(unsaved.status).to.equal(1);
    expect(succeed("snapshot", "list", "--output-format", "json").stdout).to.not.include("refused");
  });

  it("gives out the wrapped key without the passphrase of the key that lies here", () => {
    const group = "ct/777";
    const stored = path.join(fixtures, "datastore-real/store", group);
    fs.cpSync(stored, path.join(base, "home/store", group), { recursive: true });

    const wrapped = succeed(
      "restore",
      group,
      "rsa-encrypted.key",
      "-",
      ...["--keyfile", protectedKeyFile],
    );

    expect(wrapped.stdoutBytes).to.have.length(512);
  });

  it("signs without encrypting in mode sign-only", () => {
    const args = ["backup", `root.pxar:${source}`, "--backup-id", "signed", ...keyed];
    succeed(...args, "--crypt-mode", "sign-only");

    const { files, signature } = manifestOf("host/signed");

    expect(files.map((file) => file["crypt-mode"])).to.deep.equal(files.map(() => "sign-only"));
    expect(signature).to.have.length(64);
    const target = path.join(base, "restored-signed");
    succeed("restore", "host/signed", "root.pxar", target);
    expect([...describeTree(target)]).to.deep.equal([...describeTree(source)]);
    succeed("catalog", "dump", "host/signed", ...keyed, "--require-signature");
  });

  describe("after a change of key or mode", () => {
    let timeSec = 1_700_000_000;

    function backUp(...options: readonly string[]): ReturnType<typeof runAmber> {
      timeSec += 1;
      const args = ["backup", `root.pxar:${source}`, "--backup-id", "changing"];
      return amber(...args, "--backup-time", `${timeSec}`, ...options);
    }

    for (const [what, options, reason] of [
      ["encrypted after unencrypted", keyed, "its mode is none, that of the new one encrypt"],
      [
        "another key",
        ["--keyfile", otherKeyFile],
        `it needs the key ${FINGERPRINT}, the given one is`,
      ],
      [
        "signed after encrypted",
        ["--keyfile", otherKeyFile, "--crypt-mode", "sign-only"],
        "its mode is encrypt, that of the new one sign-only",
      ],
      ["without a key after signed", [], "its mode is sign-only, that of the new one none"],
    ] as const) {
      it(`uploads everything and says why: ${what}`, () => {
        if (timeSec === 1_700_000_000) expect(backUp().status).to.equal(0);

        const run = backUp(...options);

        expect(run.status, run.stderr).to.equal(0);
        expect(run.stderr).to.include(
          `The previous backup is not used, everything is uploaded: ${reason}`,
        );
        expect(run.stderr).to.match(/root\.ppxar: .*reused 0 B/);
      });
    }
  });

  it("says loudly when a key is given for a snapshot that nobody signed, and can refuse it", () => {
    succeed("backup", `x.conf:${keyFile}`, "--backup-id", "bare");

    const told = succeed("restore", "host/bare", "x.conf", "-", ...keyed);
    const refused = amber("restore", "host/bare", "x.conf", "-", ...keyed, "--require-signature");

    expect(told.stderr).to.match(/^Warning: host\/bare\/.* is neither encrypted nor signed/m);
    expect([refused.status, refused.stdout]).to.deep.equal([1, ""]);
    expect(refused.stderr).to.include("only signed ones are wanted");
    expect(amber("catalog", "dump", "host/bare", "--require-signature").status).to.equal(1);
  });

  describe("mounted", () => {
    before(function () {
      const reason = whyNoMount();
      if (reason === undefined) return;
      skipBecause(this, reason);
    });

    it("shows what the key opens, and names the key that the rest needs", async () => {
      const args = ["backup", `x.conf:${keyFile}`, `root.pxar:${source}`, "--backup-id", "foreign"];
      succeed(...args, "--keyfile", otherKeyFile);
      const mount = await startMountProcess(keyed, path.join(base, "mnt"), server.env);
      try {
        const foreign = path.join(mount.point, "host/foreign");

        const shown = fs.readdirSync(path.join(mount.point, "host"));
        const marked = fs.readFileSync(
          path.join(mount.point, "host/metadata/latest/root.pxar/marked"),
        );
        const enter = (): unknown => fs.readdirSync(path.join(foreign, "latest/"));

        expect(shown).to.include.members(["foreign", "legacy", "metadata", "signed"]);
        expect(Buffer.compare(marked, fs.readFileSync(path.join(source, "marked")))).to.equal(0);
        expect(fs.readdirSync(foreign)).to.include("latest");
        expect(enter).to.throw("EACCES");
        await eventually(
          () => /it needs the key [0-9a-f:]{23}, the given one is 0e:ab:d4:/.test(mount.log()),
          `a line that names the key, in ${mount.log()}`,
        );
      } finally {
        await mount.stop();
      }
    });

    it("keeps only encrypted blobs on disk, and reads them after unmounting", async () => {
      const cache = path.join(base, "cache");
      const read = async (options: readonly string[]): Promise<Buffer> => {
        const args = ["--disk-cache", cache, "host/metadata", "root.pxar", ...options];
        const mount = await startMountProcess(args, path.join(base, "mnt"), server.env);
        try {
          return fs.readFileSync(path.join(mount.point, "marked"));
        } finally {
          await mount.stop();
        }
      };
      const first = await read(keyed);
      const store = path.join(base, "home/store/.chunks");
      const aside = path.join(base, "home/store/aside");
      expect(filesHolding(cache, marker)).to.deep.equal([]);
      const kinds = filesHolding(cache, Buffer.alloc(0)).map((file) =>
        blobKindOf(fs.readFileSync(file)),
      );
      expect(kinds).to.not.be.empty;
      expect(kinds.filter((kind) => kind?.isEncrypted !== true)).to.deep.equal([]);

      // What the server no longer has can only come from the cache.
      const filled = fs
        .readdirSync(store)
        .filter((folder) => fs.readdirSync(path.join(store, folder)).length > 0);
      fs.mkdirSync(aside);
      for (const folder of filled) {
        fs.renameSync(path.join(store, folder), path.join(aside, folder));
      }
      const second = await read(keyed).finally(() => {
        for (const folder of filled) {
          fs.renameSync(path.join(aside, folder), path.join(store, folder));
        }
        fs.rmdirSync(aside);
      });

      expect(Buffer.compare(first, fs.readFileSync(path.join(source, "marked")))).to.equal(0);
      expect(Buffer.compare(second, first)).to.equal(0);
    });

    it("asks for nothing and stays in the background when the key comes from a descriptor", () => {
      const point = path.join(base, "background");
      fs.mkdirSync(point);
      const args = [amberProgram, "mount", "host/metadata", "root.pxar", point, "--keyfd", "3"];
      const key = fs.openSync(keyFile, "r");
      try {
        const run = spawnSync(process.execPath, args, {
          env: { ...process.env, ...server.env },
          stdio: ["ignore", "inherit", "pipe", key],
        });

        expect(run.status, run.stderr.toString()).to.equal(0);
        expect(fs.readdirSync(point)).to.include("marked");
      } finally {
        fs.closeSync(key);
        runAmber(["umount", point]);
      }
    });

    it("reads passwords from descriptors in the background, too", () => {
      const point = path.join(base, "by-descriptor");
      fs.mkdirSync(point);
      const [password, passphrase] = [path.join(base, "password"), path.join(base, "passphrase")];
      fs.writeFileSync(password, "test-password\n");
      fs.writeFileSync(passphrase, "hunter22\n");
      const descriptors = [password, passphrase].map((file) => fs.openSync(file, "r"));
      const variables = { PBS_PASSWORD_FD: "3", PBS_ENCRYPTION_PASSWORD_FD: "4" };
      const words = ["mount", "host/metadata", "root.pxar", point, "--keyfile", protectedKeyFile];
      try {
        const run = spawnSync(process.execPath, [amberProgram, ...words], {
          env: { ...process.env, ...server.env, PBS_PASSWORD: undefined, ...variables },
          stdio: ["ignore", "inherit", "pipe", ...descriptors],
        });

        expect(run.status, run.stderr.toString()).to.equal(0);
        expect(fs.readdirSync(point)).to.include("marked");
      } finally {
        for (const descriptor of descriptors) fs.closeSync(descriptor);
        runAmber(["umount", point]);
      }
    });

    it("opens a datastore folder with the key, without a server", async () => {
      const folder = path.join(base, "home/store");
      const args = ["--datastore", folder, ...keyed];
      const mount = await startMountProcess(args, path.join(base, "mnt"));
      try {
        const shown = path.join(mount.point, "host/legacy/latest/root.pxar");

        expect([...describeTree(shown)]).to.deep.equal([...describeTree(source)]);
      } finally {
        await mount.stop();
      }
    });
  });
});
