import { stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { type Writable } from "node:stream";

import { type CodecPool } from "../../chunks/codec-pool.ts";
import { type ChunkSource } from "../../chunks/chunk-source.ts";
import { cached } from "../../chunks/cached.ts";
import { coalesced } from "../../chunks/coalesced.ts";
import { decoded } from "../../chunks/decoded.ts";
import { indexedByteSource, readIndexedChunk } from "../../chunks/indexed-byte-source.ts";
import { ResidentChunks } from "../../chunks/resident-chunks.ts";
import { chunkDigest, type Digest } from "../../format/chunk/digest.ts";
import { type CodecProvider } from "../../format/crypto/codec-provider.ts";
import { type CryptKey } from "../../format/crypto/crypt-key.ts";
import { type ChunkIndex } from "../../format/index/chunk-index.ts";
import { parseDynamicIndex } from "../../format/index/dynamic-index.ts";
import { type ManifestProof, type ManifestTrust } from "../../format/manifest/proven-manifest.ts";
import { PxarTree } from "../../format/pxar/tree-reader.ts";
import {
  archiveKindOf,
  type ArchiveFiles,
  type ArchiveName,
  findArchive,
  RSA_KEY_NAME,
} from "../../format/snapshot/archive-name.ts";
import { joinedArchive } from "../archive/joined-archive.ts";
import { pooledDecode } from "../pooled-decode.ts";
import { type RateLimit } from "../../chunks/rate-limit.ts";
import { type BackupServer } from "../session/backup-server.ts";
import { DEFAULT_RECONNECT, READER_REQUEST_TIMEOUT_MS } from "../session/reader-session.ts";
import { RemoteSnapshot } from "../session/remote-snapshot.ts";
import { type SessionSnapshot } from "../session/session-snapshot.ts";
import { SharedCounters } from "../shared-counters.ts";
import { RestoreError } from "../target/restore-error.ts";
import { type RestoreProblem } from "../target/restore-problem.ts";
import {
  type RestoreCounter,
  restoreCounterFields,
  type RestoreOptions,
} from "../target/restore-request.ts";
import { type RestorableArchive, restoreTree } from "../target/restore-tree.ts";
import { ImageDevice } from "./image-device.ts";
import { type ImageTarget } from "./image-target.ts";
import { NewImageFile, writeNewFile } from "./new-image-file.ts";
import { isChunkDamage, type RestoreDamage } from "./restore-damage.ts";
import { type ByteArchive, restoreToStream, restoreToTarget, sendPieces } from "./restore-image.ts";

/** What to restore, and where. */
export interface RestorePlan {
  readonly server: BackupServer;
  readonly snapshot: SessionSnapshot;
  /** Name of an archive as a user gives it: `root.pxar`, `disk.img`, `index.json`. */
  readonly archive: string;
  /** A directory for trees, a new file for anything else, or a stream. */
  readonly target: string | Writable;
  /** Of a tree, what to restore; everything when empty. */
  readonly patterns: readonly string[];
  readonly tree: RestoreOptions;
  /** New file for the prelude of a split archive: the exclude patterns of its backup. */
  readonly preludeTarget: string | undefined;
  /** Opens encrypted content and checks the signature. */
  readonly key: CryptKey | undefined;
  /** What becomes of a snapshot that was made without any key, when there is one now. */
  readonly unsigned: ManifestProof["unsigned"];
  readonly rateLimit: RateLimit | undefined;
}

/** What a restore works with. */
export interface RestoreTools {
  readonly provider: CodecProvider;
  readonly pool: CodecPool;
  readonly signal: AbortSignal;
  readonly events: RestoreEvents;
}

/** What a restore tells while it runs. */
export interface RestoreEvents {
  /** The snapshot is open, and so much of it is proven. */
  opened(trust: ManifestTrust): void;
  /** Content begins to arrive: that many bytes at most. */
  started(counters: SharedCounters<RestoreCounter>, expectedBytes: number): void;
  problem(problem: RestoreProblem): void;
  /** Something is left out because the server's copy of it is damaged or missing; the restore fails in the end. */
  damage(damage: RestoreDamage): void;
}

/** Plaintext kept while the head of an archive is looked at. */
const HEAD_BYTES_MAX = 32 * 1024 * 1024;

/** Metadata kept, and chunks fetched at the same time, while a split archive is sent as one stream. */
const JOINING_LIMITS = { bytesMax: 64 * 1024 * 1024, inFlightMax: 4 };

/** Archives smaller than this are restored before further threads would have started. */
const WRITERS_BYTES_MIN = 16 * 1024 * 1024;

/** Threads that make files; more only wait for each other in the kernel. */
const WRITERS_MAX = 3;

/** Threads that are worth starting to restore an archive of this size. */
export function writerCountFor(archiveBytes: number): number {
  const cores = availableParallelism();
  return archiveBytes < WRITERS_BYTES_MIN || cores < 2 ? 0 : Math.min(cores, WRITERS_MAX);
}

/**
 * Restores one archive of a snapshot.
 *
 * @throws {RestoreError} `ApiError`, `SessionError`, `ChunkError`, `FormatError`, the signal's reason.
 */
export async function runRestore(plan: RestorePlan, tools: RestoreTools): Promise<void> {
  const { server, snapshot, unsigned } = plan;
  const options = {
    server,
    snapshot,
    provider: tools.provider,
    // Whoever asks for the wrapped key has lost the key, or has another one (spec keyfile.md §4.3).
    key: isWrappedKey(plan.archive) ? undefined : plan.key,
    unsigned,
    reconnect: DEFAULT_RECONNECT,
    requestTimeoutMs: READER_REQUEST_TIMEOUT_MS,
  };
  using opened = await RemoteSnapshot.open(options, tools.signal);
  tools.events.opened(opened.trust);
  await new RestoreRun(plan, tools, opened).run();
}

/** Whether a user asks for the key that is wrapped for the master key, which needs no key to be read. */
export function isWrappedKey(archive: string): boolean {
  return archive === RSA_KEY_NAME || `${archive}.blob` === RSA_KEY_NAME;
}

class RestoreRun {
  readonly #plan: RestorePlan;
  readonly #tools: RestoreTools;
  readonly #opened: RemoteSnapshot;
  readonly #counters = new SharedCounters(restoreCounterFields);

  constructor(plan: RestorePlan, tools: RestoreTools, opened: RemoteSnapshot) {
    this.#plan = plan;
    this.#tools = tools;
    this.#opened = opened;
  }

  async run(): Promise<void> {
    const { archive } = this.#plan;
    if (archive === "index.json" || archive === "index.json.blob") {
      await this.#deliver(this.#opened.manifestText);
      return;
    }
    const listed = new Set(this.#opened.manifest.files.map(({ filename }) => filename));
    const files = findArchive(listed, archive);
    if (!files) {
      throw new RestoreError("RESTORE_FAILED", archive, "the snapshot has no such archive");
    }
    const isTree = files.payload !== undefined || files.main.endsWith(".pxar.didx");
    const { target } = this.#plan;
    if (isTree && typeof target === "string") await this.#restoreTree(files, target);
    else if (files.payload !== undefined && typeof target !== "string") {
      await this.#sendJoined({ main: files.main, payload: files.payload }, target);
    } else if (archiveKindOf(files.main) === "blob") {
      await this.#deliver(await this.#opened.readBlob(files.main, this.#tools.signal));
    } else await this.#restoreBytes(files.main);
  }

  async #restoreTree(files: ArchiveFiles, target: string): Promise<void> {
    const { patterns, tree, preludeTarget } = this.#plan;
    const { events, signal } = this.#tools;
    const [archive, payload] = await Promise.all([
      this.#restorable(files.main),
      files.payload ? this.#restorable(files.payload) : undefined,
    ]);
    if (preludeTarget !== undefined) await this.#writePrelude(archive.index, preludeTarget);
    events.started(this.#counters, (payload ?? archive).index.size);
    let damagedCount = 0;
    await restoreTree({
      archive,
      payload,
      writerCount: writerCountFor(archive.index.size + (payload?.index.size ?? 0)),
      isDamage: isChunkDamage,
      onDamage: ({ path, archive: which, cause }) => {
        damagedCount += 1;
        events.damage({
          index: (which === "payload" ? files.payload : undefined) ?? files.main,
          path,
          cause,
        });
      },
      target: Buffer.from(target),
      patterns,
      options: tree,
      counters: this.#counters.memory,
      onProblem: (problem) => {
        events.problem(problem);
      },
      signal,
    });
    if (damagedCount > 0) {
      const reason = `damaged files left out: ${damagedCount}; everything else was restored`;
      throw new RestoreError("RESTORE_INCOMPLETE", target, reason);
    }
  }

  /** Chunks that are put into the memory given, or into new memory. */
  #chunksInto(into?: Uint8Array): ChunkSource {
    const { blobs, expectedEncryption: expected } = this.#opened;
    return decoded(blobs, pooledDecode(this.#tools.pool, this.#plan.key, into), { expected });
  }

  #limited(inner: ChunkSource): ChunkSource {
    return {
      readChunk: async (digest, options) => {
        const plain = await inner.readChunk(digest, options);
        await this.#plan.rateLimit?.take(plain.length);
        return plain;
      },
    };
  }

  async #restorable(
    name: ArchiveName,
  ): Promise<RestorableArchive & { readonly index: ChunkIndex }> {
    const indexFile = await this.#opened.readIndexFile(name, this.#tools.signal);
    const index = parseDynamicIndex(indexFile);
    return { index, indexFile, chunkCount: index.count, readChunk: this.#chunkReader(index) };
  }

  #chunkReader(index: ChunkIndex): ByteArchive["readChunk"] {
    const { signal } = this.#tools;
    return async (i, into) => {
      const plain = await readIndexedChunk(index, i, this.#chunksInto(into), { signal });
      await this.#plan.rateLimit?.take(plain.length);
      return plain;
    };
  }

  /** There is one stream for the two archives of a split one, so they are sent as one that is not split. */
  async #sendJoined({ main, payload }: Required<ArchiveFiles>, output: Writable): Promise<void> {
    const { events, signal } = this.#tools;
    const [metadataIndex, payloadIndex] = await Promise.all([
      this.#opened.readIndex(main, signal),
      this.#opened.readIndex(payload, signal),
    ]);
    const chunks = coalesced(this.#limited(this.#chunksInto()));
    // Small files lie side by side in a chunk.
    const kept = cached(chunks, { bytesMax: HEAD_BYTES_MAX });
    const split = {
      metadata: new ResidentChunks(metadataIndex, chunks, JOINING_LIMITS),
      payload: indexedByteSource(payloadIndex, kept, JOINING_LIMITS),
    };
    events.started(this.#counters, payloadIndex.size);
    await sendPieces(joinedArchive(split, signal), output, {
      signal,
      onBytes: (size) => {
        this.#counters.add("bytes", size);
      },
    });
  }

  async #restoreBytes(name: ArchiveName): Promise<void> {
    const { events, signal } = this.#tools;
    const { target } = this.#plan;
    const index = await this.#opened.readIndex(name, signal);
    const zeroDigest = index.kind === "fixed" ? this.#zeroDigest(index) : undefined;
    const archive = { index, zeroDigest, readChunk: this.#chunkReader(index) };
    const options = {
      signal,
      onBytes: (size: number): void => {
        this.#counters.add("bytes", size);
      },
      onDamage: ({ start, end, cause }: { start: number; end: number; cause: unknown }): void => {
        events.damage({ index: name, range: { start, end }, cause });
      },
    };
    if (typeof target === "string") {
      const opened = await this.#openTarget(target, index.size);
      events.started(this.#counters, index.size);
      await restoreToTarget(archive, opened, options);
    } else {
      events.started(this.#counters, index.size);
      await restoreToStream(archive, target, options);
    }
  }

  async #openTarget(path: string, size: number): Promise<ImageTarget> {
    const status = await stat(path).catch(() => undefined);
    if (status?.isBlockDevice() === true) return await ImageDevice.open(path, size);
    const { zeros } = this.#plan.tree;
    return await NewImageFile.create(path, { size, existing: this.#existing, zeros });
  }

  /** Name of a chunk of zeros as long as the first one of an image. */
  #zeroDigest(index: ChunkIndex): Digest {
    const { provider } = this.#tools;
    const zeros = new Uint8Array(index.endOf(0));
    const isKeyed = this.#opened.expectedEncryption === "encrypted";
    return chunkDigest(provider, zeros, isKeyed ? this.#plan.key : undefined);
  }

  async #deliver(content: Uint8Array): Promise<void> {
    const { target } = this.#plan;
    if (typeof target === "string") await writeNewFile(target, [content], this.#existing);
    else target.write(content);
  }

  get #existing(): "refuse" | "replace" {
    return this.#plan.tree.overwrite.files ? "replace" : "refuse";
  }

  async #writePrelude(index: ChunkIndex, path: string): Promise<void> {
    const limits = { bytesMax: HEAD_BYTES_MAX, inFlightMax: 1 };
    const resident = new ResidentChunks(index, this.#chunksInto(), limits);
    const { prelude } = await resident.run(() => new PxarTree(resident).header());
    if (prelude === undefined) return;
    await writeNewFile(path, [prelude], "refuse");
  }
}
