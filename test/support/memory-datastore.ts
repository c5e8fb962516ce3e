import { createHash } from "node:crypto";

import { ChunkError } from "../../src/chunks/chunk-error.ts";
import { type Digest, parseDigest } from "../../src/format/chunk/digest.ts";
import { createNativeProvider } from "../../src/format/crypto/native-provider.ts";
import { DynamicIndexBuilder } from "../../src/format/index/dynamic-index.ts";
import { FixedIndexBuilder } from "../../src/format/index/fixed-index.ts";
import { type DatastoreView, type OpenSnapshot } from "../../src/fs/datastore-view.ts";
import { type GroupKey, groupPath, type SnapshotKey, snapshotPath } from "../../src/fs/fs-need.ts";

const provider = createNativeProvider();
const stamp = { uuid: new Uint8Array(16), createdAtSec: 1n };

interface StoredSnapshot {
  readonly key: SnapshotKey;
  readonly isFinished: boolean;
  readonly indexes: Map<string, { readonly file: Uint8Array; readonly size: number }>;
  readonly blobs: Map<string, Uint8Array>;
}

/** A datastore in memory, as a mount sees one; can be damaged and made to fail. */
export class MemoryDatastore implements DatastoreView {
  readonly #snapshots = new Map<string, StoredSnapshot>();
  readonly chunks = new Map<Digest, Uint8Array>();
  /** Digests in the order in which they were read. */
  readonly reads: string[] = [];
  /** Sessions opened so far, and of them those not closed yet. */
  opened = 0;
  open = 0;
  /** Called before everything that a server would be asked; may throw. */
  beforeCall: (what: string) => void = () => undefined;

  /** Adds a snapshot. */
  addSnapshot(key: SnapshotKey, isFinished = true): void {
    this.#snapshots.set(snapshotPath(key), {
      key,
      isFinished,
      indexes: new Map(),
      blobs: new Map(),
    });
  }

  /** Removes a snapshot. */
  removeSnapshot(key: SnapshotKey): void {
    this.#snapshots.delete(snapshotPath(key));
  }

  /** Adds an archive, cut into chunks of one length; `.fidx` in the name makes it an image. */
  addArchive(
    key: SnapshotKey,
    name: string,
    content: Uint8Array,
    chunkBytes = 4 * 1024 * 1024,
  ): void {
    const isImage = name.endsWith(".fidx");
    const digests: { digest: Digest; size: number }[] = [];
    for (let at = 0; at < content.length; at += chunkBytes) {
      digests.push(this.addChunk(content.subarray(at, at + chunkBytes)));
    }
    this.addIndex(key, name, digests, isImage ? chunkBytes : undefined);
  }

  /** Adds one chunk. */
  addChunk(bytes: Uint8Array): { digest: Digest; size: number } {
    const digest = parseDigest(createHash("sha256").update(bytes).digest("hex"));
    this.chunks.set(digest, bytes.slice());
    return { digest, size: bytes.length };
  }

  /** Adds an archive of chunks that are there. */
  addIndex(
    key: SnapshotKey,
    name: string,
    entries: readonly { digest: Digest; size: number }[],
    chunkBytes?: number,
  ): void {
    const size = entries.reduce((sum, entry) => sum + entry.size, 0);
    this.#stored(key).indexes.set(name, { file: indexFile(entries, size, chunkBytes), size });
  }

  /** Adds a whole index file. */
  addIndexFile(key: SnapshotKey, name: string, file: Uint8Array, size: number): void {
    this.#stored(key).indexes.set(name, { file, size });
  }

  /** Adds a blob with this decoded content. */
  addBlob(key: SnapshotKey, name: string, content: Uint8Array): void {
    this.#stored(key).blobs.set(name, content);
  }

  async listNamespaces(namespace: string): Promise<readonly string[]> {
    await this.#call(`namespaces ${namespace}`);
    const prefix = namespace === "" ? "" : `${namespace}/`;
    const names = [...this.#snapshots.values()]
      .map(({ key }) => key.namespace)
      .filter((name) => name !== namespace && name.startsWith(prefix))
      .map((name) => name.slice(prefix.length).split("/")[0]!);
    return [...new Set(names)].filter((name) => name !== "").toSorted();
  }

  async listGroups(namespace: string): Promise<readonly { type: string; id: string }[]> {
    await this.#call(`groups ${namespace}`);
    const groups = new Map(
      [...this.#snapshots.values()]
        .filter(({ key }) => key.namespace === namespace)
        .map(({ key }) => [groupPath(key), { type: key.type, id: key.id }]),
    );
    return [...groups.values()];
  }

  async listSnapshots(
    group: GroupKey,
  ): Promise<readonly { timeSec: number; isFinished: boolean }[]> {
    await this.#call(`snapshots ${groupPath(group)}`);
    return [...this.#snapshots.values()]
      .filter(({ key }) => groupPath(key) === groupPath(group))
      .map(({ key, isFinished }) => ({ timeSec: key.timeSec, isFinished }));
  }

  async openSnapshot(key: SnapshotKey): Promise<OpenSnapshot> {
    await this.#call(`open ${snapshotPath(key)}`);
    const stored = this.#stored(key);
    const allowed = new Set<string>();
    let isOpen = true;
    this.opened++;
    this.open++;
    return {
      manifest: new TextEncoder().encode(
        JSON.stringify({ "backup-type": key.type, "backup-id": key.id }),
      ),
      files: [
        ...Array.from(stored.indexes, ([name, { size }]) => ({ name, size })),
        ...Array.from(stored.blobs, ([name, { length }]) => ({ name, size: length + 12 })),
      ],
      readIndex: async (name) => {
        await this.#call(`index ${name}`);
        const index = stored.indexes.get(name);
        if (!index) throw new Error(`no index ${name}`);
        allowed.add(name);
        return index.file.slice();
      },
      readBlob: async (name) => {
        await this.#call(`blob ${name}`);
        const blob = stored.blobs.get(name);
        if (!blob) throw new Error(`no blob ${name}`);
        return blob.slice();
      },
      chunks: {
        readChunk: async (digest) => {
          await this.#call(`chunk ${digest}`);
          if (!isOpen) throw new ChunkError("CHUNK_UNREADABLE", digest);
          if (allowed.size === 0) throw new Error("no index was read");
          this.reads.push(digest);
          const chunk = this.chunks.get(digest);
          if (!chunk) throw new ChunkError("CHUNK_MISSING", digest);
          return chunk.slice();
        },
      },
      close: async () => {
        if (isOpen) this.open--;
        isOpen = false;
        await Promise.resolve();
      },
    };
  }

  async #call(what: string): Promise<void> {
    await Promise.resolve();
    this.beforeCall(what);
  }

  #stored(key: SnapshotKey): StoredSnapshot {
    const stored = this.#snapshots.get(snapshotPath(key));
    if (!stored) throw new Error(`no snapshot ${snapshotPath(key)}`);
    return stored;
  }
}

function indexFile(
  entries: readonly { digest: Digest; size: number }[],
  size: number,
  chunkBytes: number | undefined,
): Uint8Array {
  if (chunkBytes === undefined) {
    const builder = new DynamicIndexBuilder(provider);
    for (const entry of entries) builder.append(entry.size, entry.digest);
    return builder.build(stamp);
  }
  const builder = new FixedIndexBuilder(chunkBytes);
  entries.forEach(({ digest }, i) => {
    builder.set(i, digest);
  });
  return builder.build(provider, size, stamp);
}
