import { mapConcurrent } from "../../chunks/map-concurrent.ts";
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
import { type ChunkProof, type ChunkVerifier } from "./accepted-blob.ts";
import { type DatastoreParts } from "./datastore-parts.ts";
import { readStoredIndex } from "./read-stored-index.ts";
import { requireSoundChunk } from "./require-sound-chunk.ts";
import { snapshotPath } from "./store-path.ts";
import { type GoodChunk, type VerifyMemory } from "./verify-memory.ts";

/** Chunks that are read and verified at the same time: enough for the codec threads, at most 128 MiB. */
const CHUNKS_IN_FLIGHT = 8;

/** Digests that are remembered as named before those that turned out good are forgotten again. */
const NAMED_MAX = 4096;

/** What is wrong with a snapshot. */
export interface SnapshotFault {
  /** File of the manifest, or the manifest itself. */
  readonly archive: string;
  /** The chunk, if it is one, and the bytes of plaintext that it should have. */
  readonly digest?: Digest;
  readonly size?: number;
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
  /** Encrypted chunks whose bytes were recorded now, and those that could be checked by their checksum only. */
  readonly newSeals: number;
  readonly unsealed: number;
}

/** What was read for one file of a snapshot. */
export interface VerifiedFile {
  readonly archive: string;
  /** Bytes of the blobs that were read for it, and of what is in them; nothing for what was verified before. */
  readonly bytesRead: number;
  readonly plainBytes: number;
  readonly faultCount: number;
}

/** How a snapshot is verified. */
export interface VerifyOptions {
  /** Where chunks are verified; where uploads are when absent. */
  readonly verifier?: ChunkVerifier;
  readonly signal?: AbortSignal;
  /** Told before a file is looked at. */
  readonly onFile?: (archive: string) => void;
  /** Told after a file with chunks was looked at. */
  readonly onVerified?: (file: VerifiedFile) => void;
}

/**
 * Checks everything that a server can check of a finished snapshot, and changes nothing (spec datastore.md §8.1).
 *
 * Goes on after a fault, so that the result names all of them. Holds one index and {@link CHUNKS_IN_FLIGHT} chunks at a
 * time. Takes no lock: the caller keeps the snapshot from being removed.
 *
 * @throws What the storage throws for reasons that say nothing about the snapshot.
 */
export async function verifySnapshot(
  parts: DatastoreParts,
  job: VerifyOptions & {
    readonly namespace: Namespace;
    readonly snapshot: SnapshotId;
    readonly memory: VerifyMemory;
  },
): Promise<SnapshotVerdict> {
  const verifier = job.verifier ?? parts.verifier;
  const run = new VerifyRun({ ...parts, verifier }, job.memory, job.signal);
  const folder = snapshotPath(job.namespace, job.snapshot);
  await run.guarded("index.json.blob", async () => {
    const { manifest } = await parts.manifests.read(job.namespace, job.snapshot);
    for (const file of manifest.files) {
      job.signal?.throwIfAborted();
      job.onFile?.(file.filename);
      const before = run.counters();
      await run.guarded(file.filename, async () => {
        await run.checkFile(`${folder}/${file.filename}`, file);
      });
      if (archiveKindOf(file.filename) === "blob") continue;
      const { bytesRead, plainBytes, faultCount } = run.counters();
      job.onVerified?.({
        archive: file.filename,
        bytesRead: bytesRead - before.bytesRead,
        plainBytes: plainBytes - before.plainBytes,
        faultCount: faultCount - before.faultCount,
      });
    }
  });
  return run.verdict();
}

/** A fault of the file that is looked at. */
type FileFault = Omit<SnapshotFault, "archive">;

/** A chunk that has to be read, and the bytes of plaintext that it should have. */
interface UnknownChunk {
  readonly digest: Digest;
  readonly size: number;
}

class VerifyRun {
  readonly #parts: DatastoreParts;
  readonly #memory: VerifyMemory;
  readonly #signal: AbortSignal | undefined;
  readonly #faults: SnapshotFault[] = [];
  #chunksRead = 0;
  #bytesRead = 0;
  #plainBytes = 0;
  #newSeals = 0;
  #unsealed = 0;

  constructor(parts: DatastoreParts, memory: VerifyMemory, signal: AbortSignal | undefined) {
    this.#parts = parts;
    this.#memory = memory;
    this.#signal = signal;
  }

  verdict(): SnapshotVerdict {
    return {
      faults: this.#faults,
      chunksRead: this.#chunksRead,
      bytesRead: this.#bytesRead,
      newSeals: this.#newSeals,
      unsealed: this.#unsealed,
    };
  }

  counters(): Omit<VerifiedFile, "archive"> {
    const faultCount = this.#faults.length;
    return { bytesRead: this.#bytesRead, plainBytes: this.#plainBytes, faultCount };
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
    // Faults are told in the order of the index, whichever chunk was read first.
    for await (const fault of mapConcurrent(
      this.#chunksToTell(index, file),
      CHUNKS_IN_FLIGHT,
      async (one) => ("error" in one ? one : await this.#checkNew(file, one)),
    )) {
      if (fault) this.#fault(file, fault);
      this.#signal?.throwIfAborted();
    }
  }

  /** Chunks of an index that were not read in this run, each once, and what is known to be wrong with others. */
  *#chunksToTell(
    index: ChunkIndex,
    file: ManifestFile,
  ): Generator<UnknownChunk | FileFault, void, void> {
    const { good, bad } = this.#memory;
    const named = new Set<Digest>();
    for (let i = 0; i < index.count; i++) {
      const size = sizeOfChunk(index, i);
      const known = good.find(index.digestBytesAt(i));
      if (known) {
        const fault = judge(file, index.digestAt(i), { size, chunk: known });
        if (fault) yield fault;
        continue;
      }
      const digest = index.digestAt(i);
      if (named.has(digest)) continue;
      // Only what is bad or not finished yet stays in the set: the good ones are known by then.
      if (named.size >= NAMED_MAX) for (const name of named) if (good.has(name)) named.delete(name);
      named.add(digest);
      const error = bad.get(digest);
      yield error ? { digest, isCorruptChunk: false, error } : { digest, size };
    }
  }

  async #checkNew(
    file: ManifestFile,
    { digest, size }: UnknownChunk,
  ): Promise<FileFault | undefined> {
    try {
      const chunk = await this.#readChunk(digest, size);
      this.#memory.good.add(digest, chunk);
      return judge(file, digest, { size, chunk });
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
      this.#memory.bad.set(digest, error);
      return { digest, size, isCorruptChunk: error instanceof FormatError, error };
    }
  }

  #fault(file: ManifestFile, fault: FileFault): void {
    this.#faults.push({ archive: file.filename, ...fault });
  }

  async #readChunk(digest: Digest, size: number): Promise<GoodChunk> {
    const { blobs } = this.#parts;
    const { regions } = this.#memory;
    let region: Uint8Array | undefined;
    try {
      const blob = await blobs.readBlob(digest, {
        allocate: (bytes = 0) => (region = bytes === 0 ? undefined : regions.tryTake(bytes)),
      });
      return await this.#checkChunk(blob, digest, size);
    } finally {
      const loan = region && regions.loanOf(region);
      if (loan !== undefined) regions.giveBack(loan);
    }
  }

  async #checkChunk(blob: Uint8Array, digest: Digest, size: number): Promise<GoodChunk> {
    const { blobs, verifier } = this.#parts;
    this.#chunksRead += 1;
    this.#bytesRead += blob.length;
    this.#plainBytes += size;
    const found = await requireSoundChunk({ verifier, blobs }, blob, { digest, size });
    if (found.seal === "none") {
      // Trust on first use: from now on the bytes have to stay what they are.
      if (await this.#seal(digest, blob, found.proof)) this.#newSeals += 1;
      else this.#unsealed += 1;
    }
    return { isEncrypted: found.isEncrypted, size };
  }

  async #seal(digest: Digest, blob: Uint8Array, { seal }: ChunkProof): Promise<boolean> {
    const { backend, blobs } = this.#parts;
    return seal !== undefined && !backend.isReadOnly && (await blobs.seal(digest, blob, seal));
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

/** What is wrong with a sound chunk, if it is not what this archive says it is. */
function judge(
  file: ManifestFile,
  digest: Digest,
  { size, chunk }: { readonly size: number; readonly chunk: GoodChunk },
): FileFault | undefined {
  try {
    requireFit(file.cryptMode, size, chunk, digest);
    return undefined;
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    return { digest, isCorruptChunk: false, error };
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
