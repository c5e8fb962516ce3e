import { type Cut } from "../../chunks/chunk-cutter.ts";
import { type CodecPool } from "../../chunks/codec-pool.ts";
import { type CodecProvider } from "../../format/crypto/codec-provider.ts";
import {
  type ArchiveName,
  archiveNameOf,
  CATALOG_NAME,
  splitArchiveNames,
} from "../../format/snapshot/archive-name.ts";
import { type Digest } from "../../format/chunk/digest.ts";
import { FIXED_CHUNK_BYTES } from "../../format/limits.ts";
import { type Namespace } from "../../format/snapshot/namespace.ts";
import { type PackCounter, packCounterFields } from "../archive/pack-counter.ts";
import {
  type ChangeDetection,
  type PackRequest,
  type WalkRequest,
} from "../archive/pack-request.ts";
import { type PackThread } from "../archive/pack-thread.ts";
import { type ArchiveUpload, type ArchiveUploadResult } from "../session/archive-upload.ts";
import { ApiError } from "../session/api-error.ts";
import { type BackupServer } from "../session/backup-server.ts";
import { BackupSession } from "../session/backup-session.ts";
import { DEFAULT_RECONNECT, READER_REQUEST_TIMEOUT_MS } from "../session/reader-session.ts";
import { SharedCounters } from "../shared-counters.ts";
import { SourceError } from "../source/source-error.ts";
import { type SourceProblem } from "../source/source-problem.ts";
import { type BackupSource } from "./backup-source.ts";
import { nbdCuts } from "../vm/nbd-cuts.ts";
import { openQemuImage, type QemuFormat, qemuFormatOf } from "../vm/qemu-image.ts";
import { imageCuts, openImage } from "./image-cuts.ts";
import { PreviousBackup } from "./previous-backup.ts";
import { readSmallFile } from "./read-small-file.ts";
import { type SnapshotPlan, SnapshotUpload } from "./snapshot-upload.ts";

/** How the tree of every directory source is read. */
export type WalkChoices = Pick<
  PackRequest,
  "excludes" | "lostAndFound" | "mounts" | "entriesMax" | "oversizedAttributes"
>;

/** What a backup is made of. */
export interface BackupPlan extends SnapshotPlan {
  readonly server: BackupServer;
  readonly namespace: Namespace;
  readonly sources: readonly BackupSource[];
  readonly changeDetection: ChangeDetection;
  readonly walk: WalkChoices;
  /** Average chunk length of directory archives in bytes. */
  readonly chunkBytesAverage: number;
  /** Whether image files are stored as they are, or qcow2, vmdk and vdi as what their guest sees. */
  readonly imageFiles: "as-they-are" | "as-guests-see";
  readonly noCache: boolean;
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

/** What cannot be looked at is left to whoever opens it, who says why. */
async function formatOf(path: string): Promise<QemuFormat | undefined> {
  return await qemuFormatOf(path).catch(() => undefined);
}

class BackupRun {
  readonly #plan: BackupPlan;
  readonly #tools: BackupTools;
  readonly #session: BackupSession;
  readonly #previous: PreviousBackup;
  readonly #files: SnapshotUpload;

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
    const { provider, pool, thread, events } = tools;
    this.#files = new SnapshotUpload(plan, {
      session,
      provider,
      pool,
      arena: thread.arena,
      expected: previous.timeSec === undefined ? "new" : "known",
      onUploaded: (name, result) => {
        events.uploaded(name, result);
      },
      onKeyUploading: (name) => {
        events.keyUploading(name);
      },
    });
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
    await this.#files.uploadWrappedKey();
    await this.#files.publish();
  }

  async #packDirectory(source: BackupSource): Promise<void> {
    const { changeDetection } = this.#plan;
    if (changeDetection === "legacy") {
      const name = archiveNameOf(`${source.name}.pxar`);
      await this.#previous.reuseChunks(name);
      const upload = await this.#session.openDynamicArchive(name);
      const progress = this.#start(source, this.#previous.sizeOf(name));
      await this.#pack(source, progress, undefined, { archive: upload });
      await this.#files.close(name, upload);
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
    await this.#files.close(payload, uploads.payload);
    await this.#files.close(metadata, uploads.metadata);
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
          await this.#files.upload(cuts, upload);
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
    const { signal, thread } = this.#tools;
    const { path } = source;
    const name = archiveNameOf(`${source.name}.img`);
    const format = this.#plan.imageFiles === "as-they-are" ? undefined : await formatOf(path);
    if (format) {
      await this.#uploadQemuImage(source, format);
      return;
    }
    await using content = await openImage(path);
    const size = content.kind === "file" ? content.size : undefined;
    await this.#previous.reuseChunks(name);
    const counters = new SharedCounters(packCounterFields);
    const zeroDigest = await this.#zeroDigest();
    const cuts = imageCuts(content, { path, arena: thread.arena, counters, signal, zeroDigest });
    const upload = await this.#openImageArchive(name, source, size);
    this.#tools.events.started({ source, counters, expectedBytes: size });
    await this.#files.upload(cuts, upload);
    await this.#files.close(name, upload);
  }

  async #uploadQemuImage(source: BackupSource, format: QemuFormat): Promise<void> {
    const { signal, thread } = this.#tools;
    const name = archiveNameOf(`${source.name}.img`);
    await using image = await openQemuImage(source.path, { format, signal });
    const { client } = image;
    await this.#previous.reuseChunks(name);
    const { counters } = this.#start(source, client.size);
    const zeroDigest = await this.#zeroDigest();
    const how = {
      since: undefined,
      writtenSince: undefined,
      pieceBytes: FIXED_CHUNK_BYTES,
      arena: thread.arena,
      counters,
      signal,
      zeroDigest,
    };
    const upload = await this.#session.openFixedArchive(name, client.size);
    await this.#files.upload(nbdCuts(client, how), upload);
    await this.#files.close(name, upload);
  }

  /** Name of a chunk that is all zeros. */
  async #zeroDigest(): Promise<Digest> {
    const zeros = new Uint8Array(FIXED_CHUNK_BYTES);
    return await this.#tools.pool.digest(zeros, { key: this.#files.contentKey });
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
    const name = archiveNameOf(`${source.name}.${source.kind}`);
    const plain = await readSmallFile(source.path, this.#tools.signal);
    this.#start(source, plain.length);
    await this.#files.uploadBlob(name, plain);
  }

  async #startCatalog(): Promise<{ finish(): Promise<void> }> {
    const { thread } = this.#tools;
    await this.#previous.reuseChunks(CATALOG_NAME);
    const upload = await this.#session.openDynamicArchive(CATALOG_NAME);
    const uploaded = this.#files.upload(thread.catalog, upload);
    uploaded.catch((error: unknown) => {
      thread.stop(error);
    });
    return {
      finish: async () => {
        await thread.finishCatalog();
        await uploaded;
        await this.#files.close(CATALOG_NAME, upload);
      },
    };
  }
}
