/**
 * Question: does everything come back, on large real trees?
 *
 * Usage: `npm run faithful -- [--encrypted] DIR…` (root, FUSE, rsync; a made tree with every odd kind of metadata is always added). For every
 * directory: backup, a second backup of the unchanged tree, mount, rsync with checksums, attributes, ACLs and hard links both ways, restore, `cp -a` out of
 * the mount. With `--encrypted` everything is encrypted, and the mount keeps an on-disk cache, which must hold nothing but encrypted blobs.
 * Prints what each step printed or how long it took; exits 1 when rsync finds a difference.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

import { blobKindOf } from "../../src/format/chunk/data-blob.ts";
import { runAmber, startMountProcess, startServerProcess } from "../support/amber-program.ts";
import { makeOddTree, removeOddTree } from "../support/odd-tree.ts";

const home = mkdtempSync(join(process.env["TMPDIR"] ?? tmpdir(), "amber-faithful-"));
const odd = join(home, "odd");
makeOddTree(odd);
const server = await startServerProcess(home);
const { values: options, positionals: directories } = parseArgs({
  options: { encrypted: { type: "boolean", default: false } },
  allowPositionals: true,
});
const keyFile = join(home, "key.json");
const diskCache = join(home, "cache");
const crypt = options.encrypted ? ["--keyfile", keyFile] : [];
const mountOptions = options.encrypted ? [...crypt, "--disk-cache", diskCache] : [];
const differing: string[] = [];

function difference(from: string, to: string): void {
  const run = spawnSync(
    "rsync",
    [
      "-aHAXn",
      "--delete",
      "--numeric-ids",
      "--checksum",
      "--itemize-changes",
      `${from}/`,
      `${to}/`,
    ],
    { encoding: "utf8", maxBuffer: 1 << 28 },
  );
  const lines = `${run.stdout}${run.stderr}`.split("\n").filter((line) => line !== "");
  console.log(
    `  rsync -aHAXn --delete --numeric-ids --checksum --itemize-changes ${from}/ ${to}/: ${lines.length} lines`,
  );
  for (const line of lines.slice(0, 10)) console.log(`    ${line}`);
  if (lines.length > 0) differing.push(`${from} and ${to}`);
}

function amber(...args: string[]): void {
  const run = runAmber(args, server.env);
  const told = `${run.stdout}${run.stderr}`.trim().split("\n");
  console.log(`  amber ${args.join(" ")}: exit ${run.status ?? "?"}`);
  for (const line of told.slice(-5)) console.log(`    ${line}`);
  if (run.status !== 0) differing.push(`the end of amber ${args.join(" ")}`);
}

/** Every blob that the mount kept has to be an encrypted one; compressed plaintext would not be found by looking for words. */
function searchCache(): void {
  const blobs = readdirSync(diskCache, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => blobKindOf(readFileSync(join(entry.parentPath, entry.name)).subarray(0, 8)));
  const open = blobs.filter((kind) => kind?.isEncrypted !== true).length;
  console.log(`  ${blobs.length} blobs in the cache, ${open} of them not encrypted`);
  if (open > 0 || blobs.length === 0) differing.push("the on-disk cache");
}

try {
  if (options.encrypted) amber("key", "create", keyFile, "--kdf", "none");
  for (const [number, directory] of [odd, ...directories].entries()) {
    console.log(directory);
    const id = `tree${number}`;
    amber("backup", `tree.pxar:${directory}`, "--backup-id", id, ...crypt);
    await sleep(1100);
    amber("backup", `tree.pxar:${directory}`, "--backup-id", id, ...crypt);
    const point = join(home, `mnt${number}`);
    const mount = await startMountProcess([...mountOptions, `host/${id}`], point, server.env);
    const shown = join(point, "latest/tree.pxar");
    difference(directory, shown);
    difference(shown, directory);
    const copied = join(home, "copied");
    spawnSync("cp", ["-a", shown, copied], { stdio: "inherit" });
    console.log("  cp -a out of the mount");
    difference(directory, copied);
    removeOddTree(copied);
    rmSync(copied, { recursive: true, force: true });
    await mount.stop();
    if (options.encrypted) searchCache();
    const restored = join(home, "restored");
    amber("restore", `host/${id}`, "tree.pxar", restored, ...crypt);
    difference(directory, restored);
    removeOddTree(restored);
    rmSync(restored, { recursive: true, force: true });
  }
} finally {
  await server.stop();
  removeOddTree(odd);
  rmSync(home, { recursive: true, force: true });
}
console.log(differing.length === 0 ? "everything came back" : `differs: ${differing.join("; ")}`);
process.exitCode = differing.length === 0 ? 0 : 1;
