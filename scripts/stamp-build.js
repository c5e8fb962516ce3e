// Finishes a build: files that the compiler does not carry over.
import { chmodSync, cpSync, readdirSync } from "node:fs";

for (const entry of readdirSync("src", { recursive: true, withFileTypes: true })) {
  if (entry.isFile() && entry.name.endsWith(".wasm")) {
    const from = `${entry.parentPath}/${entry.name}`;
    cpSync(from, from.replace(/^src/, "dist"));
  }
}
chmodSync("bin/amber.js", 0o755);
