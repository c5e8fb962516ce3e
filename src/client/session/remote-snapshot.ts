import { type ExpectedEncryption } from "../../chunks/decoded.ts";
import { decodeBlob } from "../../format/chunk/data-blob.ts";
import { type CodecProvider } from "../../format/crypto/codec-provider.ts";
import { type CryptKey } from "../../format/crypto/crypt-key.ts";
import { type ChunkIndex } from "../../format/index/chunk-index.ts";
import { BLOB_PLAIN_BYTES_MAX, MANIFEST_BYTES_MAX } from "../../format/limits.ts";
import {
  decodeManifest,
  type Manifest,
  type ManifestFile,
} from "../../format/manifest/manifest.ts";
import { manifestFile } from "../../format/manifest/manifest-summary.ts";
import { verifyManifest } from "../../format/manifest/signature.ts";
import {
  type ArchiveName,
  archiveKindOf,
  MANIFEST_NAME,
} from "../../format/snapshot/archive-name.ts";
import { ReaderSession, type ReaderSessionOptions } from "./reader-session.ts";
import { RemoteBlobSource } from "./remote-blob-source.ts";
import { SessionError } from "./session-error.ts";

/** How a snapshot is opened. */
export interface RemoteSnapshotOptions extends ReaderSessionOptions {
  readonly provider: CodecProvider;
  /** Opens encrypted content and checks the manifest's signature. */
  readonly key?: CryptKey | undefined;
}

/**
 * A snapshot on a server, open for reading, with every file proven against the manifest.
 *
 * Without a key, the manifest itself is what the server says it is; with the key, its signature is checked.
 */
export class RemoteSnapshot implements Disposable {
  readonly manifest: Manifest;
  /** Text of the manifest, UTF-8. */
  readonly manifestText: Uint8Array;
  /** Stored chunks of the indexes that were read through this object. */
  readonly blobs: RemoteBlobSource;
  readonly #session: ReaderSession;
  readonly #options: RemoteSnapshotOptions;

  private constructor(session: ReaderSession, raw: Uint8Array, options: RemoteSnapshotOptions) {
    const { provider, key } = options;
    this.#session = session;
    this.#options = options;
    this.blobs = new RemoteBlobSource(session);
    this.manifest = decodeManifest(provider, raw);
    this.manifestText = decodeBlob(provider, raw, {
      sizeMax: MANIFEST_BYTES_MAX,
      what: "manifest",
    });
    if (key) verifyManifest(provider, this.manifest, key);
  }

  /**
   * Connects and reads the manifest.
   *
   * @throws {ApiError} the server's refusal; {@link SessionError}; `FormatError` for a bad manifest or the wrong key.
   */
  static async open(options: RemoteSnapshotOptions, signal?: AbortSignal): Promise<RemoteSnapshot> {
    const session = await ReaderSession.open(options, signal);
    try {
      return new RemoteSnapshot(session, await session.download(MANIFEST_NAME, signal), options);
    } catch (error) {
      session[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * What the chunks of all indexes have to be, by the manifest (spec blob.md §5).
   *
   * `either` only for a snapshot that mixes both, which no known client makes.
   */
  get expectedEncryption(): ExpectedEncryption {
    const modes = this.manifest.files
      .filter(({ filename }) => archiveKindOf(filename) !== "blob")
      .map(({ cryptMode }) => cryptMode === "encrypt");
    if (modes.every((isEncrypted) => isEncrypted)) return modes.length > 0 ? "encrypted" : "either";
    return modes.some((isEncrypted) => isEncrypted) ? "either" : "unencrypted";
  }

  /** Downloads an index; its chunks can then be read. */
  async readIndex(name: ArchiveName, signal?: AbortSignal): Promise<ChunkIndex> {
    return await this.#session.downloadIndex(this.#file(name), signal);
  }

  /** The same as the file's bytes, owned. */
  async readIndexFile(name: ArchiveName, signal?: AbortSignal): Promise<Uint8Array> {
    return await this.#session.downloadIndexFile(this.#file(name), signal);
  }

  /**
   * Downloads a blob and decodes it.
   *
   * @returns Owned bytes.
   */
  async readBlob(name: ArchiveName, signal?: AbortSignal): Promise<Uint8Array> {
    const { provider, key } = this.#options;
    const raw = await this.#session.downloadBlob(this.#file(name), signal);
    return decodeBlob(provider, raw, { sizeMax: BLOB_PLAIN_BYTES_MAX, key, what: `"${name}"` });
  }

  /** Ends the session; reads under way fail. */
  [Symbol.dispose](): void {
    this.#session[Symbol.dispose]();
  }

  #file(name: ArchiveName): ManifestFile {
    const file = manifestFile(this.manifest, name);
    if (file) return file;
    throw new SessionError(
      "SESSION_MISMATCH",
      `Cannot read "${name}": the manifest does not list it`,
    );
  }
}
