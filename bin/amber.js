#!/usr/bin/env node
import { statSync } from "node:fs";

/** When a file was written, in milliseconds since the epoch; 0 if it is not there. */
const writtenMs = (url) => statSync(url, { throwIfNoEntry: false })?.mtimeMs ?? 0;

const compiled = new URL("../dist/cli/main.js", import.meta.url);
// The same in fewer files, which start sooner; not if the compiler has run since.
const bundle = new URL("../dist/program/main.js", import.meta.url);
const entry = writtenMs(bundle) >= writtenMs(compiled) ? bundle : compiled;
try {
  const { main } = await import(entry.href);
  await main(process.argv);
} catch (error) {
  if (error?.code !== "ERR_MODULE_NOT_FOUND" || error?.url !== entry.href) throw error;
  process.stderr.write("Error: the program is not built yet; run `npm run build` first.\n");
  process.exitCode = 1;
}
