import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Paths of all files below a folder that hold these bytes. */
export function filesHolding(folder: string, bytes: Buffer): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path).includes(bytes));
}
