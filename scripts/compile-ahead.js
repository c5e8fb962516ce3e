// Keeps the code that V8 makes of dist/program/main.cjs, beside it: runs the commands that people start most, on a folder of its own, and
// writes down what was compiled for them. The program works without, and starts a little later.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { loadProgram } from "../bin/load-program.js";

const WAIT_MS_MAX = 30_000;

const bundle = resolve("dist/program/main.cjs");
const home = mkdtempSync(join(tmpdir(), "amber-build-"));
const ready = join(home, "ready.json");
const source = join(home, "source");
mkdirSync(source);
writeFileSync(join(source, "file"), "content\n");
writeFileSync(join(home, "password"), "only-here\n", { mode: 0o600 });

for (const name of Object.keys(process.env)) {
  if (/^(AMBER|PBS)_/.test(name)) delete process.env[name];
}
const server = spawn(
  process.execPath,
  [
    ...["bin/amber.js", "server", "--config", join(home, "config")],
    ...["--datastore", `store=${join(home, "store")}`, "--chunk-folders", "on-demand"],
    ...["--listen", "127.0.0.1:0", "--ready-file", ready],
    ...["--admin-password-file", join(home, "password"), "--session-grace", "0"],
  ],
  { stdio: "ignore" },
);
const gone = once(server, "exit");
const stopped = new Promise((_, reject) => {
  for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"]) {
    process.once(signal, () => {
      reject(new Error(`stopped by ${signal}`));
    });
  }
});

async function keepWhatIsCompiled() {
  for (let waitedMs = 0; !existsSync(ready); waitedMs += 20) {
    if (server.exitCode !== null || waitedMs > WAIT_MS_MAX) throw new Error("no server");
    await sleep(20);
  }
  const { port, fingerprint } = JSON.parse(readFileSync(ready, "utf8"));
  Object.assign(process.env, {
    XDG_RUNTIME_DIR: home,
    XDG_CONFIG_HOME: home,
    XDG_CACHE_HOME: home,
    PBS_REPOSITORY: `admin@pbs@127.0.0.1:${port}:store`,
    PBS_PASSWORD: "only-here",
    PBS_FINGERPRINT: fingerprint,
  });
  const { exports, keepCode } = loadProgram(bundle);
  const amber = async (...args) => {
    await exports.main(["node", "amber", ...args]);
    if (process.exitCode) throw new Error(`${args[0]} failed`);
  };
  const backup = ["backup", `tree.pxar:${source}`, "--backup-type", "host", "--backup-id", "build"];
  await amber(...backup);
  // A group has one backup a second.
  await sleep(1000);
  await amber(...backup);
  await amber("snapshot", "list");
  await amber("restore", "host/build", "tree.pxar", join(home, "restored"));
  // On no directory: that is found out last, and nobody needs FUSE to build.
  const mount = ["mount", "--foreground", "host/build", "tree.pxar", join(home, "password")];
  await exports.main(["node", "amber", ...mount]);
  keepCode();
}

try {
  await Promise.race([keepWhatIsCompiled(), stopped]);
} finally {
  // It has nothing to lose, and as long as it writes the folder cannot be removed.
  server.kill("SIGKILL");
  await gone;
  rmSync(home, { recursive: true });
}
process.exit(0);
