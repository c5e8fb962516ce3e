import { encodeBlob } from "../../src/format/chunk/data-blob.ts";
import { type Digest, digestOfBytes } from "../../src/format/chunk/digest.ts";
import { toHex } from "../../src/format/bytes/hex.ts";
import { type CodecProvider } from "../../src/format/crypto/codec-provider.ts";
import { createNativeProvider } from "../../src/format/crypto/native-provider.ts";
import { DynamicIndexBuilder } from "../../src/format/index/dynamic-index.ts";
import { FixedIndexBuilder } from "../../src/format/index/fixed-index.ts";
import { FIXED_CHUNK_BYTES } from "../../src/format/limits.ts";
import { encodeManifest, type ManifestFile } from "../../src/format/manifest/manifest.ts";
import {
  type ArchiveName,
  MANIFEST_NAME,
  parseArchiveName,
} from "../../src/format/snapshot/archive-name.ts";
import { type AuthId, parseAuthId } from "../../src/format/snapshot/auth-id.ts";
import { type Namespace, rootNamespace } from "../../src/format/snapshot/namespace.ts";
import { parseSnapshotId, type SnapshotId } from "../../src/format/snapshot/snapshot-id.ts";
import { inlineChunkVerifier } from "../../src/server/store/accepted-blob.ts";
import { type BackupTarget } from "../../src/server/store/backup-target.ts";
import { Datastore } from "../../src/server/store/datastore.ts";
import { type StoreBackend } from "../../src/server/store/store-backend.ts";
import { type SyncLevel } from "../../src/server/store/sync-level.ts";
import { type FakeClock } from "./fake-clock.ts";

/** Codec of all store tests. */
export const codec: CodecProvider = createNativeProvider();

/** Who backs up in tests. */
export const tester: AuthId = parseAuthId("test@pbs");

/** A datastore over any backend. */
export function datastoreOn(
  backend: StoreBackend,
  clock: FakeClock,
  syncLevel: SyncLevel = "none",
): Datastore {
  return new Datastore(backend, {
    name: "store1",
    clock,
    codec,
    verifier: inlineChunkVerifier(codec),
    syncLevel,
  });
}

/** `host/a/…` at a second of 2024-06-05. */
export function snapshotAt(seconds: number, group = "host/a"): SnapshotId {
  const { type, id } = parseSnapshotId(`${group}/2024-06-05T00:00:00Z`);
  return { type, id, timeSec: 1_717_545_600 + seconds };
}

/** Begins a backup as {@link tester}. */
export async function begin(
  store: Datastore,
  snapshot: SnapshotId,
  namespace: Namespace = rootNamespace,
): Promise<BackupTarget> {
  return await store.beginBackup({ namespace, snapshot, authId: tester, ownerCheck: "enforced" });
}

export interface MadeChunk {
  readonly digest: Digest;
  readonly size: number;
  readonly body: Uint8Array;
}

/** An unencrypted chunk of the given plaintext. */
export function chunkOf(plain: Uint8Array, compress = true): MadeChunk {
  return {
    digest: digestOfBytes(codec.sha256(plain)),
    size: plain.length,
    body: encodeBlob(codec, plain, { compress }),
  };
}

/** Uploads chunks as one `.didx` archive; gives its entry for the manifest. */
export async function putDynamic(
  target: BackupTarget,
  name: string,
  plains: readonly Uint8Array[],
): Promise<ManifestFile> {
  const filename = parseArchiveName(name);
  const id = await target.createDynamicWriter(filename);
  const index = new DynamicIndexBuilder(codec);
  for (const plain of plains) {
    const { digest, size, body } = chunkOf(plain);
    await target.uploadChunk({ writer: "dynamic", writerId: id, digest, size, body });
    await target.append("dynamic", id, [digest], [index.size]);
    index.append(size, digest);
  }
  const claim = { chunkCount: index.count, size: index.size, csum: index.csum() };
  await target.close("dynamic", id, claim);
  return { filename, cryptMode: "none", size: index.size, csum: claim.csum };
}

/** Uploads 4 MiB chunks (but the last) as one `.fidx` archive; gives its entry for the manifest. */
export async function putFixed(
  target: BackupTarget,
  name: string,
  plains: readonly Uint8Array[],
): Promise<ManifestFile> {
  const filename = parseArchiveName(name);
  const total = plains.reduce((sum, plain) => sum + plain.length, 0);
  const id = await target.createFixedWriter(filename, { size: total });
  const index = new FixedIndexBuilder(FIXED_CHUNK_BYTES);
  for (const [i, plain] of plains.entries()) {
    const { digest, size, body } = chunkOf(plain);
    await target.uploadChunk({ writer: "fixed", writerId: id, digest, size, body });
    await target.append("fixed", id, [digest], [i * FIXED_CHUNK_BYTES]);
    index.set(i, digest);
  }
  const claim = { chunkCount: plains.length, size: total, csum: index.csum(codec) };
  await target.close("fixed", id, claim);
  return { filename, cryptMode: "none", size: total, csum: claim.csum };
}

/** Uploads a small file; gives its entry for the manifest. */
export async function putBlob(
  target: BackupTarget,
  name: string,
  plain: Uint8Array,
): Promise<ManifestFile> {
  const filename = parseArchiveName(name);
  const blob = encodeBlob(codec, plain, { compress: true });
  const csum = toHex(codec.sha256(blob));
  await target.writeBlob(filename, blob);
  return { filename, cryptMode: "none", size: blob.length, csum };
}

/** Uploads the manifest. */
export async function putManifest(
  target: BackupTarget,
  files: readonly ManifestFile[],
): Promise<void> {
  const manifest = { snapshot: target.snapshot, files, unprotected: {} };
  await target.writeBlob(MANIFEST_NAME, encodeManifest(codec, manifest));
}

/** A whole small backup: an archive, an image, a configuration, the manifest, finished. */
export async function makeBackup(
  store: Datastore,
  snapshot: SnapshotId,
  content: Uint8Array,
): Promise<readonly ArchiveName[]> {
  const target = await begin(store, snapshot);
  try {
    const cut = Math.ceil(content.length / 2);
    const files = [
      await putDynamic(target, "root.pxar.didx", [content.subarray(0, cut), content.subarray(cut)]),
      await putFixed(target, "disk.img.fidx", [content.subarray(0, FIXED_CHUNK_BYTES)]),
      await putBlob(target, "etc.conf.blob", content.subarray(0, 10)),
    ];
    await putManifest(target, files);
    await target.finish();
    return files.map((file) => file.filename);
  } finally {
    await target[Symbol.asyncDispose]();
  }
}
