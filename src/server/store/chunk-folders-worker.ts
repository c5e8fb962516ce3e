import { lchownSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { workerData } from "node:worker_threads";

import { announceLoaded } from "../../chunks/announce-loaded.ts";

// Creates the chunk folders that are missing in the folder given as `workerData`, and ends. One thread with synchronous calls
// is fastest: the kernel serialises creations in one folder anyway.

announceLoaded();

const base: unknown = workerData;
if (typeof base !== "string") throw new TypeError("workerData must be the path of .chunks");
const present = new Set(readdirSync(base));
const { uid, gid } = statSync(base);
const isOwn = process.getuid?.() !== 0 || uid === 0;
for (let folder = 0; folder < 65_536; folder++) {
  const name = folder.toString(16).padStart(4, "0");
  if (present.has(name)) continue;
  mkdirSync(`${base}/${name}`, { recursive: true, mode: 0o750 });
  if (!isOwn) lchownSync(`${base}/${name}`, uid, gid); // Genuine servers check whose they are.
}
