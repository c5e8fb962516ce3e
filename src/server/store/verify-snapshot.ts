import { BackupError } from "../../format/backup-error.ts";
import { toHex } from "../../format/bytes/hex.ts";
import { decodeBlob, parseBlobHeader } from "../../format/chunk/data-blob.ts";
import { type Digest } from "../../format/chunk/digest.ts";
import { FormatError } from "../../format/format-error.ts";
import { type ChunkIndex, indexCsum } from "../../format/index/chunk-index.ts";
import { BLOB_PLAIN_BYTES_MAX, BLOB_UPLOAD_BYTES_MAX } from "../../format/limits.ts";
import { type CryptMode, type ManifestFile } from "../../format/manifest/manifest.ts";
import { type ArchiveKind, archiveKindOf } from "../../format/snapshot/archive-name.ts";
import { type Namespace } from "../../format/snapshot/namespace.ts";
import { type SnapshotId } from "../../format/snapshot/snapshot-id.ts";
import { snapshotPath } from "./store-path.ts";
import { type DatastoreParts } from "./datastore-parts.ts";
import { readStoredIndex } from "./read-stored-index.ts";

/** What is wrong with a snapshot. */
export interface SnapshotFault {
  /** File of the manifest, or the manifest itself. */
  readonly archive: string;
  /** The chunk, if it is one. */
  readonly digest?: Digest;
  /** Whether the chunk's own bytes are wrong, so that it has to be set aside (spec datastore.md §8.3). */
  readonly isCorruptChunk: boolean;
  readonly error: BackupError;
}

/** Result of verifying a snapshot. */
export interface SnapshotVerdict {
  /** Empty for a sound snapshot. */
  readonly faults: readonly SnapshotFault[];
  /** Chunks that were read for this snapshot; those remembered from others are not counted. */
  readonly chunksRead: number;
  /** Bytes of their blobs. */
  readonly bytesRead: number;
}

/** What one verification run knows already: every chunk is read at most once per run (spec datastore.md §8.1). */
export interface VerifyMemory {
  /** What is known of the good ones. */
  readonly good: Map<Digest, GoodChunk>;
  /** What is wrong with a bad one. */
  readonly bad: Map<Digest, BackupError>;
}

/** A chunk that was read and is sound. */
export interface GoodChunk {
  readonly isEncrypted: boolean;
  /** Bytes of plaintext; of an encrypted chunk, what the first index said. */
  readonly size: number;
}

/** A run that knows nothing yet. */
export function newVerifyMemory(): VerifyMemory {
  return { good: new Map(), bad: new Map() };
}

/**
 * Checks everything that a server can check of a finished snapshot, and changes nothing (spec datastore.md §8.1).
 *
 * Goes on after a fault, so that the result names all of them. Holds one index and one chunk at a time. Takes no lock:
 * the caller keeps the snapshot from being removed.
 *
 * @throws What the storage throws for reasons that say nothing about the snapshot.
 */
export async function verifySnapshot(
  parts: DatastoreParts,
  job: {
    readonly namespace: Namespace;
    readonly snapshot: SnapshotId;
    readonly memory: VerifyMemory;
    readonly signal?: AbortSignal;
  },
): Promise<SnapshotVerdict> {
  const run = new VerifyRun(parts, job.memory, job.signal);
  const folder = snapshotPath(job.namespace, job.snapshot);
  await run.guarded("index.json.blob", async () => {
    const { manifest } = await parts.manifests.read(job.namespace, job.snapshot);
    for (const file of manifest.files) {
      await run.guarded(file.filename, async () => {
        await run.checkFile(`${folder}/${file.filename}`, file);
      });
    }
  });
  return run.verdict();
}

class VerifyRun {
  readonly #parts: DatastoreParts;
  readonly #memory: VerifyMemory;
  readonly #signal: AbortSignal | undefined;
  readonly #faults: SnapshotFault[] = [];
  #chunksRead = 0;
  #bytesRead = 0;

  constructor(parts: DatastoreParts, memory: VerifyMemory, signal: AbortSignal | undefined) {
    this.#parts = parts;
    this.#memory = memory;
    this.#signal = signal;
  }

  verdict(): SnapshotVerdict {
    return { faults: this.#faults, chunksRead: this.#chunksRead, bytesRead: this.#bytesRead };
  }

  /** Turns what is wrong with one file into a fault. */
  async guarded(archive: string, check: () => Promise<void>): Promise<void> {
    try {
      await check();
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
      this.#faults.push({ archive, isCorruptChunk: false, error });
    }
  }

  async checkFile(path: string, file: ManifestFile): Promise<void> {
    const kind = archiveKindOf(file.filename);
    await (kind === "blob" ? this.#checkBlob(path, file) : this.#checkIndex(path, file, kind));
  }

  async #checkBlob(path: string, file: ManifestFile): Promise<void> {
    const { backend, codec } = this.#parts;
    const blob = await backend.readFile(path, BLOB_UPLOAD_BYTES_MAX);
    if (!blob) throw new FormatError("FORMAT_TRUNCATED", file.filename, "the file is missing");
    compare(file, { size: blob.length, csum: toHex(codec.sha256(blob)) });
    const { kind, crc32 } = parseBlobHeader(blob, file.filename);
    if (!kind.isEncrypted) {
      decodeBlob(codec, blob, { sizeMax: BLOB_PLAIN_BYTES_MAX, what: file.filename });
    } else if (codec.crc32(blob.subarray(kind.headerBytes)) !== crc32) {
      throw new FormatError("FORMAT_BAD_CHECKSUM", file.filename);
    }
  }

  async #checkIndex(
    path: string,
    file: ManifestFile,
    kind: Exclude<ArchiveKind, "blob">,
  ): Promise<void> {
    await using stored = await this.#parts.backend.openFile(path);
    if (!stored) throw new FormatError("FORMAT_TRUNCATED", file.filename, "the file is missing");
    const index = await readStoredIndex(stored, kind);
    compare(file, { size: index.size, csum: indexCsum(this.#parts.codec, index) });
    const seen = new Set<Digest>();
    for (let i = 0; i < index.count; i++) {
      this.#signal?.throwIfAborted();
      const digest = index.digestAt(i);
      if (seen.has(digest)) continue;
      seen.add(digest);
      await this.#checkChunk(file, digest, sizeOfChunk(index, i));
    }
  }

  async #checkChunk(file: ManifestFile, digest: Digest, size: number): Promise<void> {
    const archive = file.filename;
    const known = this.#memory.bad.get(digest);
    if (known) {
      this.#faults.push({ archive, digest, isCorruptChunk: false, error: known });
      return;
    }
    try {
      const chunk = this.#memory.good.get(digest) ?? (await this.#readChunk(digest, size));
      this.#memory.good.set(digest, chunk);
      requireFit(file.cryptMode, size, chunk, digest);
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
      const isGood = this.#memory.good.has(digest);
      if (!isGood) this.#memory.bad.set(digest, error);
      const isCorruptChunk = !isGood && error instanceof FormatError;
      this.#faults.push({ archive, digest, isCorruptChunk, error });
    }
  }

  async #readChunk(digest: Digest, size: number): Promise<GoodChunk> {
    const { blobs, verifier } = this.#parts;
    const blob = await blobs.readBlob(digest);
    this.#chunksRead += 1;
    this.#bytesRead += blob.length;
    const { kind, crc32 } = parseBlobHeader(blob, `chunk ${digest}`);
    if ((await verifier.verify(blob, digest, size)) !== crc32) {
      throw new FormatError("FORMAT_BAD_CHECKSUM", `chunk ${digest}`);
    }
    return { isEncrypted: kind.isEncrypted, size };
  }
}

function compare(
  file: ManifestFile,
  found: { readonly size: number; readonly csum: string },
): void {
  if (found.size !== file.size) {
    const detail = `its size is ${found.size}, in the manifest it is ${file.size}`;
    throw new FormatError("FORMAT_INVALID", file.filename, detail);
  }
  if (found.csum !== file.csum) {
    const detail = `its checksum is ${found.csum}, in the manifest it is ${file.csum}`;
    throw new FormatError("FORMAT_BAD_CHECKSUM", file.filename, detail);
  }
}

function requireFit(mode: CryptMode, size: number, chunk: GoodChunk, digest: Digest): void {
  if ((mode === "encrypt") !== chunk.isEncrypted) {
    const state = chunk.isEncrypted ? "encrypted" : "not encrypted";
    const detail = `it is ${state}, its archive has mode "${mode}"`;
    throw new FormatError("FORMAT_INVALID", `chunk ${digest}`, detail);
  }
  if (!chunk.isEncrypted && chunk.size !== size) {
    const detail = `it has ${chunk.size} bytes, its index says ${size}`;
    throw new FormatError("FORMAT_INVALID", `chunk ${digest}`, detail);
  }
}

function sizeOfChunk(index: ChunkIndex, i: number): number {
  return index.endOf(i) - index.startOf(i);
}
