// Assembles src/format/chunk/buzhash.wat into src/format/chunk/buzhash-wasm-module.ts.
// Run it after a change of the .wat file: node scripts/build-wasm.js
import { readFile, writeFile } from "node:fs/promises";
import loadWabt from "wabt";

const folder = new URL("../src/format/chunk/", import.meta.url);
const text = await readFile(new URL("buzhash.wat", folder), "utf8");

const wabt = await loadWabt();
const parsed = wabt.parseWat("buzhash.wat", text, { threads: true });
const { buffer } = parsed.toBinary({});
const base64 = Buffer.from(buffer).toString("base64");

await writeFile(
  new URL("buzhash-wasm-module.ts", folder),
  `// Generated from buzhash.wat by scripts/build-wasm.js: do not edit.

/** The assembled module of buzhash.wat, as base64. */
// prettier-ignore
export const BUZHASH_WASM_MODULE_BASE64 =
  "${base64}";
`,
);
