// The main job, end to end, on real input: a server on a default datastore, a backup of a directory, a mount of the
// snapshot, a file copied back. Leaves nothing running unless asked (--keep).
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

const { values: options, positionals } = parseArgs({
  options: { keep: { type: "boolean", default: false }, help: { type: "boolean", default: false } },
  allowPositionals: true,
});
if (options.help) {
  console.log(
    "Usage: npm run demo -- [--keep] [DIRECTORY]\n\nBacks up DIRECTORY (default: this project's src) and opens the backup.",
  );
  process.exit(0);
}

const source = resolve(positionals[0] ?? "src");
const amber = resolve("bin/amber.js");
const home = mkdtempSync(join(tmpdir(), "amber-demo-"));
const mountPoint = join(home, "mnt");
mkdirSync(mountPoint);
const password = `demo-${createHash("sha256").update(home).digest("hex").slice(0, 12)}`;
writeFileSync(join(home, "password"), `${password}\n`, { mode: 0o600 });

const say = (text) => console.log(`\n\x1b[1m${text}\x1b[0m`);
const show = (line) => console.log(`  $ ${line}`);
let server;
let mount;
let failed = false;

function run(args, env) {
  show(`amber ${args.join(" ")}`);
  const done = spawnSync(process.execPath, [amber, ...args], {
    env,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (done.status !== 0)
    throw new Error(`amber ${args[0]} ended with ${done.status ?? done.signal}`);
}

async function until(condition, what, child) {
  for (let i = 0; i < 300; i++) {
    if (condition()) return;
    if (child && child.exitCode !== null)
      throw new Error(`${what}: the program ended with ${child.exitCode}`);
    await sleep(100);
  }
  throw new Error(`waited 30 s in vain for ${what}`);
}

function firstFile(directory) {
  for (const entry of readdirSync(directory, { withFileTypes: true }).sort((a, b) =>
    a.name < b.name ? -1 : 1,
  )) {
    const path = join(directory, entry.name);
    if (entry.isFile() && statSync(path).size > 0) return path;
    if (entry.isDirectory()) {
      const found = firstFile(path);
      if (found) return found;
    }
  }
  return undefined;
}

const digest = (path) => createHash("sha256").update(readFileSync(path)).digest("hex");

try {
  say("1. A server with a datastore");
  const ready = join(home, "ready.json");
  const serverArgs = [
    "server",
    "--config",
    join(home, "config"),
    "--datastore",
    `default=${join(home, "store")}`,
    "--listen",
    "127.0.0.1:0",
    "--admin-password-file",
    join(home, "password"),
    "--ready-file",
    ready,
  ];
  show(`amber ${serverArgs.join(" ")} &`);
  server = spawn(process.execPath, [amber, ...serverArgs], {
    stdio: ["ignore", "ignore", "inherit"],
    detached: options.keep,
  });
  await until(() => existsSync(ready), "the server", server);
  const { port, fingerprint } = JSON.parse(readFileSync(ready, "utf8"));
  console.log(`  listening on 127.0.0.1:${port}, certificate ${fingerprint}`);
  const env = {
    ...process.env,
    XDG_RUNTIME_DIR: home,
    PBS_REPOSITORY: `admin@pbs@127.0.0.1:${port}:default`,
    PBS_PASSWORD: password,
    PBS_FINGERPRINT: fingerprint,
  };

  say(`2. A backup of ${source}`);
  run(["backup", `files.pxar:${source}`, "--backup-id", "demo"], env);
  run(["snapshot", "list"], env);

  if (!existsSync("/dev/fuse")) {
    say("3. This machine has no /dev/fuse, so the snapshot is restored instead of mounted");
    run(["restore", "host/demo", "files.pxar", join(home, "restored")], env);
  } else {
    say("3. The backup as a folder");
    const mountArgs = ["mount", "--foreground", mountPoint];
    show(`amber ${mountArgs.join(" ")} &`);
    mount = spawn(process.execPath, [amber, ...mountArgs], {
      env,
      stdio: ["ignore", "inherit", "inherit"],
      detached: options.keep,
    });
    const latest = join(mountPoint, "host/demo/latest/files.pxar");
    await until(() => existsSync(latest), "the mount", mount);
    show(`ls ${latest}`);
    console.log(`  ${readdirSync(latest).join("  ")}`);

    say("4. To restore a file is to copy it");
    const original = firstFile(source);
    if (!original) throw new Error(`${source} holds no file to copy`);
    const inMount = join(latest, original.slice(source.length + 1));
    const copy = join(home, basename(original));
    show(`cp -a ${inMount} ${copy}`);
    spawnSync("cp", ["-a", inMount, copy], { stdio: "inherit" });
    if (digest(copy) !== digest(original)) throw new Error(`${copy} differs from ${original}`);
    console.log(`  ${basename(copy)}: ${statSync(copy).size} bytes, identical to the original`);
  }

  say("Next");
  console.log("  bin/amber.js --help            every command");
  console.log(
    "  npm run demo -- --keep /etc    another directory; server and mount stay up to play with",
  );
  console.log("  README.md                      a server of your own, and what else it does");
  if (options.keep) {
    const exports = Object.entries(env).filter(([name]) => /^(PBS_|XDG_RUNTIME)/.test(name));
    console.log(
      `\nStill running: server ${server.pid}${mount ? `, mount ${mount.pid} on ${mountPoint}` : ""}; data in ${home}`,
    );
    for (const [name, value] of exports) console.log(`  export ${name}='${value}'`);
    console.log(
      `  kill ${[mount?.pid, server.pid].filter(Boolean).join(" ")}; rm -r ${home}    # when done`,
    );
  }
} catch (error) {
  failed = true;
  console.error(`\nThe demo failed: ${error.message}`);
}

if (!options.keep || failed) {
  for (const child of [mount, server]) {
    if (child && child.exitCode === null) {
      child.kill("SIGTERM");
      await until(
        () => child.exitCode !== null || child.signalCode !== null,
        "the end of a program",
      ).catch(() => child.kill("SIGKILL"));
    }
  }
  rmSync(home, { recursive: true, force: true });
  if (!failed) console.log("\nEverything was stopped and removed.");
} else {
  server.unref();
  mount?.unref();
}
process.exitCode = failed ? 1 : 0;
