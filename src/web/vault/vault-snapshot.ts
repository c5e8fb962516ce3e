import { type CodecProvider } from "../../format/crypto/codec-provider.ts";
import { type CryptKey, keyFingerprint } from "../../format/crypto/crypt-key.ts";
import { decodeBlob } from "../../format/chunk/data-blob.ts";
import { toHex } from "../../format/bytes/hex.ts";
import { BLOB_PLAIN_BYTES_MAX } from "../../format/limits.ts";
import { checkKeyForFile, checkListedFile } from "../../format/manifest/listed-file.ts";
import { keyFingerprintOf, manifestFile } from "../../format/manifest/manifest-summary.ts";
import { decodeManifest, type Manifest } from "../../format/manifest/manifest.ts";
import { type ManifestTrust, proveManifest } from "../../format/manifest/proven-manifest.ts";
import {
  type ArchiveName,
  findArchive,
  MANIFEST_NAME,
  parseArchiveName,
} from "../../format/snapshot/archive-name.ts";
import { parseBackupId } from "../../format/snapshot/snapshot-id.ts";
import { type SnapshotPlace } from "../api/snapshot-place.ts";
import { openVaultArchive, type VaultArchive } from "./vault-archive.ts";
import { fetchStored, VaultFetchError } from "./vault-fetch.ts";
import { VaultTree } from "./vault-tree.ts";

/** A snapshot whose manifest has been read and, with its key, proven. */
export class VaultSnapshot {
  readonly trust: ManifestTrust;
  /** Key that its encrypted files need and that is not there. */
  readonly lacksKey: string | undefined;
  readonly #provider: CodecProvider;
  readonly #place: SnapshotPlace;
  readonly #manifest: Manifest;
  readonly #key: CryptKey | undefined;
  readonly #archives = new Map<ArchiveName, Promise<VaultArchive>>();

  private constructor(
    provider: CodecProvider,
    place: SnapshotPlace,
    opened: {
      readonly manifest: Manifest;
      readonly trust: ManifestTrust;
      readonly key: CryptKey | undefined;
    },
  ) {
    this.#provider = provider;
    this.#place = place;
    this.#manifest = opened.manifest;
    this.#key = opened.key;
    this.trust = opened.trust;
    const isEncrypted = opened.manifest.files.some(({ cryptMode }) => cryptMode === "encrypt");
    this.lacksKey =
      isEncrypted && !opened.key ? (keyFingerprintOf(opened.manifest) ?? "") : undefined;
  }

  /**
   * Reads the manifest of a snapshot.
   *
   * @param keys By fingerprint; the one that the manifest names proves it.
   * @throws {FormatError} When the manifest does not stand up to the key.
   */
  static async open(
    provider: CodecProvider,
    place: SnapshotPlace,
    keys: ReadonlyMap<string, CryptKey>,
  ): Promise<VaultSnapshot> {
    const raw = await fetchStored(place, MANIFEST_NAME);
    const named = keyFingerprintOf(decodeManifest(provider, raw));
    const key = named === undefined ? undefined : keys.get(named);
    const { type, id, timeSec } = place;
    const snapshot = { type, id: parseBackupId(id), timeSec };
    const { manifest, trust } = proveManifest(provider, raw, {
      snapshot,
      key,
      unsigned: "accepted",
    });
    return new VaultSnapshot(provider, place, { manifest, trust, key });
  }

  /** The tree in an archive. */
  async tree(archive: string): Promise<VaultTree> {
    const listed = new Set(this.#manifest.files.map(({ filename }) => filename));
    const files = findArchive(listed, archive);
    if (!files) throw new VaultFetchError(404, `the snapshot has no "${archive}"`);
    const metadata = await this.#archive(files.main);
    const payload = files.payload && (await this.#archive(files.payload));
    return new VaultTree(archive, metadata, payload);
  }

  /** Any part of an image, of a whole archive, or of a small file. */
  async whole(archive: string): Promise<{
    readonly size: number;
    readAt(offset: number, size: number): Promise<Uint8Array>;
  }> {
    const name = parseArchiveName(archive);
    if (!name.endsWith(".blob")) return (await this.#archive(name)).bytes;
    const plain = await this.#blob(name);
    return {
      size: plain.length,
      readAt: async (offset, size) => await Promise.resolve(plain.slice(offset, offset + size)),
    };
  }

  async #blob(name: ArchiveName): Promise<Uint8Array> {
    const listed = manifestFile(this.#manifest, name);
    if (!listed) throw new VaultFetchError(404, `the snapshot has no "${name}"`);
    checkKeyForFile(this.#manifest, listed, this.#key);
    const raw = await fetchStored(this.#place, name);
    checkListedFile(listed, { size: raw.length, csum: toHex(this.#provider.sha256(raw)) });
    const options = { sizeMax: BLOB_PLAIN_BYTES_MAX, key: this.#key, what: `"${name}"` };
    return decodeBlob(this.#provider, raw, options);
  }

  async #archive(name: ArchiveName): Promise<VaultArchive> {
    let opened = this.#archives.get(name);
    if (!opened) {
      opened = openVaultArchive(name, {
        provider: this.#provider,
        place: this.#place,
        manifest: this.#manifest,
        key: this.#key,
      });
      this.#archives.set(name, opened);
      opened.catch(() => this.#archives.delete(name));
    }
    return await opened;
  }
}

/** Name of a key as the vault keeps it. */
export function keyName(provider: CodecProvider, key: CryptKey): string {
  return keyFingerprint(provider, key);
}
