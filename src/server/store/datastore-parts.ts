import { type Clock } from "../../format/clock.ts";
import { type CodecProvider } from "../../format/crypto/codec-provider.ts";
import { type ChunkVerifier } from "./accepted-blob.ts";
import { type BlobStore } from "./blob-store.ts";
import { type LiveChunks } from "./live-chunks.ts";
import { type LockTable } from "./lock-table.ts";
import { type ManifestStore } from "./manifest-store.ts";
import { type ProcessLock } from "./process-lock.ts";
import { type StoreBackend } from "./store-backend.ts";
import { type StoreListing } from "./store-listing.ts";
import { type SyncLevel } from "./sync-level.ts";

/** What the operations of one open datastore share. */
export interface DatastoreParts {
  readonly backend: StoreBackend;
  readonly listing: StoreListing;
  readonly blobs: BlobStore;
  readonly live: LiveChunks;
  readonly manifests: ManifestStore;
  readonly locks: LockTable;
  readonly processLock: ProcessLock;
  readonly codec: CodecProvider;
  readonly clock: Clock;
  readonly verifier: ChunkVerifier;
  readonly syncLevel: SyncLevel;
}
