import { type ExpectedEncryption } from "../../chunks/decoded.ts";
import { decodeBlob } from "../../format/chunk/data-blob.ts";
import { type CodecProvider } from "../../format/crypto/codec-provider.ts";
import { type CryptKey } from "../../format/crypto/crypt-key.ts";
import { type ChunkIndex } from "../../format/index/chunk-index.ts";
import { BLOB_PLAIN_BYTES_MAX } from "../../format/limits.ts";
import { checkKeyForFile } from "../../format/manifest/listed-file.ts";
import { type Manifest, type ManifestFile } from "../../format/manifest/manifest.ts";
import { manifestFile } from "../../format/manifest/manifest-summary.ts";
import {
  type ManifestProof,
  type ManifestTrust,
  proveManifest,
} from "../../format/manifest/proven-manifest.ts";
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
  /** What becomes of a snapshot that was made without any key, when there is one now; `accepted` when absent. */
  readonly unsigned?: ManifestProof["unsigned"];
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
  /** How much of it is proven. */
  readonly trust: ManifestTrust;
  /** Stored chunks of the indexes that were read through this object. */
  readonly blobs: RemoteBlobSource;
  readonly #session: ReaderSession;
  readonly #options: RemoteSnapshotOptions;

  private constructor(session: ReaderSession, raw: Uint8Array, options: RemoteSnapshotOptions) {
    const { provider, key, snapshot, unsigned = "accepted" } = options;
    this.#session = session;
    this.#options = options;
    this.blobs = new RemoteBlobSource(session);
    const proven = proveManifest(provider, raw, { snapshot, key, unsigned });
    this.manifest = proven.manifest;
    this.manifestText = proven.text;
    this.trust = proven.trust;
  }

  /**
   * Connects and reads the manifest.
   *
   * @throws {ApiError} the server's refusal; {@link SessionError}; `FormatError` for a manifest that is bad, tampered with, or
   *   made with another key.
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
    if (file) {
      checkKeyForFile(this.manifest, file, this.#options.key);
      return file;
    }
    throw new SessionError(
      "SESSION_MISMATCH",
      `Cannot read "${name}": the manifest does not list it`,
    );
  }
}
