// Builds the web page of src/web into dist/web, with every file that shrinks compressed beside it.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

import react from "@vitejs/plugin-react";
import { build } from "vite";

const target = "dist/web";
const textEndings = new Set([".js", ".css", ".svg", ".webmanifest"]);

await build({
  configFile: false,
  root: "src/web",
  base: "./",
  plugins: [react()],
  logLevel: "warn",
  worker: { format: "es" },
  build: {
    outDir: "../../dist/web",
    emptyOutDir: true,
    target: "es2022",
    // The first browsers with light-dark(), which the stylesheet is written with.
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    assetsInlineLimit: 0,
    // Preloading by script would put styles into the page that its policy forbids.
    modulePreload: { polyfill: false },
    // A chunk with everything that no page can do without; the limit is test/web/size.test.ts.
    chunkSizeWarningLimit: 700,
  },
});

for (const entry of readdirSync(target, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !textEndings.has(extname(entry.name))) continue;
  const path = join(entry.parentPath, entry.name);
  const bytes = readFileSync(path);
  const quality = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
  writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params: quality }));
  writeFileSync(`${path}.gz`, gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION }));
}
