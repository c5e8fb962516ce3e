import { createHash } from "node:crypto";

import { parseDynamicIndex } from "../../format/index/dynamic-index.ts";
import { type ChunkIndex } from "../../format/index/chunk-index.ts";
import { parseFixedIndex } from "../../format/index/fixed-index.ts";
import { FormatError } from "../../format/format-error.ts";
import { ApiError } from "./api-error.ts";
import { ArchiveUpload, type ArchiveWriter } from "./archive-upload.ts";
import { type BackupServer } from "./backup-server.ts";
import { ChunkUploads } from "./chunk-uploads.ts";
import { type QueryValue } from "./answer-to.ts";
import { type Http2Connection } from "./http2-connection.ts";
import { KnownChunks } from "./known-chunks.ts";
import { parseAnswer } from "./server-answer.ts";
import { SessionError } from "./session-error.ts";
import { type SessionSnapshot, snapshotParameters } from "./session-snapshot.ts";

/** Longest ordinary answer inside a session in bytes; ours. */
const ANSWER_BYTES_MAX = 1024 * 1024;

/** Longest index taken over from a previous backup: 16 million chunks; ours. */
const INDEX_BYTES_MAX = 640 * 1024 * 1024;

/** How a session is opened. */
export interface BackupSessionOptions {
  readonly server: BackupServer;
  /** The snapshot to make; its time must be later than the newest of the group. */
  readonly snapshot: SessionSnapshot;
  /** Asks a server with a local cache in front of an object store not to fill it. */
  readonly noCache?: boolean;
  /** Aborting ends the session at any time; the server then removes what was uploaded. */
  readonly signal?: AbortSignal;
}

/**
 * The upload of one snapshot (spec backup-protocol.md).
 *
 * A session that is disposed before {@link BackupSession.finish} has resolved leaves nothing behind on the server.
 * Calls may overlap.
 */
export class BackupSession implements Disposable {
  readonly #connection: Http2Connection;
  readonly #signal: AbortSignal | undefined;
  readonly #known = new KnownChunks();
  readonly #uploads = new ChunkUploads(this.#known);

  private constructor(connection: Http2Connection, signal: AbortSignal | undefined) {
    this.#connection = connection;
    this.#signal = signal;
  }

  /**
   * Connects and begins the snapshot.
   *
   * @throws {ApiError} the server's refusal; {@link SessionError}
   */
  static async open(options: BackupSessionOptions): Promise<BackupSession> {
    const { server, snapshot, signal } = options;
    const query: Record<string, QueryValue> = {
      ...snapshotParameters(snapshot),
      debug: true,
      benchmark: false,
      ...(options.noCache === true ? { "no-cache": true } : {}),
    };
    const connection = await server.openBackup(query, signal);
    const session = new BackupSession(connection, signal);
    signal?.addEventListener("abort", () => {
      connection.destroy();
    });
    return session;
  }

  /** Time of the newest finished snapshot of the group; `undefined` when there is none or the server does not say. */
  async previousBackupTimeSec(): Promise<number | undefined> {
    try {
      const data = await this.#call("GET", "/previous_backup_time", {});
      return typeof data === "number" ? data : undefined;
    } catch (error) {
      if (error instanceof ApiError) return undefined;
      throw error;
    }
  }

  /**
   * Downloads a file of the previous backup as it is stored, owned.
   *
   * @returns `undefined` when the server refuses, for whatever reason: then there is no base.
   */
  async downloadPrevious(fileName: string): Promise<Uint8Array | undefined> {
    try {
      return await this.#connection.request({
        method: "GET",
        path: "/previous",
        query: { "archive-name": fileName },
        answerBytesMax: INDEX_BYTES_MAX,
        ...this.#stop(),
      });
    } catch (error) {
      if (error instanceof ApiError) return undefined;
      throw error;
    }
  }

  /**
   * Takes over the index of an archive of the previous backup: its chunks need no upload in this session.
   *
   * @param csum Checksum that the previous manifest promises; another one makes the index useless as a base.
   * @returns `undefined` when there is none that can be used.
   */
  async usePreviousIndex(fileName: string, csum: string): Promise<ChunkIndex | undefined> {
    const file = await this.downloadPrevious(fileName);
    const index = file && parseIndex(fileName, file);
    if (!index || sha256Hex(index.entries) !== csum) return undefined;
    for (let i = 0; i < index.count; i++) this.#known.addBytes(index.digestBytesAt(i));
    return index;
  }

  /** Begins an archive of chunks of any size. */
  async openDynamicArchive(fileName: string): Promise<ArchiveUpload> {
    return await this.#openArchive("dynamic", { "archive-name": fileName });
  }

  /**
   * Begins an image of 4 MiB chunks.
   *
   * @param sizeBytes Bytes of the image; may be left out with servers from 4.1.5 on.
   */
  async openFixedArchive(fileName: string, sizeBytes?: number): Promise<ArchiveUpload> {
    return await this.#openArchive("fixed", {
      "archive-name": fileName,
      ...(sizeBytes === undefined ? {} : { size: sizeBytes }),
    });
  }

  /**
   * Begins an image as a copy of the one in the previous backup: only chunks that differ are appended.
   *
   * @param base From {@link BackupSession.usePreviousIndex} of the same name; the image must have its size.
   * @param csum Its checksum, which the server compares.
   */
  async reopenFixedArchive(
    fileName: string,
    { base, csum }: { readonly base: ChunkIndex; readonly csum: string },
  ): Promise<ArchiveUpload> {
    const query = { "archive-name": fileName, size: base.size, "reuse-csum": csum };
    return await this.#openArchive("fixed", query, base);
  }

  /**
   * Uploads a small file as a blob; one of the same name is replaced.
   *
   * @param blob Encoded, borrowed until this resolves.
   */
  async uploadBlob(fileName: string, blob: Uint8Array): Promise<void> {
    await this.#call("POST", "/blob", { "file-name": fileName, "encoded-size": blob.length }, blob);
  }

  /** Publishes the snapshot; only after this resolves does it exist. Then the connection ends. */
  async finish(): Promise<void> {
    await this.#call("POST", "/finish", {});
    this.#connection.destroy();
  }

  /** Drops the connection; the server removes a snapshot that is not finished. */
  [Symbol.dispose](): void {
    this.#connection.destroy();
  }

  async #openArchive(
    kind: ArchiveWriter["kind"],
    query: Readonly<Record<string, QueryValue>>,
    base?: ChunkIndex,
  ): Promise<ArchiveUpload> {
    const wid = await this.#call("POST", `/${kind}_index`, query);
    if (typeof wid !== "number") {
      throw new SessionError("SESSION_PROTOCOL", "Cannot begin an archive: no writer id came back");
    }
    const writer: ArchiveWriter = {
      kind,
      sendChunk: async (digest, size, blob) => {
        const chunk = { digest, "encoded-size": blob.length, size, wid };
        await this.#call("POST", `/${kind}_chunk`, chunk, blob);
      },
      append: async (digests, offsets) => {
        const answer = await this.#connection.request({
          method: "PUT",
          path: `/${kind}_index`,
          json: { wid, "digest-list": digests, "offset-list": offsets },
          answerBytesMax: ANSWER_BYTES_MAX,
          ...this.#stop(),
        });
        parseAnswer(answer, `PUT /${kind}_index`);
      },
      close: async (chunkCount, size, csum) => {
        await this.#call("POST", `/${kind}_close`, { "chunk-count": chunkCount, csum, size, wid });
      },
    };
    return new ArchiveUpload(writer, this.#uploads, base);
  }

  async #call(
    method: "GET" | "POST",
    path: string,
    query: Readonly<Record<string, QueryValue>>,
    body?: Uint8Array,
  ): Promise<unknown> {
    const answer = await this.#connection.request({
      method,
      path,
      query,
      answerBytesMax: ANSWER_BYTES_MAX,
      ...(body ? { body } : {}),
      ...this.#stop(),
    });
    return parseAnswer(answer, `${method} ${path}`);
  }

  #stop(): { readonly signal?: AbortSignal } {
    return this.#signal ? { signal: this.#signal } : {};
  }
}

/** Parses an index by its extension; a damaged or unknown one is no base. */
function parseIndex(fileName: string, file: Uint8Array): ChunkIndex | undefined {
  try {
    if (fileName.endsWith(".didx")) return parseDynamicIndex(file);
    return fileName.endsWith(".fidx") ? parseFixedIndex(file) : undefined;
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

function sha256Hex(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
