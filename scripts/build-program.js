// Bundles the program of src into dist/program: whoever starts a command loads one file in place of hundreds, which is most of its start.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { basename, join, resolve } from "node:path";

import { build } from "esbuild";

const target = "dist/program";
/** Takes the place of the target when it is whole: a bundle that was cut off would be newer than what the compiler made, and be run. */
const unfinished = `${target}.new`;
/** Packages that commands need at their start, and those that only `import` can load; the others are loaded from where they are. */
const bundled = new Set([
  ...["commander", "fzstd", "lru-cache"],
  ...["@bomb.sh/tab", "@inquirer/confirm", "@inquirer/password", "@noble/ciphers", "@noble/hashes"],
  ...["nodemailer", "otpauth", "qr", "typebox"],
]);

const { dependencies, optionalDependencies } = JSON.parse(readFileSync("package.json", "utf8"));
const external = Object.keys({ ...dependencies, ...optionalDependencies }).filter(
  (name) => !bundled.has(name),
);

// What is started by its URL has a file of its own, beside all others: `startWorker` counts on that.
const threads = readdirSync("src", { recursive: true }).filter(
  (path) => /-worker\.ts$/.test(path) && !/(^web\/|start-worker\.ts$)/.test(path),
);
const entries = ["cli/main.ts", ...threads];

/** A file system has to share classes with whoever calls it, so it is not loaded by its URL. */
const fileSystemInside = {
  name: "file-system-inside",
  setup({ onResolve }) {
    onResolve({ filter: /\/load-maker\.ts$/ }, () => ({
      path: resolve("src/fs/bundled-maker.ts"),
    }));
  },
};

rmSync(unfinished, { recursive: true, force: true });
await build({
  entryPoints: entries.map((path) => ({ in: join("src", path), out: basename(path, ".ts") })),
  outdir: unfinished,
  outExtension: { ".js": ".cjs" },
  bundle: true,
  // CommonJS, because only that can be given to V8 together with what it compiled before (bin/load-program.js); such a script
  // cannot `import()`.
  format: "cjs",
  supported: { "dynamic-import": false },
  platform: "node",
  target: "node20",
  external,
  plugins: [fileSystemInside],
  define: { "import.meta.url": "moduleUrl" },
  banner: { js: 'const moduleUrl = require("node:url").pathToFileURL(__filename).href;' },
  sourcemap: true,
  logLevel: "warning",
});
rmSync(target, { recursive: true, force: true });
renameSync(unfinished, target);

const { status, stderr } = spawnSync(process.execPath, ["scripts/compile-ahead.js"], {
  stdio: ["ignore", "ignore", "pipe"],
  encoding: "utf8",
  // V8 would drop what it made under flags that commands are not started with.
  env: { ...process.env, NODE_OPTIONS: "" },
});
if (status !== 0) {
  console.warn("The program was built without code compiled ahead: it starts a little later.");
  console.warn(stderr.trim());
}
