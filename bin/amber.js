#!/usr/bin/env node
import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** When a file was written, in milliseconds since the epoch; 0 if it is not there. */
const writtenMs = (url) => statSync(url, { throwIfNoEntry: false })?.mtimeMs ?? 0;

const [, , command, mark = ""] = process.argv;
const mayStay = command === "mount" && !mark.startsWith("--background-child");
// Before anything else is loaded, even the rest of this folder.
const ahead = mayStay ? (await import("./start-ahead.js")).startAhead(process.argv) : undefined;

const compiled = new URL("../dist/cli/main.js", import.meta.url);
// The same in one file, which starts sooner; not if the compiler has run since.
const bundle = new URL("../dist/program/main.cjs", import.meta.url);
const isBundled = writtenMs(bundle) > 0 && writtenMs(bundle) >= writtenMs(compiled);
// Node has source maps of what it has loaded itself alone.
const isLoadedHere = isBundled && !process.sourceMapsEnabled;
try {
  const { main } = isLoadedHere
    ? (await import("./load-program.js")).loadProgram(fileURLToPath(bundle)).exports
    : await import((isBundled ? bundle : compiled).href);
  await main(process.argv, ahead);
} catch (error) {
  if (error?.code !== "ERR_MODULE_NOT_FOUND" || error?.url !== compiled.href) throw error;
  process.stderr.write("Error: the program is not built yet; run `npm run build` first.\n");
  process.exitCode = 1;
} finally {
  ahead?.end();
}
