import { abortOnAny } from "../../chunks/abort-on-any.ts";
import { mapConcurrent } from "../../chunks/map-concurrent.ts";
import { toHex } from "../../format/bytes/hex.ts";
import { type Digest } from "../../format/chunk/digest.ts";
import { FormatError } from "../../format/format-error.ts";
import { type ChunkIndex, indexCsum } from "../../format/index/chunk-index.ts";
import { parseDynamicIndex } from "../../format/index/dynamic-index.ts";
import { parseFixedIndex } from "../../format/index/fixed-index.ts";
import { BLOB_UPLOAD_BYTES_MAX } from "../../format/limits.ts";
import { type ManifestFile } from "../../format/manifest/manifest.ts";
import {
  type ArchiveName,
  archiveKindOf,
  CLIENT_LOG_NAME,
  MANIFEST_NAME,
} from "../../format/snapshot/archive-name.ts";
import { type Namespace } from "../../format/snapshot/namespace.ts";
import { type SnapshotId, snapshotIdText } from "../../format/snapshot/snapshot-id.ts";
import { acceptChunk, acceptFileBlob } from "./accepted-blob.ts";
import { type DatastoreParts } from "./datastore-parts.ts";
import { type KnownChunks } from "./known-chunks.ts";
import { type Lock } from "./lock-table.ts";
import { SnapshotReplacement } from "./snapshot-replacement.ts";
import { type Durability } from "./store-backend.ts";
import { StoreError } from "./store-error.ts";
import {
  isVisibleFile,
  manifestPath,
  PROTECTED_FILE,
  snapshotLockKey,
  snapshotPath,
  STAGED_MANIFEST_FILE,
} from "./store-path.ts";

/** Where chunks that are missing come from. */
export interface ChunkFetch {
  /** The stored blob of a chunk, owned. */
  readonly fetch: (digest: Digest, signal: AbortSignal) => Promise<Uint8Array>;
  /** Chunks on their way at the same time; each takes a blob and its plaintext. */
  readonly inFlightMax: number;
  readonly signal: AbortSignal;
}

/** What the import of one index brought. */
export interface ImportedIndex {
  /** Chunks that were fetched. */
  readonly chunkCount: number;
  /** Bytes of their blobs. */
  readonly bytes: number;
}

/** Chunks that the import may take for present: of the group's newest snapshot, and those of this import. */
export interface ImportKnowledge {
  readonly base: KnownChunks;
  readonly imported: KnownChunks;
}

/**
 * One snapshot being copied from another datastore, file by file and chunk by chunk.
 *
 * Files are put at their names before the manifest is (W3), so until {@link publish} a new snapshot is an unfinished one; one
 * that is given up before that is removed if it was new. A finished snapshot of which a file has to be replaced stays as it is
 * until the new one is whole beside it (`SnapshotReplacement`).
 */
export class SnapshotImport implements AsyncDisposable {
  readonly snapshot: SnapshotId;
  /** Whether the import made the snapshot's folder. */
  readonly isNew: boolean;
  readonly #parts: DatastoreParts;
  readonly #namespace: Namespace;
  readonly #lock: Lock;
  readonly #known: ImportKnowledge;
  #isPublished = false;
  #replacement: SnapshotReplacement | undefined;

  private constructor(
    parts: DatastoreParts,
    place: {
      readonly namespace: Namespace;
      readonly snapshot: SnapshotId;
      readonly lock: Lock;
      readonly isNew: boolean;
    },
    known: ImportKnowledge,
  ) {
    this.snapshot = place.snapshot;
    this.isNew = place.isNew;
    this.#parts = parts;
    this.#namespace = place.namespace;
    this.#lock = place.lock;
    this.#known = known;
  }

  /** Only `GroupImport` calls this. */
  static async begin(
    parts: DatastoreParts,
    namespace: Namespace,
    snapshot: SnapshotId,
    known: ImportKnowledge,
  ): Promise<SnapshotImport> {
    const lock = parts.locks.tryExclusive(snapshotLockKey(namespace, snapshot));
    if (!lock) {
      const name = snapshotIdText(snapshot);
      throw new StoreError("STORE_LOCKED", `snapshot ${name} is locked by another operation`);
    }
    try {
      const path = snapshotPath(namespace, snapshot);
      const durability = parts.syncLevel === "file" ? "synced" : "none";
      const isNew = await parts.backend.createFolder(path, durability);
      return new SnapshotImport(parts, { namespace, snapshot, lock, isNew }, known);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** The manifest as it is stored, `undefined` for an unfinished snapshot; owned. */
  async readManifestBlob(): Promise<Uint8Array | undefined> {
    const path = manifestPath(this.#namespace, this.snapshot);
    return await this.#parts.backend.readFile(path, BLOB_UPLOAD_BYTES_MAX);
  }

  /** Whether a file of this name is there, with or without the right content. */
  async hasFile(name: ArchiveName): Promise<boolean> {
    const entries = (await this.#parts.backend.listFolder(this.#folder)) ?? [];
    return entries.some((entry) => entry.name === name);
  }

  /** Whether a file is there already as the manifest lists it; an unreadable one is not. */
  async hasListedFile(file: ManifestFile): Promise<boolean> {
    try {
      await using stored = await this.#parts.backend.openFile(`${this.#folder}/${file.filename}`);
      if (!stored) return false;
      const bytes = await stored.readAt(0, stored.size);
      this.#check(file, bytes);
      return true;
    } catch (error) {
      if (error instanceof FormatError) return false;
      throw error;
    }
  }

  /**
   * Stores a blob that the manifest lists.
   *
   * @param bytes Owned.
   * @throws {FormatError} When it is not the listed one.
   */
  async putBlob(file: ManifestFile, bytes: Uint8Array): Promise<void> {
    this.#check(file, bytes);
    await this.#put(file.filename, acceptFileBlob(bytes, file.filename, this.#parts.codec).bytes);
  }

  /**
   * Stores the client's log, which no manifest lists.
   *
   * @param bytes Owned.
   */
  async putClientLog(bytes: Uint8Array): Promise<void> {
    await this.#put(
      CLIENT_LOG_NAME,
      acceptFileBlob(bytes, CLIENT_LOG_NAME, this.#parts.codec).bytes,
    );
  }

  /**
   * Stores an index that the manifest lists, after all its chunks are in place (W1).
   *
   * A chunk that is referenced already by this import, or stands in the group's newest snapshot and is there, is only
   * marked as used; every other one is fetched and proven, which also heals one that was set aside.
   *
   * @param bytes Owned; the index file.
   * @throws {FormatError} When it is not the listed one, or a chunk is not what it should be.
   */
  async putIndex(
    file: ManifestFile,
    bytes: Uint8Array,
    source: ChunkFetch,
  ): Promise<ImportedIndex> {
    const index = this.#check(file, bytes);
    if (!index) throw new TypeError(`"${file.filename}" is no index`);
    let chunkCount = 0;
    let fetched = 0;
    const stored = mapConcurrent(
      this.#missingChunks(index),
      source.inFlightMax,
      async (wanted, signal) => await this.#fetchChunk(file, wanted, source, signal),
    );
    for await (const size of stored) {
      chunkCount += 1;
      fetched += size;
    }
    await this.#put(file.filename, bytes);
    return { chunkCount, bytes: fetched };
  }

  /**
   * Publishes the snapshot with the source's manifest, byte for byte, and removes files that it does not list.
   *
   * @param blob Owned; checked by the caller to be the manifest of this snapshot.
   */
  async publish(blob: Uint8Array, listed: readonly ManifestFile[]): Promise<void> {
    const { backend, syncLevel } = this.#parts;
    const kept = new Set<string>([MANIFEST_NAME, CLIENT_LOG_NAME, PROTECTED_FILE]);
    for (const { filename } of listed) kept.add(filename);
    if (this.#replacement) {
      await this.#replacement.publish(blob, kept);
      this.#isPublished = true;
      return;
    }
    const staged = `${this.#folder}/${STAGED_MANIFEST_FILE}`;
    await backend.writeFile(staged, blob, {
      onExisting: "replace",
      durability: this.#durability,
    });
    if (syncLevel === "filesystem") await backend.syncEverything();
    const durability = syncLevel === "none" ? "none" : "synced";
    await backend.renameFile(staged, manifestPath(this.#namespace, this.snapshot), durability);
    this.#isPublished = true;
    for (const { name, kind } of (await backend.listFolder(this.#folder)) ?? []) {
      if (kind === "file" && isVisibleFile(name) && !kept.has(name)) {
        await backend.removeFile(`${this.#folder}/${name}`);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#replacement?.[Symbol.asyncDispose]();
      if (this.isNew && !this.#isPublished) await this.#parts.backend.removeFolder(this.#folder);
    } finally {
      this.#lock.release();
    }
  }

  get #folder(): string {
    return snapshotPath(this.#namespace, this.snapshot);
  }

  /** With level `filesystem`, one sync at the end covers all files; `none` covers none. */
  get #durability(): Durability {
    return this.#parts.syncLevel === "file" ? "synced" : "none";
  }

  /** Compares a file with what the manifest says of it; gives the index, if it is one. */
  #check(file: ManifestFile, bytes: Uint8Array): ChunkIndex | undefined {
    const { codec } = this.#parts;
    const kind = archiveKindOf(file.filename);
    const index =
      kind === "blob"
        ? undefined
        : kind === "dynamic"
          ? parseDynamicIndex(bytes)
          : parseFixedIndex(bytes);
    const size = index?.size ?? bytes.length;
    const csum = index ? indexCsum(codec, index) : toHex(codec.sha256(bytes));
    if (size !== file.size || csum !== file.csum) {
      throw new FormatError(
        "FORMAT_NOT_AS_LISTED",
        `"${file.filename}"`,
        `${size} bytes with checksum ${csum}, the manifest lists ${file.size} with ${file.csum}`,
      );
    }
    return index;
  }

  async *#missingChunks(index: ChunkIndex): AsyncGenerator<WantedChunk, void, void> {
    const { base, imported } = this.#known;
    for (let i = 0; i < index.count; i++) {
      const bytes = index.digestBytesAt(i);
      const size = index.endOf(i) - index.startOf(i);
      if (imported.sizeOf(bytes) !== undefined) continue;
      const digest = index.digestAt(i);
      if (base.sizeOf(bytes) !== undefined && (await this.#parts.blobs.touch(digest))) {
        imported.addBytes(bytes, size);
        continue;
      }
      yield { digest, size };
    }
  }

  async #fetchChunk(
    file: ManifestFile,
    { digest, size }: WantedChunk,
    source: ChunkFetch,
    signal: AbortSignal,
  ): Promise<number> {
    const { blobs, verifier } = this.#parts;
    using stop = abortOnAny([signal, source.signal]);
    const body = await source.fetch(digest, stop.signal);
    const { length } = body;
    const chunk = await acceptChunk({ digest, size, body }, verifier);
    const isEncrypted = file.cryptMode === "encrypt";
    if (chunk.kind.isEncrypted !== isEncrypted) {
      throw new FormatError(
        "FORMAT_INVALID",
        `chunk ${digest}`,
        `it is ${chunk.kind.name}, "${file.filename}" is ${isEncrypted ? "encrypted" : "not encrypted"}`,
      );
    }
    await blobs.insert(chunk);
    this.#known.imported.add(digest, size);
    return length;
  }

  async #put(name: ArchiveName, bytes: Uint8Array): Promise<void> {
    const { backend, live } = this.#parts;
    if (name !== CLIENT_LOG_NAME && (await this.#mustReplace(name))) {
      this.#replacement ??= await SnapshotReplacement.begin(
        this.#parts,
        this.#namespace,
        this.snapshot,
      );
      await this.#replacement.put(name, bytes);
      return;
    }
    const path = `${this.#folder}/${name}`;
    await backend.writeFile(path, bytes, { onExisting: "replace", durability: this.#durability });
    if (archiveKindOf(name) !== "blob") live.notePublished(path);
  }

  /** Whether putting a file at its name would damage a snapshot that is whole, or part of it lies elsewhere already. */
  async #mustReplace(name: ArchiveName): Promise<boolean> {
    if (this.#replacement) return true;
    return (await this.hasFile(MANIFEST_NAME)) && (await this.hasFile(name));
  }
}

interface WantedChunk {
  readonly digest: Digest;
  /** Bytes of plaintext. */
  readonly size: number;
}
