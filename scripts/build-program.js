// Bundles the program of src into dist/program: whoever starts a command loads some files in place of hundreds, which is most of its start.
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

import { build } from "esbuild";

const target = "dist/program";
/** Packages that commands need at their start; the others are loaded from where they are. */
const bundled = new Set(["commander", "fzstd", "lru-cache"]);

const { dependencies, optionalDependencies } = JSON.parse(readFileSync("package.json", "utf8"));
const external = Object.keys({ ...dependencies, ...optionalDependencies }).filter(
  (name) => !bundled.has(name),
);

// What is started or imported by its URL has a file of its own, beside all others: `startWorker` and `datastoreRecipe` count on that.
const threads = readdirSync("src", { recursive: true }).filter(
  (path) => /-worker\.ts$/.test(path) && !/(^web\/|start-worker\.ts$)/.test(path),
);
const entries = ["cli/main.ts", "fs/make-file-system.ts", ...threads];

await build({
  entryPoints: entries.map((path) => ({ in: join("src", path), out: basename(path, ".ts") })),
  outdir: target,
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20",
  external,
  // What is bundled of older packages asks for Node's own modules by `require`.
  banner: {
    js: 'import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);',
  },
  sourcemap: true,
  logLevel: "warning",
});
