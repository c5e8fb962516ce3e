import { randomBytes } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

import { expect } from "chai";

import {
  type Run,
  runAmber,
  type ServerProcess,
  startMountProcess,
  startServerProcess,
  whyNoMount,
} from "../support/amber-program.ts";

const PASSPHRASE = "a passphrase nobody would guess";
const SECRET = "test-password";

/** Every form in which a key could get out; of base64 every window of a dozen characters, as messages quote parts. */
function formsOf(key: Buffer): Buffer[] {
  const base64 = key.toString("base64");
  const windows = Array.from({ length: base64.length - 12 }, (_, i) => base64.slice(i, i + 12));
  const texts = [key.toString("hex"), key.toString("hex").toUpperCase(), ...windows];
  return [key, ...texts.map((text) => Buffer.from(text))];
}

describe("secrets of real programs that say all they can", function () {
  this.timeout(120_000);
  const base = fs.mkdtempSync(path.join(os.tmpdir(), "amber-secrets-"));
  const home = path.join(base, "home");
  const keyFile = path.join(base, "key.json");
  const lockedKeyFile = path.join(base, "locked.json");
  const key = randomBytes(32);
  const secrets = [...formsOf(key), Buffer.from(PASSPHRASE), Buffer.from(SECRET)];
  const said: { readonly what: string; readonly bytes: Buffer }[] = [];
  let server: ServerProcess;

  before(async () => {
    fs.mkdirSync(home);
    writeKey(keyFile, key.toString("base64"));
    fs.mkdirSync(path.join(base, "source"));
    fs.writeFileSync(path.join(base, "source/file"), "content ".repeat(10_000));
    server = await startServerProcess(home, undefined, ["--log-level", "trace"]);
    listen("the server's log", server.child.stderr);
  });

  after(async () => {
    await server.stop();
    fs.rmSync(base, { recursive: true });
  });

  function writeKey(file: string, data: string, text = (json: string): string => json): void {
    const time = "2024-01-01T00:00:00+00:00";
    const json = JSON.stringify({ kdf: null, created: time, modified: time, data });
    fs.writeFileSync(file, text(json), { mode: 0o600 });
  }

  function listen(what: string, output: NodeJS.ReadableStream | null): void {
    output?.on("data", (piece: Buffer) => said.push({ what, bytes: piece }));
  }

  /** Runs the program at its most talkative, and keeps what it says. */
  function amber(args: readonly string[], env: NodeJS.ProcessEnv = {}): Run {
    const run = runAmber(args, { ...server.env, PBS_LOG: "trace", ...env });
    const bytes = Buffer.from(`${run.stdout}${run.stderr}`);
    said.push({ what: `amber ${args.join(" ")}`, bytes });
    return run;
  }

  function processText(pid: number | undefined): Buffer {
    return Buffer.concat(
      ["cmdline", "comm", "status"].map((name) => fs.readFileSync(`/proc/${pid}/${name}`)),
    );
  }

  it("finds what it looks for", () => {
    const text = `the key is ${key.toString("base64").slice(3, 20)}`;

    expect(secrets.filter((secret) => Buffer.from(text).includes(secret))).to.not.be.empty;
  });

  it("are in nothing that backup, restore, key and mount say, whether they succeed or fail", async () => {
    const source = `root.pxar:${path.join(base, "source")}`;
    const locked = ["--keyfile", lockedKeyFile];
    const environment = { PBS_ENCRYPTION_PASSWORD: PASSPHRASE };
    fs.copyFileSync(keyFile, lockedKeyFile);
    const change = ["key", "change-passphrase", lockedKeyFile, "--kdf", "pbkdf2", "--hint", "hm"];
    expect(amber(change, { AMBER_NEW_ENCRYPTION_PASSWORD: PASSPHRASE }).status).to.equal(0);
    const backup = ["backup", source, "--backup-id", "secret"];
    expect(amber([...backup, "--keyfile", keyFile, "--backup-time", "1700000000"]).status).to.equal(
      0,
    );
    expect(
      amber([...backup, ...locked, "--backup-time", "1700000001"], environment).status,
    ).to.equal(0);
    const target = path.join(base, "target");
    expect(
      amber(["restore", "host/secret", "root.pxar", target, ...locked], environment).status,
    ).to.equal(0);
    expect(amber(["key", "show", lockedKeyFile]).status).to.equal(0);
    expect(amber(["catalog", "dump", "host/secret", ...locked], environment).status).to.equal(0);

    const broken = path.join(base, "broken.json");
    const wrong = { PBS_ENCRYPTION_PASSWORD: `${PASSPHRASE}?` };
    const failures = [amber([...backup, ...locked], wrong), amber([...backup, ...locked])];
    for (const damage of [
      (json: string) => json.slice(0, -10),
      (json: string) => json.replace('"data":', '"data" '),
      (json: string) => json.replace(/("data":"[^"]{20})/, "$1\n"),
      (json: string) => json.replace(/("data":"[^"]{20})/, "$1*"),
      (json: string) => json.replace("}", `,"fingerprint":"${"00".repeat(32)}"}`),
    ]) {
      writeKey(broken, key.toString("base64"), damage);
      failures.push(amber([...backup, "--keyfile", broken]));
    }
    failures.push(amber([...backup], { PBS_PASSWORD: `${SECRET}?` }));
    expect(failures.map(({ status }) => status)).to.deep.equal(failures.map(() => 1));

    if (whyNoMount() === undefined) {
      const point = path.join(base, "mnt");
      const mountEnvironment = { ...server.env, ...environment, PBS_LOG: "trace" };
      const mount = await startMountProcess(locked, point, mountEnvironment);
      const shown = path.join(point, "host/secret/latest/root.pxar/file");
      expect(fs.readFileSync(shown, "utf8")).to.include("content");
      said.push({ what: "the mount's process", bytes: processText(mount.child.pid) });
      await mount.stop();
      said.push({ what: "the mount's log", bytes: Buffer.from(mount.log()) });
    }
    said.push({ what: "the server's process", bytes: processText(server.child.pid) });

    const found = said.filter(({ bytes }) => secrets.some((secret) => bytes.includes(secret)));
    expect(found.map(({ what, bytes }) => `${what}: ${bytes.toString()}`)).to.deep.equal([]);
  });

  it("are in no file of the server or the client but the ones that were given", () => {
    const files = fs
      .readdirSync(base, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name))
      .filter(
        (file) =>
          ![keyFile, path.join(base, "broken.json"), path.join(home, "password")].includes(file),
      );

    const found = files.filter((file) => {
      const bytes = fs.readFileSync(file);
      return secrets.some((secret) => bytes.includes(secret));
    });

    expect(files.some((file) => file.includes("tasks"))).to.equal(true);
    expect(found).to.deep.equal([]);
  });
});
