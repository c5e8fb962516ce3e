import { type Fingerprint, parseFingerprint } from "../crypto/fingerprint.ts";
import { type ArchiveName } from "../snapshot/archive-name.ts";
import { type Json, type JsonObject } from "./canonical-json.ts";
import { type CryptMode, type Manifest, type ManifestFile } from "./manifest.ts";
import { isJsonObject } from "./parse-json.ts";

/** Result of the last verification of a snapshot (spec manifest.md §5). */
export interface VerifyState {
  /** Task that verified. */
  readonly upid: string;
  readonly state: "ok" | "failed";
}

/** Counters over the chunks uploaded in one session (spec manifest.md §5). */
export interface ChunkUploadStats {
  /** Chunks uploaded. */
  readonly count: number;
  /** Their plaintext in bytes, and the encoded blobs. */
  readonly size: number;
  /** Their encoded form in bytes. */
  readonly compressedSize: number;
  /** How many of them the store held already. */
  readonly duplicates: number;
}

/** The file of that name, if the manifest lists it. */
export function manifestFile(manifest: Manifest, name: ArchiveName): ManifestFile | undefined {
  return manifest.files.find((file) => file.filename === name);
}

/** Sum of the sizes of all files in bytes, without the manifest itself. */
export function manifestSize(manifest: Manifest): number {
  return manifest.files.reduce((sum, file) => sum + file.size, 0);
}

/**
 * The one mode of all files, or the weakest that occurs: `none` before `sign-only` before `encrypt`; `undefined`
 * without files.
 */
export function snapshotCryptMode(manifest: Manifest): CryptMode | undefined {
  const modes = new Set(manifest.files.map((file) => file.cryptMode));
  return (["none", "sign-only", "encrypt"] as const).find((mode) => modes.has(mode));
}

/** The key that was used, as the manifest names it; a text that is no fingerprint counts as none. */
export function keyFingerprintOf(manifest: Manifest): Fingerprint | undefined {
  const text = manifest.unprotected["key-fingerprint"];
  if (typeof text !== "string") return undefined;
  try {
    return parseFingerprint(text);
  } catch {
    return undefined;
  }
}

/** What a user wrote about the snapshot. */
export function notesOf(manifest: Manifest): string | undefined {
  const notes = manifest.unprotected["notes"];
  return typeof notes === "string" ? notes : undefined;
}

/** The first line of the notes, as listings show it. */
export function commentOf(manifest: Manifest): string | undefined {
  return notesOf(manifest)?.split("\n", 1)[0];
}

/** Result of the last verification; absent when there was none, or when its record makes no sense. */
export function verifyStateOf(manifest: Manifest): VerifyState | undefined {
  const record = manifest.unprotected["verify_state"];
  if (!isJsonObject(record)) return undefined;
  const { upid, state } = record;
  if (typeof upid !== "string" || (state !== "ok" && state !== "failed")) return undefined;
  return { upid, state };
}

/** The server's counters of the session that made the snapshot. */
export function chunkUploadStatsOf(manifest: Manifest): ChunkUploadStats | undefined {
  const record = manifest.unprotected["chunk_upload_stats"];
  if (!isJsonObject(record)) return undefined;
  return {
    count: countOf(record["count"]),
    size: countOf(record["size"]),
    compressedSize: countOf(record["compressed_size"]),
    duplicates: countOf(record["duplicates"]),
  };
}

/** The JSON form of the counters, for {@link withUnprotected}. */
export function chunkUploadStatsJson(stats: ChunkUploadStats): JsonObject {
  return {
    count: stats.count,
    size: stats.size,
    compressed_size: stats.compressedSize,
    duplicates: stats.duplicates,
  };
}

/** The same manifest with unprotected members replaced; `undefined` removes one. The signature stays valid. */
export function withUnprotected(
  manifest: Manifest,
  changes: Readonly<Record<string, Json | undefined>>,
): Manifest {
  const members = new Map<string, Json>(Object.entries(manifest.unprotected));
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) members.delete(name);
    else members.set(name, value);
  }
  return { ...manifest, unprotected: Object.fromEntries(members) };
}

function countOf(value: Json | undefined): number {
  return typeof value === "number" ? value : 0;
}
