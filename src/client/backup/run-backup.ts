import { type Cut } from "../../chunks/chunk-cutter.ts";
import { type CodecPool } from "../../chunks/codec-pool.ts";
import { toHex } from "../../format/bytes/hex.ts";
import { encodeBlob } from "../../format/chunk/data-blob.ts";
import { type CodecProvider } from "../../format/crypto/codec-provider.ts";
import { type CryptKey } from "../../format/crypto/crypt-key.ts";
import {
  type CryptMode,
  encodeManifest,
  type ManifestFile,
} from "../../format/manifest/manifest.ts";
import { signManifest } from "../../format/manifest/signature.ts";
import {
  type ArchiveName,
  archiveNameOf,
  CATALOG_NAME,
  MANIFEST_NAME,
  RSA_KEY_NAME,
  splitArchiveNames,
} from "../../format/snapshot/archive-name.ts";
import { FIXED_CHUNK_BYTES } from "../../format/limits.ts";
import { type Namespace } from "../../format/snapshot/namespace.ts";
import { type SnapshotId } from "../../format/snapshot/snapshot-id.ts";
import { type PackCounter, packCounterFields } from "../archive/pack-counter.ts";
import {
  type ChangeDetection,
  type PackRequest,
  type WalkRequest,
} from "../archive/pack-request.ts";
import { type PackThread } from "../archive/pack-thread.ts";
import { type CutUpload, uploadCuts } from "../archive/upload-cuts.ts";
import { type RateLimit } from "../rate-limit.ts";
import { type ArchiveUpload, type ArchiveUploadResult } from "../session/archive-upload.ts";
import { ApiError } from "../session/api-error.ts";
import { type BackupServer } from "../session/backup-server.ts";
import { BackupSession } from "../session/backup-session.ts";
import { DEFAULT_RECONNECT, READER_REQUEST_TIMEOUT_MS } from "../session/reader-session.ts";
import { SharedCounters } from "../shared-counters.ts";
import { SourceError } from "../source/source-error.ts";
import { type SourceProblem } from "../source/source-problem.ts";
import { type BackupSource } from "./backup-source.ts";
import { imageCuts, openImage } from "./image-cuts.ts";
import { PreviousBackup } from "./previous-backup.ts";
import { readSmallFile } from "./read-small-file.ts";

/** How the tree of every directory source is read. */
export type WalkChoices = Pick<
  PackRequest,
  "excludes" | "lostAndFound" | "mounts" | "entriesMax" | "oversizedAttributes"
>;

/** What a backup is made of. */
export interface BackupPlan {
  readonly server: BackupServer;
  readonly snapshot: SnapshotId;
  readonly namespace: Namespace;
  readonly sources: readonly BackupSource[];
  readonly changeDetection: ChangeDetection;
  readonly walk: WalkChoices;
  /** Average chunk length of directory archives in bytes. */
  readonly chunkBytesAverage: number;
  readonly cryptMode: CryptMode;
  /** Needed unless the mode is `none`. */
  readonly key: CryptKey | undefined;
  /** The key encrypted for the master key, which becomes a file of the snapshot (spec keyfile.md §4.2). */
  readonly wrappedKey: Uint8Array | undefined;
  readonly noCache: boolean;
  readonly rateLimit: RateLimit | undefined;
}

/** What a backup works with. */
export interface BackupTools {
  readonly provider: CodecProvider;
  readonly pool: CodecPool;
  /** Started early, since it takes a moment. */
  readonly thread: PackThread;
  readonly signal: AbortSignal;
  readonly events: BackupEvents;
}

/** One source on its way. */
export interface SourceProgress {
  readonly source: BackupSource;
  readonly counters: SharedCounters<PackCounter>;
  /** Bytes of content that are likely to come, from the previous backup or the size of an image. */
  readonly expectedBytes: number | undefined;
}

/** What a backup tells while it runs. */
export interface BackupEvents {
  /** A line for people. */
  info(text: string): void;
  /** The group has an earlier snapshot, whose chunks are known; its time in seconds since the epoch. */
  comparing(previousSec: number): void;
  /** The key, wrapped for the master key, goes into the snapshot. */
  keyUploading(name: ArchiveName): void;
  started(progress: SourceProgress): void;
  /** An archive is on the server; of a split one the two are told one after the other. */
  uploaded(name: ArchiveName, result: ArchiveUploadResult): void;
  problem(source: BackupSource, problem: SourceProblem): void;
}

/**
 * Makes one snapshot: reads the sources, uploads what the server does not have, and publishes (spec backup-protocol.md §9).
 *
 * Sources are read one after the other, the streams of one at the same time. Nothing is visible on the server before the
 * last step; a failure or an abort leaves nothing behind. Memory: the arena of the thread, the blobs that an
 * `ArchiveUpload` holds, and a few chunks of the previous metadata archive.
 *
 * @throws {SourceError} `ApiError`, `SessionError`, the signal's reason.
 */
export async function runBackup(plan: BackupPlan, tools: BackupTools): Promise<void> {
  const { server, snapshot, namespace, noCache } = plan;
  const { signal, thread } = tools;
  const sessionSnapshot = { namespace, ...snapshot };
  using session = await BackupSession.open({ server, snapshot: sessionSnapshot, noCache, signal });
  const onAbort = (): void => {
    thread.stop(signal.reason);
  };
  signal.addEventListener("abort", onAbort);
  try {
    const previous = await PreviousBackup.find({
      server,
      session,
      snapshot: sessionSnapshot,
      provider: tools.provider,
      pool: tools.pool,
      cryptMode: plan.cryptMode,
      key: plan.key,
      reconnect: DEFAULT_RECONNECT,
      requestTimeoutMs: READER_REQUEST_TIMEOUT_MS,
      signal,
      onInfo: (text) => {
        tools.events.info(text);
      },
    });
    if (previous.timeSec !== undefined) tools.events.comparing(previous.timeSec);
    await new BackupRun(plan, tools, session, previous).run();
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** The walks a backup will make, for {@link PackThread.walkAhead}: they need no server. */
export function plannedWalks(
  plan: Pick<BackupPlan, "sources" | "changeDetection" | "walk">,
): WalkRequest[] {
  return plan.sources
    .filter(({ kind }) => kind === "pxar")
    .map((source) => plannedWalk(plan, source));
}

function plannedWalk(
  { changeDetection, walk }: Pick<BackupPlan, "changeDetection" | "walk">,
  source: BackupSource,
): WalkRequest {
  return { source: Buffer.from(source.path), mode: changeDetection, ...walk };
}

class BackupRun {
  readonly #plan: BackupPlan;
  readonly #tools: BackupTools;
  readonly #session: BackupSession;
  readonly #previous: PreviousBackup;
  readonly #files: ManifestFile[] = [];

  constructor(
    plan: BackupPlan,
    tools: BackupTools,
    session: BackupSession,
    previous: PreviousBackup,
  ) {
    this.#plan = plan;
    this.#tools = tools;
    this.#session = session;
    this.#previous = previous;
  }

  async run(): Promise<void> {
    const { sources, changeDetection } = this.#plan;
    const needsCatalog =
      changeDetection === "legacy" && sources.some(({ kind }) => kind === "pxar");
    const catalog = needsCatalog ? await this.#startCatalog() : undefined;
    for (const source of sources) {
      switch (source.kind) {
        case "pxar":
          await this.#packDirectory(source);
          break;
        case "img":
          await this.#uploadImage(source);
          break;
        case "conf":
        case "log":
          await this.#uploadFile(source);
      }
    }
    await catalog?.finish();
    await this.#uploadWrappedKey();
    await this.#publish();
  }

  async #packDirectory(source: BackupSource): Promise<void> {
    const { changeDetection } = this.#plan;
    if (changeDetection === "legacy") {
      const name = archiveNameOf(`${source.name}.pxar`);
      await this.#previous.reuseChunks(name);
      const upload = await this.#session.openDynamicArchive(name);
      const progress = this.#start(source, this.#previous.sizeOf(name));
      await this.#pack(source, progress, undefined, { archive: upload });
      await this.#close(name, upload);
      return;
    }
    const { metadata, payload } = splitArchiveNames(source.name);
    using opened =
      changeDetection === "metadata" ? await this.#previous.openSplit(source.name) : undefined;
    if (changeDetection === "data") {
      await Promise.all([
        this.#previous.reuseChunks(metadata),
        this.#previous.reuseChunks(payload),
      ]);
    }
    const uploads = {
      payload: await this.#session.openDynamicArchive(payload),
      metadata: await this.#session.openDynamicArchive(metadata),
    };
    const progress = this.#start(source, this.#previous.sizeOf(payload));
    await this.#pack(source, progress, opened?.previous, uploads);
    await this.#close(payload, uploads.payload);
    await this.#close(metadata, uploads.metadata);
  }

  #start(source: BackupSource, expectedBytes: number | undefined): SourceProgress {
    const progress = { source, counters: new SharedCounters(packCounterFields), expectedBytes };
    this.#tools.events.started(progress);
    return progress;
  }

  async #pack(
    source: BackupSource,
    { counters }: SourceProgress,
    previous: PackRequest["previous"],
    uploads: Readonly<Partial<Record<"archive" | "metadata" | "payload", ArchiveUpload>>>,
  ): Promise<void> {
    const { chunkBytesAverage } = this.#plan;
    const consumers = Object.fromEntries(
      Object.entries(uploads).map(([stream, upload]) => [
        stream,
        async (cuts: AsyncIterable<Cut>) => {
          await this.#upload(cuts, upload);
        },
      ]),
    );
    await this.#tools.thread.pack(
      {
        ...plannedWalk(this.#plan, source),
        catalogName: archiveNameOf(`${source.name}.pxar`),
        chunkBytesAverage,
        counters: counters.memory,
        previous,
      },
      {
        consumers,
        onProblem: (problem) => {
          this.#tools.events.problem(source, problem);
        },
      },
    );
  }

  async #uploadImage(source: BackupSource): Promise<void> {
    const { signal, thread, pool } = this.#tools;
    const { path } = source;
    const name = archiveNameOf(`${source.name}.img`);
    await using content = await openImage(path);
    const size = content.kind === "file" ? content.size : undefined;
    await this.#previous.reuseChunks(name);
    const counters = new SharedCounters(packCounterFields);
    const zeros = new Uint8Array(FIXED_CHUNK_BYTES);
    const zeroDigest = await pool.digest(zeros, { key: this.#contentKey });
    const cuts = imageCuts(content, { path, arena: thread.arena, counters, signal, zeroDigest });
    const upload = await this.#openImageArchive(name, source, size);
    this.#tools.events.started({ source, counters, expectedBytes: size });
    await this.#upload(cuts, upload);
    await this.#close(name, upload);
  }

  async #openImageArchive(
    name: ArchiveName,
    { path }: BackupSource,
    size: number | undefined,
  ): Promise<ArchiveUpload> {
    try {
      return await this.#session.openFixedArchive(name, size);
    } catch (cause) {
      // Servers before 4.1.5 want to know the size, which a pipe does not tell (spec index.md §6.4).
      const isSizeMissing = size === undefined && cause instanceof ApiError;
      throw isSizeMissing ? new SourceError("SOURCE_SIZE_UNKNOWN", path, { cause }) : cause;
    }
  }

  async #uploadFile(source: BackupSource): Promise<void> {
    const { provider, signal } = this.#tools;
    const name = archiveNameOf(`${source.name}.${source.kind}`);
    const plain = await readSmallFile(source.path, signal);
    this.#start(source, plain.length);
    const blob = encodeBlob(provider, plain, { compress: true, key: this.#contentKey });
    await this.#session.uploadBlob(name, blob);
    const csum = toHex(provider.sha256(blob));
    this.#files.push({ filename: name, cryptMode: this.#plan.cryptMode, size: blob.length, csum });
  }

  /** Whoever opens this blob has no key yet, so it is never encrypted with it (spec blob.md §3.3). */
  async #uploadWrappedKey(): Promise<void> {
    const { wrappedKey, cryptMode } = this.#plan;
    if (!wrappedKey) return;
    const { provider, events } = this.#tools;
    events.keyUploading(RSA_KEY_NAME);
    const blob = encodeBlob(provider, wrappedKey, { compress: false });
    await this.#session.uploadBlob(RSA_KEY_NAME, blob);
    const csum = toHex(provider.sha256(blob));
    this.#files.push({ filename: RSA_KEY_NAME, cryptMode, size: blob.length, csum });
  }

  async #startCatalog(): Promise<{ finish(): Promise<void> }> {
    const { thread } = this.#tools;
    await this.#previous.reuseChunks(CATALOG_NAME);
    const upload = await this.#session.openDynamicArchive(CATALOG_NAME);
    const uploaded = this.#upload(thread.catalog, upload);
    uploaded.catch((error: unknown) => {
      thread.stop(error);
    });
    return {
      finish: async () => {
        await thread.finishCatalog();
        await uploaded;
        await this.#close(CATALOG_NAME, upload);
      },
    };
  }

  async #upload(cuts: AsyncIterable<Cut>, upload: ArchiveUpload): Promise<void> {
    const { pool, thread } = this.#tools;
    await uploadCuts(cuts, {
      arena: thread.arena,
      pool,
      key: this.#contentKey,
      upload: limited(upload, this.#plan.rateLimit),
      expected: this.#previous.timeSec === undefined ? "new" : "known",
    });
  }

  async #close(name: ArchiveName, upload: ArchiveUpload): Promise<void> {
    const result = await upload.close();
    const { size, csum } = result;
    this.#files.push({ filename: name, cryptMode: this.#plan.cryptMode, size, csum });
    this.#tools.events.uploaded(name, result);
  }

  async #publish(): Promise<void> {
    const { snapshot, key } = this.#plan;
    const { provider } = this.#tools;
    const unsigned = { snapshot, files: this.#files, unprotected: {} };
    const manifest = key ? signManifest(provider, unsigned, key) : unsigned;
    await this.#session.uploadBlob(MANIFEST_NAME, encodeManifest(provider, manifest));
    await this.#session.finish();
  }

  /** A key that only signs does not touch content. */
  get #contentKey(): CryptKey | undefined {
    return this.#plan.cryptMode === "encrypt" ? this.#plan.key : undefined;
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
