import { abortOnAny } from "../../chunks/abort-on-any.ts";
import { type CodecPool } from "../../chunks/codec-pool.ts";
import { decoded } from "../../chunks/decoded.ts";
import { mapConcurrent } from "../../chunks/map-concurrent.ts";
import { type CodecProvider } from "../../format/crypto/codec-provider.ts";
import { type CryptKey } from "../../format/crypto/crypt-key.ts";
import { type CryptMode } from "../../format/manifest/manifest.ts";
import {
  archiveKindOf,
  type ArchiveName,
  RSA_KEY_NAME,
} from "../../format/snapshot/archive-name.ts";
import { pooledDecode } from "../pooled-decode.ts";
import { type BackupServer } from "../session/backup-server.ts";
import { DEFAULT_RECONNECT, READER_REQUEST_TIMEOUT_MS } from "../session/reader-session.ts";
import { RemoteSnapshot, type RemoteSnapshotOptions } from "../session/remote-snapshot.ts";
import { type SessionSnapshot } from "../session/session-snapshot.ts";
import { RestoreError } from "../target/restore-error.ts";

/** What to prove. */
export interface RecoveryClaim {
  readonly server: BackupServer;
  readonly snapshot: SessionSnapshot;
  /**
   * Gets the key in the way that is to be proven, and in no other.
   *
   * @param readWrappedKey The snapshot's copy of the key, encrypted for the master key; owned.
   */
  readonly recoverKey: (readWrappedKey: () => Promise<Uint8Array>) => Promise<CryptKey>;
  /** How much of every archive is read. */
  readonly chunks: "some" | "all";
}

/** What a proof works with. */
export interface RecoveryTools {
  readonly provider: CodecProvider;
  readonly pool: CodecPool;
  readonly signal: AbortSignal;
}

/** One file of the snapshot that the key opened. */
export interface RecoveredFile {
  readonly name: ArchiveName;
  readonly mode: CryptMode;
  /** Chunks of an archive; 1 for a blob. */
  readonly chunkCount: number;
  /** How many of them were read, decrypted and compared with their names. */
  readonly provenCount: number;
  /** Bytes of their plaintext. */
  readonly provenBytes: number;
}

/** Chunks of each archive that are read when not all are. */
const SAMPLE_CHUNKS_MAX = 16;

/** Chunks under way. */
const IN_FLIGHT_MAX = 8;

/**
 * Proves that a key that is kept for the worst case opens a real snapshot: fingerprint and signature of the manifest,
 * checksum of every index and blob, content of chunks of every archive.
 *
 * Reads only; the key stays in memory. Yields each file when it is proven; the first failure ends it.
 *
 * @throws {FormatError} `FORMAT_WRONG_KEY`, `FORMAT_BAD_SIGNATURE`, `FORMAT_NOT_SIGNED` for a snapshot made without any key;
 *   `ChunkError`, `ApiError`, `SessionError`, and whatever `recoverKey` throws.
 */
export async function* proveRecovery(
  claim: RecoveryClaim,
  tools: RecoveryTools,
): AsyncGenerator<RecoveredFile> {
  const key = await recoveredKey(claim, tools);
  using opened = await openWith(claim, tools, { key, unsigned: "refused" });
  const proof = new FileProof(opened, key, claim.chunks, tools);
  for (const { filename, cryptMode } of opened.manifest.files) {
    yield { name: filename, mode: cryptMode, ...(await proof.prove(filename)) };
  }
}

/** The key, from nothing but what is to be proven and what lies in the snapshot. */
async function recoveredKey(claim: RecoveryClaim, tools: RecoveryTools): Promise<CryptKey> {
  using locked = await openWith(claim, tools, {});
  return await claim.recoverKey(async () => {
    if (locked.manifest.files.some(({ filename }) => filename === RSA_KEY_NAME)) {
      return await locked.readBlob(RSA_KEY_NAME, tools.signal);
    }
    const reason = "the snapshot was made without a master key";
    throw new RestoreError("RESTORE_FAILED", RSA_KEY_NAME, reason);
  });
}

async function openWith(
  { server, snapshot }: RecoveryClaim,
  { provider, signal }: RecoveryTools,
  options: Pick<RemoteSnapshotOptions, "key" | "unsigned">,
): Promise<RemoteSnapshot> {
  const reconnect = DEFAULT_RECONNECT;
  const requestTimeoutMs = READER_REQUEST_TIMEOUT_MS;
  const shared = { server, snapshot, provider, reconnect, requestTimeoutMs };
  return await RemoteSnapshot.open({ ...shared, ...options }, signal);
}

class FileProof {
  readonly #opened: RemoteSnapshot;
  readonly #key: CryptKey;
  readonly #chunks: RecoveryClaim["chunks"];
  readonly #tools: RecoveryTools;

  constructor(
    opened: RemoteSnapshot,
    key: CryptKey,
    chunks: RecoveryClaim["chunks"],
    tools: RecoveryTools,
  ) {
    this.#opened = opened;
    this.#key = key;
    this.#chunks = chunks;
    this.#tools = tools;
  }

  async prove(name: ArchiveName): Promise<Omit<RecoveredFile, "name" | "mode">> {
    const { signal } = this.#tools;
    if (archiveKindOf(name) === "blob") {
      const { length } = await this.#opened.readBlob(name, signal);
      return { chunkCount: 1, provenCount: 1, provenBytes: length };
    }
    const index = await this.#opened.readIndex(name, signal);
    const expected = this.#opened.expectedEncryption;
    const decode = pooledDecode(this.#tools.pool, this.#key);
    const chunks = decoded(this.#opened.blobs, decode, { expected });
    const positions = this.#chunks === "all" ? range(index.count) : sample(index.count);
    const sizes = mapConcurrent(positions, IN_FLIGHT_MAX, async (i, stop) => {
      const digest = index.digestAt(i);
      using joined = abortOnAny([signal, stop]);
      const { length } = await chunks.readChunk(digest, { signal: joined.signal });
      const size = index.endOf(i) - index.startOf(i);
      if (length === size) return size;
      const reason = `chunk ${digest} has ${length} bytes, the index says ${size}`;
      throw new RestoreError("RESTORE_FAILED", name, reason);
    });
    let provenBytes = 0;
    for await (const size of sizes) provenBytes += size;
    return { chunkCount: index.count, provenCount: positions.length, provenBytes };
  }
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

/** The first, the last, and some spread evenly between them. */
function sample(count: number): number[] {
  if (count <= SAMPLE_CHUNKS_MAX) return range(count);
  return range(SAMPLE_CHUNKS_MAX).map((i) =>
    Math.round((i * (count - 1)) / (SAMPLE_CHUNKS_MAX - 1)),
  );
}
