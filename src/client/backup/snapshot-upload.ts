import { type Cut } from "../../chunks/chunk-cutter.ts";
import { type CodecPool } from "../../chunks/codec-pool.ts";
import { type SharedArena } from "../../chunks/shared-arena.ts";
import { toHex } from "../../format/bytes/hex.ts";
import { encodeBlob } from "../../format/chunk/data-blob.ts";
import { type CodecProvider } from "../../format/crypto/codec-provider.ts";
import { type CryptKey } from "../../format/crypto/crypt-key.ts";
import { type JsonObject } from "../../format/manifest/canonical-json.ts";
import {
  type CryptMode,
  encodeManifest,
  type ManifestFile,
} from "../../format/manifest/manifest.ts";
import { signManifest } from "../../format/manifest/signature.ts";
import {
  type ArchiveName,
  MANIFEST_NAME,
  RSA_KEY_NAME,
} from "../../format/snapshot/archive-name.ts";
import { type SnapshotId } from "../../format/snapshot/snapshot-id.ts";
import { type CutUpload, uploadCuts } from "../archive/upload-cuts.ts";
import { type RateLimit } from "../../chunks/rate-limit.ts";
import { type ArchiveUpload, type ArchiveUploadResult } from "../session/archive-upload.ts";
import { type BackupSession } from "../session/backup-session.ts";

/** What is decided about a snapshot before its content is known. */
export interface SnapshotPlan {
  readonly snapshot: SnapshotId;
  readonly cryptMode: CryptMode;
  /** Needed unless the mode is `none`. */
  readonly key: CryptKey | undefined;
  /** The key encrypted for the master key, which becomes a file of the snapshot (spec keyfile.md §4.2). */
  readonly wrappedKey: Uint8Array | undefined;
  readonly rateLimit: RateLimit | undefined;
}

/** What it is uploaded with. */
export interface SnapshotUploadTools {
  readonly session: BackupSession;
  readonly provider: CodecProvider;
  readonly pool: CodecPool;
  /** Where cuts have their bytes. */
  readonly arena: SharedArena;
  /** Whether the group has an earlier snapshot, so that most chunks will be known. */
  readonly expected: "new" | "known";
  /** An archive is on the server. */
  readonly onUploaded: (name: ArchiveName, result: ArchiveUploadResult) => void;
  /** The wrapped key goes into the snapshot. */
  readonly onKeyUploading: (name: ArchiveName) => void;
}

/** The files of one snapshot on their way to the server, and the manifest that lists them. */
export class SnapshotUpload {
  readonly #plan: SnapshotPlan;
  readonly #tools: SnapshotUploadTools;
  readonly #files: ManifestFile[] = [];

  constructor(plan: SnapshotPlan, tools: SnapshotUploadTools) {
    this.#plan = plan;
    this.#tools = tools;
  }

  /** What content is encrypted with; a key that only signs does not touch it. */
  get contentKey(): CryptKey | undefined {
    return this.#plan.cryptMode === "encrypt" ? this.#plan.key : undefined;
  }

  /** Names, encodes and uploads the pieces of an archive until they end; it still has to be closed. */
  async upload(cuts: AsyncIterable<Cut>, upload: ArchiveUpload): Promise<void> {
    const { pool, arena, expected } = this.#tools;
    await uploadCuts(cuts, {
      arena,
      pool,
      key: this.contentKey,
      upload: limited(upload, this.#plan.rateLimit),
      expected,
    });
  }

  /** Closes an archive, and lists it. */
  async close(name: ArchiveName, upload: ArchiveUpload): Promise<void> {
    const result = await upload.close();
    const { size, csum } = result;
    this.#files.push({ filename: name, cryptMode: this.#plan.cryptMode, size, csum });
    this.#tools.onUploaded(name, result);
  }

  /** Uploads a small file, and lists it. */
  async uploadBlob(name: ArchiveName, plain: Uint8Array): Promise<void> {
    const blob = encodeBlob(this.#tools.provider, plain, { compress: true, key: this.contentKey });
    await this.#storeBlob(name, blob);
  }

  /**
   * Uploads the wrapped key, if there is one. Whoever opens this blob has no key yet, so it is never encrypted with it
   * (spec blob.md §3.3).
   */
  async uploadWrappedKey(): Promise<void> {
    const { wrappedKey } = this.#plan;
    if (!wrappedKey) return;
    this.#tools.onKeyUploading(RSA_KEY_NAME);
    await this.#storeBlob(
      RSA_KEY_NAME,
      encodeBlob(this.#tools.provider, wrappedKey, { compress: false }),
    );
  }

  /**
   * Uploads the manifest and finishes: only after this resolves does the snapshot exist.
   *
   * @param unprotected What the manifest says besides, not covered by its signature.
   */
  async publish(unprotected: JsonObject = {}): Promise<void> {
    const { snapshot, key } = this.#plan;
    const { provider, session } = this.#tools;
    const unsigned = { snapshot, files: this.#files, unprotected };
    const manifest = key ? signManifest(provider, unsigned, key) : unsigned;
    await session.uploadBlob(MANIFEST_NAME, encodeManifest(provider, manifest));
    await session.finish();
  }

  async #storeBlob(filename: ArchiveName, blob: Uint8Array): Promise<void> {
    const { session, provider } = this.#tools;
    await session.uploadBlob(filename, blob);
    const csum = toHex(provider.sha256(blob));
    this.#files.push({ filename, cryptMode: this.#plan.cryptMode, size: blob.length, csum });
  }
}

function limited(upload: ArchiveUpload, rateLimit: RateLimit | undefined): CutUpload {
  if (!rateLimit) return upload;
  return {
    isKnown: (digest) => upload.isKnown(digest),
    add: async (entry) => {
      if ("blob" in entry) await rateLimit.take((await entry.blob).length);
      await upload.add(entry);
    },
  };
}
