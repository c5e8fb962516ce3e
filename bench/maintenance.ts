/**
 * Question: what do garbage collection and verification cost, and how do they grow?
 *
 * Usage: `npm run --silent build && npx tsx bench/maintenance.ts gc 200000 2000000` or `… verify 1024`, below `TMPDIR`.
 * `gc` makes a datastore of so many small chunks and 200 snapshots, each of which references a quarter of them, with a
 * tenth of the chunks garbage, and has a server collect it: seconds, and the peak memory of the server before and while. `verify` makes an image of so many MiB, half of it compressible, and compares the verification of a server with
 * a loop on one core that decompresses and hashes the same chunks.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";

import { CodecPool } from "../src/chunks/codec-pool.ts";
import { systemClock } from "../src/format/clock.ts";
import { decodeBlob, encodeBlob } from "../src/format/chunk/data-blob.ts";
import { digestOfBytes } from "../src/format/chunk/digest.ts";
import { createNativeProvider } from "../src/format/crypto/native-provider.ts";
import { DynamicIndexBuilder } from "../src/format/index/dynamic-index.ts";
import { FIXED_CHUNK_BYTES } from "../src/format/limits.ts";
import { rootNamespace } from "../src/format/snapshot/namespace.ts";
import { pooledChunkVerifier } from "../src/server/session/pooled-chunk-verifier.ts";
import { createLocalDatastore } from "../src/server/store/create-local-datastore.ts";
import { Datastore } from "../src/server/store/datastore.ts";
import { LocalBackend } from "../src/server/store/local-backend.ts";
import { newVerifyMemory } from "../src/server/store/verify-memory.ts";
import { runAmber, startServerProcess } from "../test/support/amber-program.ts";
import { begin, putFixed, putManifest, snapshotAt } from "../test/support/make-backup.ts";

const SNAPSHOTS = 200;
const DAY_SEC = 86_400;
/** `getconf CLK_TCK`: 100 on every Linux that Node.js supports. */
const CLOCK_TICKS = 100;

const codec = createNativeProvider();

async function openStore(
  base: string,
  workerCount: number,
): Promise<{ store: Datastore; pool: CodecPool }> {
  const backend = await LocalBackend.open(base, { access: "read-write", clock: systemClock });
  const pool = CodecPool.create({ workerCount });
  const store = new Datastore(backend, {
    name: "bench",
    clock: systemClock,
    codec,
    verifier: pooledChunkVerifier(pool, codec),
    syncLevel: "none",
  });
  return { store, pool };
}

/** A datastore of `count` chunks that were last used two days ago, as files: writing them through a server would take hours. */
async function makeStore(base: string, count: number): Promise<void> {
  const { foldersComplete } = await createLocalDatastore(base, { chunkFolders: "in-background" });
  await foldersComplete;
  const old = Date.now() / 1000 - 2 * DAY_SEC;
  const blob = encodeBlob(codec, randomBytes(100), { compress: false });
  const digests = Array.from({ length: count }, () => digestOfBytes(randomBytes(32)));
  for (const digest of digests) {
    const path = join(base, ".chunks", digest.slice(0, 4), digest);
    writeFileSync(path, blob);
    utimesSync(path, old, old);
  }
  const used = Math.floor(count * 0.9);
  const each = Math.floor(count / 4);
  for (let number = 0; number < SNAPSHOTS; number++) {
    const time = new Date(1_717_545_600_000 + number * 1000).toISOString().replace(".000", "");
    const folder = join(base, "host/bench", time);
    mkdirSync(folder, { recursive: true });
    const index = new DynamicIndexBuilder(codec);
    const first = Math.floor(((used - each) * number) / (SNAPSHOTS - 1));
    for (let at = first; at < first + each; at++)
      index.append(100, digests[at] ?? digestOfBytes(randomBytes(32)));
    const stamp = { uuid: randomBytes(16), createdAtSec: BigInt(1_717_545_600 + number) };
    writeFileSync(join(folder, "root.pxar.didx"), index.build(stamp));
  }
}

/** What a process has used so far: CPU seconds, and its peak of resident memory since the last call, in MiB. */
function usage(pid: number): { readonly cpuSec: number; readonly peakMib: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const [user, system] = stat.slice(stat.lastIndexOf(")")).split(" ").slice(12, 14).map(Number);
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
  return {
    cpuSec: ((user ?? 0) + (system ?? 0)) / CLOCK_TICKS,
    peakMib: Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024,
  };
}

async function benchCollection(home: string, count: number): Promise<void> {
  const base = join(home, "store");
  await makeStore(base, count);
  console.log(`${count} chunks, ${SNAPSHOTS} snapshots of ${Math.floor(count / 4)} chunks`);
  const server = await startServerProcess(home, base);
  const pid = server.child.pid ?? 0;
  runAmber(["status"], server.env);
  for (const round of ["a tenth is garbage", "nothing is garbage"]) {
    usage(pid);
    const before = usage(pid);
    const startMs = performance.now();
    const run = runAmber(["garbage-collect"], server.env);
    const seconds = (performance.now() - startMs) / 1000;
    const after = usage(pid);
    if (run.status !== 0) throw new Error(run.stderr);
    const told = /Removed chunks: \d+/.exec(run.stdout + run.stderr)?.[0] ?? "";
    console.log(
      `  ${round}: ${seconds.toFixed(1)} s, server ${(after.cpuSec - before.cpuSec).toFixed(1)} CPU s, peak ${after.peakMib.toFixed(0)} MiB (before ${before.peakMib.toFixed(0)}); ${told}`,
    );
  }
  await server.stop();
}

async function benchVerification(base: string, mib: number): Promise<void> {
  await createLocalDatastore(base, { chunkFolders: "on-demand" });
  const { store, pool } = await openStore(base, availableParallelism());
  const snapshot = snapshotAt(1);
  const target = await begin(store, snapshot);
  const plains = Array.from({ length: mib / 4 }, (_, number) => {
    // Half noise, half text: zstd makes about half of it.
    const half = FIXED_CHUNK_BYTES / 2;
    const text = Buffer.alloc(half, `${number} line of a log, as there are many, ${number * 7}\n`);
    return Buffer.concat([randomBytes(half), text]);
  });
  const file = await putFixed(target, "drive.img.fidx", plains);
  await putManifest(target, [file]);
  await target.finish();

  const blobs = plains.map((plain) => encodeBlob(codec, plain, { compress: true }));
  for (const round of [1, 2, 3]) {
    const loopMs = performance.now();
    for (const blob of blobs)
      codec.sha256(decodeBlob(codec, blob, { sizeMax: FIXED_CHUNK_BYTES, what: "chunk" }));
    const loop = (mib * 1000) / (performance.now() - loopMs);
    const verifyMs = performance.now();
    const verdict = await store.verifySnapshot(rootNamespace, snapshot, newVerifyMemory(1), {});
    const verify = (mib * 1000) / (performance.now() - verifyMs);
    if (verdict.faults.length > 0) throw new Error("the snapshot is damaged");
    console.log(
      `round ${round}: decompress + SHA-256 on one core ${loop.toFixed(0)} MiB/s, verification on ${availableParallelism()} ${verify.toFixed(0)} MiB/s: ${(verify / loop).toFixed(2)}`,
    );
  }
  await store[Symbol.asyncDispose]();
  await pool[Symbol.asyncDispose]();
}

const [what = "", ...rest] = process.argv.slice(2);
for (const size of rest.map(Number)) {
  const home = mkdtempSync(join(process.env["TMPDIR"] ?? tmpdir(), "amber-maintenance-"));
  try {
    if (what === "gc") await benchCollection(home, size);
    else await benchVerification(join(home, "store"), size);
  } finally {
    rmSync(home, { recursive: true });
  }
}
