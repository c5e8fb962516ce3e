import { type CodecPool } from "../../chunks/codec-pool.ts";
import { SharedArena, type SharedArenaHandle } from "../../chunks/shared-arena.ts";
import { decoded } from "../../chunks/decoded.ts";
import { toHex } from "../../format/bytes/hex.ts";
import { decodeBlob } from "../../format/chunk/data-blob.ts";
import { type CodecProvider } from "../../format/crypto/codec-provider.ts";
import { type CryptKey } from "../../format/crypto/crypt-key.ts";
import { FormatError } from "../../format/format-error.ts";
import { BLOB_PLAIN_BYTES_MAX } from "../../format/limits.ts";
import { encodeIndexHeader } from "../../format/index/index-header.ts";
import { type ChunkIndex } from "../../format/index/chunk-index.ts";
import { parseDynamicIndex } from "../../format/index/dynamic-index.ts";
import {
  type CryptMode,
  decodeManifest,
  type Manifest,
  type ManifestFile,
} from "../../format/manifest/manifest.ts";
import { manifestFile, snapshotCryptMode } from "../../format/manifest/manifest-summary.ts";
import { verifyManifest } from "../../format/manifest/signature.ts";
import {
  type ArchiveName,
  MANIFEST_NAME,
  splitArchiveNames,
} from "../../format/snapshot/archive-name.ts";
import { snapshotIdText } from "../../format/snapshot/snapshot-id.ts";
import { answerChunks, type ChunkAnswering } from "../archive/chunk-answering.ts";
import { type PreviousArchive } from "../archive/pack-request.ts";
import { pooledDecode } from "../pooled-decode.ts";
import { previousSlots } from "./previous-slots.ts";
import { ApiError } from "../session/api-error.ts";
import { type BackupServer } from "../session/backup-server.ts";
import { type BackupSession } from "../session/backup-session.ts";
import { ReaderSession, type ReconnectPolicy } from "../session/reader-session.ts";
import { RemoteBlobSource } from "../session/remote-blob-source.ts";
import { SessionError } from "../session/session-error.ts";
import { type SessionSnapshot } from "../session/session-snapshot.ts";

/** What is needed to look at the previous backup. */
export interface PreviousBackupOptions {
  readonly server: BackupServer;
  readonly session: BackupSession;
  /** The snapshot that is being made. */
  readonly snapshot: SessionSnapshot;
  readonly provider: CodecProvider;
  readonly pool: CodecPool;
  readonly cryptMode: CryptMode;
  readonly key: CryptKey | undefined;
  readonly reconnect: ReconnectPolicy;
  readonly requestTimeoutMs: number;
  readonly signal: AbortSignal;
  /** Told why something of the previous backup cannot be used. */
  readonly onInfo: (text: string) => void;
}

/** A split archive of the previous backup that is open for reading its metadata. */
export interface OpenPreviousArchive extends Disposable {
  readonly previous: PreviousArchive;
}

/** What cannot be read, when a previous backup cannot be used. */
const WHAT = "manifest";

/**
 * The newest finished backup of the same group, as a base for the new one (spec metadata-change-detection.md §2).
 *
 * Everything about it is optional: what is missing or does not fit only makes the new backup slower.
 */
export class PreviousBackup {
  readonly #options: PreviousBackupOptions;
  readonly #manifest: Manifest | undefined;
  readonly #indexes = new Map<ArchiveName, ChunkIndex>();

  private constructor(options: PreviousBackupOptions, manifest: Manifest | undefined) {
    this.#options = options;
    this.#manifest = manifest;
  }

  /**
   * Asks the server for the manifest and checks that it is one to build on: of the same group, signed by the same key, and
   * in the same mode (spec manifest.md §3.3). Content of another host, or put together by the server, never gets into the
   * new snapshot.
   */
  static async find(options: PreviousBackupOptions): Promise<PreviousBackup> {
    const { session, provider, onInfo } = options;
    const raw = await session.downloadPrevious(MANIFEST_NAME);
    if (!raw) {
      onInfo("No previous manifest available.");
      return new PreviousBackup(options, undefined);
    }
    try {
      const manifest = decodeManifest(provider, raw);
      checkGroup(manifest, options.snapshot);
      checkCrypt(manifest, options);
      return new PreviousBackup(options, manifest);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      onInfo(`The previous backup is not used, everything is uploaded: ${reasonOf(error)}`);
      return new PreviousBackup(options, undefined);
    }
  }

  /** Time of the previous backup in seconds since the epoch. */
  get timeSec(): number | undefined {
    return this.#manifest?.snapshot.timeSec;
  }

  /** Bytes of an archive in the previous backup. */
  sizeOf(name: ArchiveName): number | undefined {
    return this.#manifest && manifestFile(this.#manifest, name)?.size;
  }

  /** Checksum of an archive in the previous backup; `undefined` when there is none that can be built on. */
  csumOf(name: ArchiveName): string | undefined {
    return this.#usable(name)?.csum;
  }

  /**
   * Reads a small file of the previous backup, owned.
   *
   * @returns `undefined` when there is none, or it is not the one that the manifest lists.
   */
  async readBlob(name: ArchiveName): Promise<Uint8Array | undefined> {
    const { session, provider, key, onInfo } = this.#options;
    const file = this.#usable(name);
    const raw = file && (await session.downloadPrevious(name));
    if (!raw || toHex(provider.sha256(raw)) !== file.csum) return undefined;
    try {
      return decodeBlob(provider, raw, { sizeMax: BLOB_PLAIN_BYTES_MAX, key, what: `"${name}"` });
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      onInfo(`"${name}" of the previous backup cannot be read: ${error.message}`);
      return undefined;
    }
  }

  /** Makes the chunks of an archive known to the session, so that they are not uploaded again. */
  async reuseChunks(name: ArchiveName): Promise<ChunkIndex | undefined> {
    const file = this.#usable(name);
    if (!file) return undefined;
    const index = await this.#options.session.usePreviousIndex(name, file.csum);
    if (index) this.#indexes.set(name, index);
    return index;
  }

  /**
   * Opens a split archive, whose unchanged files can then be taken over without reading them.
   *
   * @returns `undefined` when there is none, or none that fits; the reason is told.
   */
  async openSplit(base: string): Promise<OpenPreviousArchive | undefined> {
    const { metadata, payload } = splitArchiveNames(base);
    const { onInfo } = this.#options;
    const metadataFile = this.#usable(metadata);
    const [payloadIndex, reader] = await Promise.all([
      this.reuseChunks(payload),
      metadataFile ? this.#openReader(metadataFile) : undefined,
      this.reuseChunks(metadata),
    ]);
    if (!payloadIndex || !reader) {
      reader?.[Symbol.dispose]();
      if (this.#manifest) onInfo(`No previous archive of "${base}" to compare with: reading all.`);
      return undefined;
    }
    return {
      previous: {
        metadataIndex: reader.indexFile,
        payloadIndex: indexFile(payloadIndex),
        asking: reader.answering.asking,
        arena: reader.arena,
        keptMax: reader.keptMax,
      },
      [Symbol.dispose]() {
        reader[Symbol.dispose]();
      },
    };
  }

  #usable(name: ArchiveName): ManifestFile | undefined {
    const file = this.#manifest && manifestFile(this.#manifest, name);
    return file?.cryptMode === this.#options.cryptMode ? file : undefined;
  }

  async #openReader(file: ManifestFile): Promise<
    | (Disposable & {
        readonly indexFile: Uint8Array;
        readonly arena: SharedArenaHandle;
        readonly keptMax: number;
        readonly answering: ChunkAnswering;
      })
    | undefined
  > {
    const { server, snapshot, pool, key, cryptMode, signal, onInfo } = this.#options;
    const { reconnect, requestTimeoutMs } = this.#options;
    const timeSec = this.timeSec;
    if (timeSec === undefined) return undefined;
    let session: ReaderSession | undefined;
    try {
      const previous = { ...snapshot, timeSec };
      const options = { server, snapshot: previous, reconnect, requestTimeoutMs };
      session = await ReaderSession.open(options, signal);
      const opened = session;
      const bytes = await opened.downloadIndexFile(file, signal);
      const index = parseDynamicIndex(bytes);
      const blobs = new RemoteBlobSource(opened);
      const expected = cryptMode === "encrypt" ? "encrypted" : "unencrypted";
      const slots = previousSlots(index);
      const arena = SharedArena.create(slots);
      let isReported = false;
      const answering = answerChunks({
        chunkCount: index.count,
        aheadMax: slots.aheadMax,
        start: "both ends",
        arena,
        readChunk: async (i, into) => {
          const chunks = decoded(blobs, pooledDecode(pool, key, into), { expected });
          return await chunks.readChunk(index.digestAt(i), { signal });
        },
        onFailure: (error) => {
          if (isReported || signal.aborted) return;
          isReported = true;
          onInfo(`A part of the previous archive cannot be read: ${String(error)}`);
        },
      });
      return {
        indexFile: bytes,
        arena: arena.handle,
        keptMax: slots.keptMax,
        answering,
        [Symbol.dispose]() {
          answering[Symbol.dispose]();
          opened[Symbol.dispose]();
        },
      };
    } catch (error) {
      session?.[Symbol.dispose]();
      const isRefusal =
        error instanceof ApiError || error instanceof SessionError || error instanceof FormatError;
      if (!isRefusal) throw error;
      onInfo(`The previous backup cannot be opened: ${error.message}`);
      return undefined;
    }
  }
}

/**
 * A server could give the manifest of another group, signed by the same key: files that look unchanged would be its.
 *
 * @throws {FormatError} `FORMAT_OTHER_SNAPSHOT`.
 */
function checkGroup({ snapshot }: Manifest, { type, id }: SessionSnapshot): void {
  if (snapshot.type === type && snapshot.id === id) return;
  const detail = `it is that of ${snapshotIdText(snapshot)}, not of ${type}/${id}`;
  throw new FormatError("FORMAT_OTHER_SNAPSHOT", WHAT, detail);
}

/**
 * Checks that a manifest was signed with the key in use, or without one if none is in use, for the same mode.
 *
 * @throws {FormatError} `FORMAT_WRONG_KEY`, `FORMAT_BAD_SIGNATURE`, `FORMAT_NOT_SIGNED`, `FORMAT_OTHER_ENCRYPTION`.
 */
function checkCrypt(
  manifest: Manifest,
  { provider, key, cryptMode }: Pick<PreviousBackupOptions, "provider" | "key" | "cryptMode">,
): void {
  const previousMode = snapshotCryptMode(manifest) ?? "none";
  const trust = key && verifyManifest(provider, manifest, key);
  if (previousMode !== cryptMode) {
    const detail = `its mode is ${previousMode}, that of the new one ${cryptMode}`;
    throw new FormatError("FORMAT_OTHER_ENCRYPTION", WHAT, detail);
  }
  if (trust === "unsigned") throw new FormatError("FORMAT_NOT_SIGNED", WHAT);
}

/** Why something cannot be read, without the words that say so. */
function reasonOf({ message }: FormatError): string {
  const start = `Cannot read ${WHAT}: `;
  return message.startsWith(start) ? message.slice(start.length) : message;
}

/** An index as a file, for another thread; what is informational in its header is left out. */
function indexFile({ entries }: ChunkIndex): Uint8Array {
  const stamp = { uuid: new Uint8Array(16), createdAtSec: 0n, csum: "00".repeat(32) };
  const header = encodeIndexHeader("dynamic", { ...stamp, size: 0, chunkBytes: 0 });
  const file = new Uint8Array(header.length + entries.length);
  file.set(header);
  file.set(entries, header.length);
  return file;
}
