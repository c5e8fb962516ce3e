import { type BlobSource } from "../../chunks/blob-source.ts";
import { type ChunkSource } from "../../chunks/chunk-source.ts";
import { type ExpectedEncryption } from "../../chunks/decoded.ts";
import { type CodecProvider } from "../../format/crypto/codec-provider.ts";
import { type CryptKey } from "../../format/crypto/crypt-key.ts";
import { type ManifestProof } from "../../format/manifest/proven-manifest.ts";
import { parseArchiveName } from "../../format/snapshot/archive-name.ts";
import { namespaceComponents, parseNamespace } from "../../format/snapshot/namespace.ts";
import {
  type BackupGroup,
  parseBackupId,
  parseBackupType,
} from "../../format/snapshot/snapshot-id.ts";
import { type BackupServer } from "./backup-server.ts";
import { listChildNamespaces, listGroups, listSnapshots } from "./list-datastore.ts";
import { Patience } from "./patience.ts";
import { type ReconnectPolicy } from "./reader-session.ts";
import { RemoteSnapshot } from "./remote-snapshot.ts";

/** What a view needs besides the server. */
export interface RemoteDatastoreViewOptions {
  readonly server: BackupServer;
  readonly provider: CodecProvider;
  /** Opens encrypted content and checks signatures. */
  readonly key?: CryptKey | undefined;
  /** What becomes of snapshots that were made without any key, when there is one now; `accepted` when absent. */
  readonly unsigned?: ManifestProof["unsigned"];
  /** Told about every snapshot that is opened with a key and proves nothing, being unsigned. */
  readonly onUnsigned?: (snapshot: GroupWords & { readonly timeSec: number }) => void;
  /** Wraps the stored chunks of one snapshot: decoding, caching, joining of equal reads. */
  readonly chunksOf: (blobs: BlobSource, expected: ExpectedEncryption) => ChunkSource;
  readonly reconnect: ReconnectPolicy;
  /** Milliseconds for one request of a reader session. */
  readonly requestTimeoutMs: number;
  /** Told about every loss and every return of the connection of a snapshot. */
  readonly onConnectionChange?: (isConnected: boolean, cause?: unknown) => void;
}

/** A group by the words of a path. */
interface GroupWords {
  readonly namespace: string;
  readonly type: string;
  readonly id: string;
}

/** A snapshot that is open for reading; see `OpenSnapshot` of the mount, whose shape this has. */
export interface OpenRemoteSnapshot {
  /** Text of the manifest, UTF-8. */
  readonly manifest: Uint8Array;
  /** What the manifest lists. */
  readonly files: readonly { readonly name: string; readonly size: number }[];
  /** Chunks of the indexes that were read through this object. */
  readonly chunks: ChunkSource;
  /** The whole index file of an archive, compared with the manifest; owned. */
  readIndex(name: string): Promise<Uint8Array>;
  /** Decoded content of a blob, compared with the manifest; owned. */
  readBlob(name: string): Promise<Uint8Array>;
  /** Ends the session. */
  close(): Promise<void>;
}

/**
 * A datastore behind a server as the mount wants it; has the shape of `DatastoreView`, which belongs to the mount.
 *
 * Listings are asked of the server each time. A server that was reached before and is away is waited for, in all for the time
 * that the policy says. Words are parsed here, so a name that could never exist is an error and
 * not a request.
 */
export class RemoteDatastoreView {
  readonly #options: RemoteDatastoreViewOptions;
  readonly #patience: Patience;

  constructor(options: RemoteDatastoreViewOptions) {
    this.#options = options;
    this.#patience = new Patience(options.reconnect);
  }

  /** Ends the waiting for a server that is away; calls that wait fail. */
  stopWaiting(): void {
    this.#patience.stop();
  }

  /** Last components of the namespaces directly below one. */
  async listNamespaces(namespace: string): Promise<readonly string[]> {
    const parent = parseNamespace(namespace);
    const children = await this.#patience.run(
      async () => await listChildNamespaces(this.#options.server, parent),
    );
    return children.map((child) => namespaceComponents(child).at(-1) ?? "");
  }

  /** Groups of one namespace. */
  async listGroups(
    namespace: string,
  ): Promise<readonly (BackupGroup & { readonly lastTimeSec: number })[]> {
    const parsed = parseNamespace(namespace);
    const groups = await this.#patience.run(
      async () => await listGroups(this.#options.server, parsed),
    );
    return groups.map(({ group, lastBackupSec }) => ({ ...group, lastTimeSec: lastBackupSec }));
  }

  /** Snapshots of a group, oldest first, those still being written too. */
  async listSnapshots(
    group: GroupWords,
  ): Promise<readonly { readonly timeSec: number; readonly isFinished: boolean }[]> {
    const namespace = parseNamespace(group.namespace);
    const listed = await this.#patience.run(
      async () => await listSnapshots(this.#options.server, namespace, { group: groupOf(group) }),
    );
    return listed.map(({ snapshot, isFinished }) => ({ timeSec: snapshot.timeSec, isFinished }));
  }

  /** Opens a finished snapshot for reading; whoever opens it closes it. */
  async openSnapshot(
    snapshot: GroupWords & { readonly timeSec: number },
  ): Promise<OpenRemoteSnapshot> {
    const { chunksOf, onUnsigned, onConnectionChange, ...options } = this.#options;
    const snapshotOptions = {
      ...options,
      snapshot: {
        ...groupOf(snapshot),
        timeSec: snapshot.timeSec,
        namespace: parseNamespace(snapshot.namespace),
      },
      onConnectionChange: (isConnected: boolean, cause?: unknown): void => {
        this.#patience.note(isConnected);
        onConnectionChange?.(isConnected, cause);
      },
    };
    const opened = await this.#patience.run(async () => await RemoteSnapshot.open(snapshotOptions));
    if (opened.trust === "unsigned") onUnsigned?.(snapshot);
    return {
      manifest: opened.manifestText,
      files: opened.manifest.files.map(({ filename, size }) => ({ name: filename, size })),
      chunks: chunksOf(opened.blobs, opened.expectedEncryption),
      readIndex: async (name) => await opened.readIndexFile(parseArchiveName(name)),
      readBlob: async (name) => await opened.readBlob(parseArchiveName(name)),
      close: async () => {
        opened[Symbol.dispose]();
        await Promise.resolve();
      },
    };
  }
}

function groupOf({ type, id }: GroupWords): BackupGroup {
  return { type: parseBackupType(type), id: parseBackupId(id) };
}
