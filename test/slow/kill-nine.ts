/**
 * Question: is every listed snapshot whole, whatever was killed while it was made or read?
 *
 * Usage: `npm run soak -- [--rounds 100] [--seed 1]` (Linux with FUSE). Each round changes the source, starts a backup and a reader of
 * the mount, kills the client, the server or the mount with SIGKILL at a random moment, and starts again what was
 * killed. At the end every listed snapshot is restored and compared, and read through the mount, with what the source
 * was when its backup started. Exits 1 on the first difference.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

const { values: options } = parseArgs({
  options: { rounds: { type: "string", default: "100" }, seed: { type: "string", default: "1" } },
});
const rounds = Number(options.rounds);
const amber = resolve(import.meta.dirname, "../../bin/amber.js");
const home = mkdtempSync(join(tmpdir(), "amber-soak-"));
const source = join(home, "source");
const point = join(home, "mnt");
mkdirSync(source);
mkdirSync(point);
writeFileSync(join(home, "password"), "soak-password\n", { mode: 0o600 });

let state = Number(options.seed) >>> 0 || 1;
/** A number from 0 to below `limit`, from a seeded generator (mulberry32). */
function chance(limit: number): number {
  state = (state + 0x6d2b79f5) >>> 0;
  let mixed = Math.imul(state ^ (state >>> 15), state | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
}

function bytes(size: number): Uint8Array {
  const out = new Uint8Array(size);
  for (let i = 0; i < size; i++) out[i] = chance(256);
  return out;
}

/** Digest of everything below a directory: paths, types, modes, times, link targets, content. */
function treeDigest(root: string): string {
  const hash = createHash("sha256");
  const visit = (path: string, name: string): void => {
    const stat = lstatSync(path, { bigint: true });
    hash.update(
      `${name}\0${stat.mode}\0${stat.uid}\0${stat.mtimeNs}\0${stat.isFile() ? stat.size : 0}\0`,
    );
    if (stat.isSymbolicLink()) hash.update(readlinkSync(path));
    else if (stat.isFile()) hash.update(readFileSync(path));
    else if (stat.isDirectory())
      for (const entry of readdirSync(path).sort()) visit(join(path, entry), `${name}/${entry}`);
  };
  visit(root, "");
  return hash.digest("hex");
}

function changeSource(round: number): void {
  writeFileSync(join(source, "round"), String(round));
  for (let i = 0; i < 20; i++) {
    const folder = join(source, `d${chance(30)}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `f${chance(60)}`), bytes(chance(20_000)));
  }
  writeFileSync(
    join(source, `large${round % 5}`),
    Buffer.concat(Array.from({ length: 200 }, () => bytes(1000 + chance(40_000)))),
  );
}

/** A reader whose server was killed waits 30 s for it, and then has the rest of its files to fail for. */
const WAIT_MS_MAX = 180_000;

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < WAIT_MS_MAX / 50; i++) {
    if (condition()) return;
    await sleep(50);
  }
  throw new Error(`waited in vain for ${what}`);
}

function ended(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

let env: NodeJS.ProcessEnv = { ...process.env };
let port = 0;

async function startServer(): Promise<ChildProcess> {
  const ready = join(home, "ready.json");
  rmSync(ready, { force: true });
  const child = spawn(
    process.execPath,
    [
      amber,
      "server",
      "--config",
      join(home, "config"),
      "--datastore",
      `soak=${join(home, "store")}`,
      "--listen",
      `127.0.0.1:${port}`,
      "--admin-password-file",
      join(home, "password"),
      "--ready-file",
      ready,
    ],
    { stdio: ["ignore", "ignore", "ignore"] },
  );
  await until(() => existsSync(ready) || ended(child), "the server");
  const told = JSON.parse(readFileSync(ready, "utf8")) as { port: number; fingerprint: string };
  port = told.port;
  env = {
    ...process.env,
    XDG_RUNTIME_DIR: home,
    PBS_REPOSITORY: `admin@pbs@127.0.0.1:${port}:soak`,
    PBS_PASSWORD: "soak-password",
    PBS_FINGERPRINT: told.fingerprint,
  };
  return child;
}

/** What the present mount has said. */
let mountLog = "";

async function startMount(): Promise<ChildProcess> {
  const child = spawn(process.execPath, [amber, "mount", "--foreground", point], {
    env,
    stdio: ["ignore", "ignore", "pipe"],
  });
  mountLog = "";
  child.stderr.on("data", (piece: Buffer) => (mountLog += piece.toString()));
  const isMounted = (): boolean => readFileSync("/proc/self/mounts", "utf8").includes(` ${point} `);
  await sleep(200);
  await until(
    () => (isMounted() && spawnSync("stat", [point]).status === 0) || ended(child),
    "the mount",
  );
  if (ended(child)) throw new Error(`the mount ended: ${mountLog}`);
  return child;
}

const expected = new Map<number, string>();
const kills = { client: 0, server: 0, mount: 0 };
let server = await startServer();
let mount = await startMount();
let whole = 0;
let failure: unknown;
try {
  for (let round = 1; round <= rounds; round++) {
    changeSource(round);
    expected.set(round, treeDigest(source));
    const backup = spawn(
      process.execPath,
      [amber, "backup", `src.pxar:${source}`, "--backup-id", "soak"],
      { env, stdio: "ignore" },
    );
    const reader = spawn("bash", ["-c", `find '${point}' -type f -print0 | xargs -0 cat`], {
      stdio: "ignore",
    });
    const victim = (["client", "server", "mount"] as const)[chance(3)] ?? "client";
    await sleep(chance(1500));
    kills[victim]++;
    const killed = { client: backup, server, mount }[victim];
    killed.kill("SIGKILL");
    await until(() => ended(killed), "the end of what was killed");
    await until(() => ended(backup), "the end of the backup");
    await until(() => ended(reader), "the end of the reader");
    if (backup.exitCode === 0) whole++;
    if (ended(server)) server = await startServer();
    if (ended(mount)) mount = await startMount();
    if (round % 10 === 0)
      console.log(`round ${round}: killed ${JSON.stringify(kills)}, ${whole} backups succeeded`);
    await sleep(1000 - (new Date().getMilliseconds() % 1000) + 20); // the next snapshot needs a later second
  }

  const listed = JSON.parse(
    spawnSync(process.execPath, [amber, "snapshot", "list", "--output-format", "json"], {
      env,
      encoding: "utf8",
    }).stdout,
  ) as { "backup-time": number; size?: number }[];
  const finished = listed.filter((snapshot) => snapshot.size !== undefined);
  for (const snapshot of finished) {
    const time = new Date(snapshot["backup-time"] * 1000).toISOString().replace(".000", "");
    const target = join(home, "restored");
    const restore = spawnSync(
      process.execPath,
      [amber, "restore", `host/soak/${time}`, "src.pxar", target],
      { env, encoding: "utf8" },
    );
    if (restore.status !== 0) throw new Error(`restore of ${time}: ${restore.stderr}`);
    const round = Number(readFileSync(join(target, "round"), "utf8"));
    if (treeDigest(target) !== expected.get(round))
      throw new Error(`restore of ${time} differs from the source of round ${round}`);
    const mounted = join(point, "host/soak", time, "src.pxar");
    if (treeDigest(mounted) !== expected.get(round))
      throw new Error(`${time} in the mount differs from the source of round ${round}`);
    rmSync(target, { recursive: true });
  }
  console.log(
    `killed ${JSON.stringify(kills)} in ${rounds} rounds; ${whole} backups said they succeeded, ${finished.length} of ${listed.length} listed snapshots are finished; every one restores and mounts byte-identical`,
  );
  if (finished.length < whole) throw new Error("a backup that said it succeeded is not listed");
} catch (error) {
  failure = error;
}
for (const child of [mount, server]) {
  child.kill("SIGTERM");
  await until(() => ended(child), "the end of a program").catch(() => child.kill("SIGKILL"));
}
spawnSync("umount", ["-l", point], { stdio: "ignore" });
if (failure === undefined) rmSync(home, { recursive: true, force: true });
else {
  console.error(failure, `\nkept: ${home}\nlast words of the mount:\n${mountLog.slice(-3000)}`);
  process.exitCode = 1;
}
