import fs from "node:fs/promises";
import path from "node:path";

import { type BlobSource, type ReadBlobOptions } from "../chunks/blob-source.ts";
import { ChunkError } from "../chunks/chunk-error.ts";
import { type ChunkSource } from "../chunks/chunk-source.ts";
import { type ExpectedEncryption } from "../chunks/decoded.ts";
import { toHex } from "../format/bytes/hex.ts";
import { decodeBlob } from "../format/chunk/data-blob.ts";
import { type Digest } from "../format/chunk/digest.ts";
import { type CodecProvider } from "../format/crypto/codec-provider.ts";
import { type CryptKey } from "../format/crypto/crypt-key.ts";
import { FormatError } from "../format/format-error.ts";
import { indexCsum } from "../format/index/chunk-index.ts";
import { parseDynamicIndex } from "../format/index/dynamic-index.ts";
import { parseFixedIndex } from "../format/index/fixed-index.ts";
import { BLOB_PLAIN_BYTES_MAX } from "../format/limits.ts";
import { checkKeyForFile, checkListedFile } from "../format/manifest/listed-file.ts";
import { type Manifest } from "../format/manifest/manifest.ts";
import { type ManifestProof, proveManifest } from "../format/manifest/proven-manifest.ts";
import { MANIFEST_NAME } from "../format/snapshot/archive-name.ts";
import { namespacePath, parseNamespace } from "../format/snapshot/namespace.ts";
import {
  backupTypes,
  parseBackupId,
  parseBackupType,
  type SnapshotId,
} from "../format/snapshot/snapshot-id.ts";
import { parseTimeText } from "../format/snapshot/time-text.ts";
import { type DatastoreView, type OpenSnapshot } from "./datastore-view.ts";
import { type GroupEntry, type GroupKey, type SnapshotKey, snapshotPath } from "./fs-need.ts";
import { readChunkFile } from "./read-chunk-file.ts";

/** What a view of a folder needs. */
export interface FolderDatastoreViewOptions {
  /** The datastore's folder: the one that has `.chunks` in it. */
  readonly folder: string;
  readonly provider: CodecProvider;
  /** Opens encrypted content and checks signatures. */
  readonly key?: CryptKey | undefined;
  /** What becomes of snapshots that were made without any key, when there is one now; `accepted` when absent. */
  readonly unsigned?: ManifestProof["unsigned"];
  /** Told about every snapshot that is opened with a key and proves nothing, being unsigned. */
  readonly onUnsigned?: (snapshot: SnapshotKey) => void;
  /** Wraps the stored chunks: decoding, at least. */
  readonly chunksOf: (blobs: BlobSource, expected: ExpectedEncryption) => ChunkSource;
}

/**
 * A datastore in a local folder as a mount sees it: reads the files and nothing else, takes no lock, writes nothing.
 *
 * So it works on a medium that cannot be written, without any server, and beside a running one: chunks of a snapshot
 * stay as long as the snapshot does (spec datastore.md §1).
 */
export class FolderDatastoreView implements DatastoreView {
  readonly #options: FolderDatastoreViewOptions;

  constructor(options: FolderDatastoreViewOptions) {
    this.#options = options;
  }

  async listNamespaces(namespace: string): Promise<readonly string[]> {
    const names = await this.#folders(namespacePath(parseNamespace(namespace)), "ns");
    return names.filter((name) => isAllowed(() => parseNamespace(name)));
  }

  async listGroups(namespace: string): Promise<readonly GroupEntry[]> {
    const base = namespacePath(parseNamespace(namespace));
    const lists = backupTypes.map(async (type) => {
      const ids = await this.#folders(base, type);
      return ids.filter((id) => isAllowed(() => parseBackupId(id))).map((id) => ({ type, id }));
    });
    return (await Promise.all(lists)).flat();
  }

  async listSnapshots(
    group: GroupKey,
  ): Promise<readonly { readonly timeSec: number; readonly isFinished: boolean }[]> {
    const folder = groupFolder(group);
    const names = await this.#folders(folder, "");
    const snapshots = names
      .filter((name) => isAllowed(() => parseTimeText(name)))
      .map(async (name) => ({
        timeSec: parseTimeText(name),
        isFinished: await isFile(path.join(this.#options.folder, folder, name, MANIFEST_NAME)),
      }));
    return await Promise.all(snapshots);
  }

  async openSnapshot(snapshot: SnapshotKey): Promise<OpenSnapshot> {
    const { folder, provider, key, chunksOf, unsigned = "accepted" } = this.#options;
    groupFolder(snapshot); // Refuses words that are no names.
    const place = path.join(folder, snapshotPath(snapshot));
    const raw = await fs.readFile(path.join(place, MANIFEST_NAME));
    const proof = { snapshot: snapshotIdOf(snapshot), key, unsigned };
    const { manifest, text, trust } = proveManifest(provider, raw, proof);
    if (trust === "unsigned") this.#options.onUnsigned?.(snapshot);
    const files = new Map<string, Manifest["files"][number]>(
      manifest.files.map((file) => [file.filename, file]),
    );
    const readFile = async (name: string): Promise<[Uint8Array, Manifest["files"][number]]> => {
      const file = files.get(name);
      if (!file)
        throw new FormatError("FORMAT_INVALID", `"${name}"`, "the manifest has no such file");
      checkKeyForFile(manifest, file, key);
      return [await fs.readFile(path.join(place, file.filename)), file];
    };
    return {
      manifest: text,
      files: manifest.files.map(({ filename, size }) => ({ name: filename, size })),
      chunks: chunksOf(this.#blobs(), expectedEncryption(manifest)),
      readIndex: async (name) => {
        const [bytes, file] = await readFile(name);
        const index = name.endsWith(".fidx") ? parseFixedIndex(bytes) : parseDynamicIndex(bytes);
        checkListedFile(file, { size: index.size, csum: indexCsum(provider, index) });
        return bytes;
      },
      readBlob: async (name) => {
        const [bytes, file] = await readFile(name);
        checkListedFile(file, { size: bytes.length, csum: toHex(provider.sha256(bytes)) });
        return decodeBlob(provider, bytes, {
          sizeMax: BLOB_PLAIN_BYTES_MAX,
          key,
          what: `"${name}"`,
        });
      },
      close: async () => {
        await Promise.resolve();
      },
    };
  }

  #blobs(): BlobSource {
    const { folder } = this.#options;
    let underWay = 0;
    return {
      readBlob: async (digest: Digest, options: ReadBlobOptions = {}) => {
        underWay++;
        try {
          const file = path.join(folder, ".chunks", digest.slice(0, 4), digest);
          return await readChunkFile(file, { ...options, isAlone: () => underWay === 1 });
        } catch (cause) {
          const isMissing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
          throw new ChunkError(isMissing ? "CHUNK_MISSING" : "CHUNK_UNREADABLE", digest, { cause });
        } finally {
          underWay--;
        }
      },
    };
  }

  /** Names of the folders in a folder of the datastore; none when it does not exist. */
  async #folders(base: string, name: string): Promise<string[]> {
    try {
      const place = path.join(this.#options.folder, base, name);
      const entries = await fs.readdir(place, { withFileTypes: true });
      return entries
        .filter((entry) => entry.isDirectory())
        .map((entry) => entry.name)
        .toSorted();
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
      throw error;
    }
  }
}

/** Path of a group below the datastore, from words that are checked to be names. */
function groupFolder({ namespace, type, id }: GroupKey): string {
  const base = namespacePath(parseNamespace(namespace));
  return path.join(base, parseBackupType(type), parseBackupId(id));
}

function snapshotIdOf({ type, id, timeSec }: SnapshotKey): SnapshotId {
  return { type: parseBackupType(type), id: parseBackupId(id), timeSec };
}

function isAllowed(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch (error) {
    if (error instanceof FormatError) return false;
    throw error;
  }
}

async function isFile(file: string): Promise<boolean> {
  const stat = await fs.stat(file).catch(() => undefined);
  return stat?.isFile() === true;
}

function expectedEncryption({ files }: Manifest): ExpectedEncryption {
  const modes = files
    .filter(({ filename }) => !filename.endsWith(".blob"))
    .map(({ cryptMode }) => cryptMode === "encrypt");
  if (modes.every((isEncrypted) => isEncrypted)) return modes.length > 0 ? "encrypted" : "either";
  return modes.some((isEncrypted) => isEncrypted) ? "either" : "unencrypted";
}
