import { cached } from "../../chunks/cached.ts";
import { coalesced } from "../../chunks/coalesced.ts";
import { type CodecPool } from "../../chunks/codec-pool.ts";
import { decoded } from "../../chunks/decoded.ts";
import { type RateLimit } from "../../chunks/rate-limit.ts";
import { chunkDigest } from "../../format/chunk/digest.ts";
import { type CodecProvider } from "../../format/crypto/codec-provider.ts";
import { type CryptKey } from "../../format/crypto/crypt-key.ts";
import { indexCsum } from "../../format/index/chunk-index.ts";
import { type ManifestProof } from "../../format/manifest/proven-manifest.ts";
import { type ArchiveName, archiveNameOf } from "../../format/snapshot/archive-name.ts";
import { snapshotIdText } from "../../format/snapshot/snapshot-id.ts";
import { pooledDecode } from "../pooled-decode.ts";
import { type BackupServer } from "../session/backup-server.ts";
import { type ReconnectPolicy, READER_REQUEST_TIMEOUT_MS } from "../session/reader-session.ts";
import { RemoteSnapshot } from "../session/remote-snapshot.ts";
import { type SessionSnapshot } from "../session/session-snapshot.ts";
import { imageExport, type NbdExport } from "./nbd-export.ts";
import { VmError } from "./vm-error.ts";

/** Which images are opened, and how. */
export interface SnapshotImagesPlan {
  readonly server: BackupServer;
  readonly snapshot: SessionSnapshot;
  /** Opens encrypted content and checks the signature. */
  readonly key: CryptKey | undefined;
  readonly unsigned: ManifestProof["unsigned"];
  /** How long reads wait for a server that is gone. */
  readonly reconnect: ReconnectPolicy;
  /** Plaintext that is kept. */
  readonly cacheBytesMax: number;
  readonly rateLimit: RateLimit | undefined;
}

/** What they are opened with. */
export interface SnapshotImagesTools {
  readonly provider: CodecProvider;
  readonly pool: CodecPool;
  readonly signal: AbortSignal;
  /** Told about every loss and every return of the connection. */
  readonly onConnectionChange: (isConnected: boolean) => void;
}

/** An image of a snapshot. */
export interface SnapshotImage {
  /** Where it is from: namespace, if any, and snapshot, for example `ns/vm/100/2026-01-01T00:00:00Z`. */
  readonly snapshot: string;
  /** For example `drive-scsi0.img.fidx`. */
  readonly archive: ArchiveName;
  /** Checksum of its index: the same for the same content, whichever snapshot it is in. */
  readonly csum: string;
  readonly size: number;
  /** What an NBD server hands out. */
  toExport(name: string): NbdExport;
}

/** Images of a snapshot on a server, open for reading; chunks are proven, and shared between the images. */
export class SnapshotImages implements Disposable {
  readonly images: readonly SnapshotImage[];
  readonly #snapshot: RemoteSnapshot;

  private constructor(snapshot: RemoteSnapshot, images: readonly SnapshotImage[]) {
    this.#snapshot = snapshot;
    this.images = images;
  }

  /**
   * Opens the images that are named, in any form of their names, or all of the snapshot.
   *
   * @throws {VmError} `VM_NO_DISKS` when the snapshot has no such image; `ApiError`, `SessionError`, `FormatError`.
   */
  static async open(
    plan: SnapshotImagesPlan,
    names: readonly string[],
    tools: SnapshotImagesTools,
  ): Promise<SnapshotImages> {
    const { provider, signal, onConnectionChange } = tools;
    const options = { ...plan, provider, requestTimeoutMs: READER_REQUEST_TIMEOUT_MS };
    const opened = await RemoteSnapshot.open({ ...options, onConnectionChange }, signal);
    try {
      return new SnapshotImages(opened, await openImages(opened, names, { plan, tools }));
    } catch (error) {
      opened[Symbol.dispose]();
      throw error;
    }
  }

  /** Ends the session; reads under way fail. */
  [Symbol.dispose](): void {
    this.#snapshot[Symbol.dispose]();
  }
}

async function openImages(
  snapshot: RemoteSnapshot,
  names: readonly string[],
  { plan, tools }: { readonly plan: SnapshotImagesPlan; readonly tools: SnapshotImagesTools },
): Promise<readonly SnapshotImage[]> {
  const { key, rateLimit, cacheBytesMax } = plan;
  const { namespace, ...id } = plan.snapshot;
  const { provider, pool, signal } = tools;
  const { blobs, expectedEncryption: expected } = snapshot;
  const proven = decoded(blobs, pooledDecode(pool, key), { expected });
  const limited = {
    readChunk: async (...args: Parameters<typeof proven.readChunk>) => {
      const plain = await proven.readChunk(...args);
      // The limit ends with the command, but a guest may still need what it has asked for.
      await rateLimit?.take(plain.length).catch(() => undefined);
      return plain;
    },
  };
  const chunks = cached(coalesced(limited), { bytesMax: cacheBytesMax });
  const images: SnapshotImage[] = [];
  for (const archive of chosenImages(snapshot, names)) {
    const index = await snapshot.readIndex(archive, signal);
    const zeros = new Uint8Array(index.endOf(0));
    const zeroDigest = chunkDigest(provider, zeros, expected === "encrypted" ? key : undefined);
    images.push({
      snapshot: namespace === "" ? snapshotIdText(id) : `${namespace}/${snapshotIdText(id)}`,
      archive,
      csum: indexCsum(provider, index),
      size: index.size,
      toExport: (name) => imageExport(name, index, { chunks, zeroDigest }),
    });
  }
  return images;
}

function chosenImages({ manifest }: RemoteSnapshot, names: readonly string[]): ArchiveName[] {
  const all = manifest.files
    .map(({ filename }) => filename)
    .filter((name) => name.endsWith(".fidx"));
  const wanted = names.length === 0 ? all : names.map(archiveNameOf);
  if (wanted.length === 0) {
    throw new VmError("VM_NO_DISKS", "open the snapshot", { detail: "it has no image" });
  }
  for (const name of wanted) {
    if (all.includes(name)) continue;
    throw new VmError("VM_NO_DISKS", `open "${name}"`, {
      detail: "the snapshot has no such image",
    });
  }
  return [...new Set(wanted)];
}
