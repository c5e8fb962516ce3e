import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { abortOnAny } from "../../chunks/abort-on-any.ts";
import { type ChunkIndex } from "../../format/index/chunk-index.ts";
import { parseDynamicIndex } from "../../format/index/dynamic-index.ts";
import { parseFixedIndex } from "../../format/index/fixed-index.ts";
import { checkListedFile } from "../../format/manifest/listed-file.ts";
import { archiveKindOf, type ArchiveName } from "../../format/snapshot/archive-name.ts";
import { type AllocateAnswer } from "./answer-collector.ts";
import { ApiError } from "./api-error.ts";
import { type BackupServer } from "./backup-server.ts";
import { type ReadRequest } from "./answer-to.ts";
import { type ReadingConnection } from "./reading-connection.ts";
import { SessionError } from "./session-error.ts";
import { type SessionSnapshot, snapshotParameters } from "./session-snapshot.ts";

/** Longest file of a snapshot that is downloaded whole, in bytes: an index of 16 million chunks; ours. */
const DOWNLOAD_BYTES_MAX = 640 * 1024 * 1024;

/** How long a lost connection is looked for again. */
export interface ReconnectPolicy {
  /** Milliseconds after the loss from which on reads fail; each later read makes one attempt of its own. */
  readonly totalMs: number;
  /** Milliseconds before the second attempt; doubled for each one after it. */
  readonly delayMs: number;
  /** Longest pause between attempts, in milliseconds. */
  readonly delayMsMax: number;
}

/** What mounts and restores use: short enough for a person to wait, long enough for a server to restart. */
export const DEFAULT_RECONNECT: ReconnectPolicy = {
  totalMs: 30_000,
  delayMs: 200,
  delayMsMax: 5_000,
};

/** Time without progress of one request, after which the connection counts as dead; see `AnswerDeadline`. */
export const READER_REQUEST_TIMEOUT_MS = 60_000;

/** Time without any sign of life from the server after which the connection counts as dead. */
const SILENCE_MS = 15_000;

/**
 * Times that one request is lost until it is given up, although the server is there: something about it breaks the connection each time, and
 * what others are answered meanwhile would let it go on for ever. Ours.
 */
const LOSSES_MAX = 10;

/** How a session is opened. */
export interface ReaderSessionOptions {
  readonly server: BackupServer;
  readonly snapshot: SessionSnapshot;
  readonly reconnect: ReconnectPolicy;
  /** Milliseconds for one request without progress; {@link READER_REQUEST_TIMEOUT_MS} at the edge. */
  readonly requestTimeoutMs: number;
  /** Told about every loss and every return of the connection. */
  readonly onConnectionChange?: (isConnected: boolean, cause?: unknown) => void;
}

/** What the manifest says about a file (spec manifest.md §2). */
export interface PromisedFile {
  readonly filename: ArchiveName;
  /** Bytes of the archive, or of the encoded blob. */
  readonly size: number;
  /** Checksum of the index, or SHA-256 of the encoded blob: 64 hexadecimal digits. */
  readonly csum: string;
}

/**
 * Reading one snapshot over a connection that is made again when it breaks (spec reader-protocol.md).
 *
 * Calls may overlap. Nothing is remembered by the server between connections, so the indexes that were downloaded are
 * downloaded again before anything else. A refusal by the server is final and is not tried again, but for one with which the server says
 * that it failed itself (5xx), which counts as a loss.
 */
export class ReaderSession implements Disposable {
  readonly #options: ReaderSessionOptions;
  readonly #registered = new Set<ArchiveName>();
  readonly #stop = new AbortController();
  #connection: Promise<ReadingConnection> | undefined;
  #lostAtMs: number | undefined;
  #connectedAtMs = 0;

  private constructor(options: ReaderSessionOptions) {
    this.#options = options;
  }

  /**
   * Connects for the first time, with one attempt.
   *
   * @throws {ApiError} the server's refusal; {@link SessionError}
   */
  static async open(options: ReaderSessionOptions, signal?: AbortSignal): Promise<ReaderSession> {
    const session = new ReaderSession(options);
    const connection = await session.#connectOnce(signal);
    session.#connection = Promise.resolve(connection);
    return session;
  }

  /**
   * Downloads a file of the snapshot as it is stored, owned; content is not checked.
   *
   * @throws {ApiError} with status 404 for a blob that is not there; {@link SessionError}
   */
  async download(fileName: ArchiveName, signal?: AbortSignal): Promise<Uint8Array> {
    const request = downloadRequest(fileName);
    const bytes = await this.request(signal ? { ...request, signal } : request);
    if (archiveKindOf(fileName) !== "blob") this.#registered.add(fileName);
    return bytes;
  }

  /**
   * Downloads an encoded blob and proves that it is the one of the manifest.
   *
   * @throws {FormatError} `FORMAT_NOT_AS_LISTED`, and as {@link ReaderSession.download}.
   */
  async downloadBlob(file: PromisedFile, signal?: AbortSignal): Promise<Uint8Array> {
    const bytes = await this.download(file.filename, signal);
    checkListedFile(file, { size: bytes.length, csum: sha256Hex(bytes) });
    return bytes;
  }

  /**
   * Downloads an index and proves that it is the one of the manifest; its chunks can then be read.
   *
   * @throws {FormatError} `FORMAT_NOT_AS_LISTED`, or whatever is wrong with it; as {@link ReaderSession.download}.
   */
  async downloadIndex(file: PromisedFile, signal?: AbortSignal): Promise<ChunkIndex> {
    return parseIndex(file, await this.downloadIndexFile(file, signal));
  }

  /** The same as the file's bytes, owned. */
  async downloadIndexFile(file: PromisedFile, signal?: AbortSignal): Promise<Uint8Array> {
    const bytes = await this.download(file.filename, signal);
    const index = parseIndex(file, bytes);
    checkListedFile(file, { size: index.size, csum: sha256Hex(index.entries) });
    return bytes;
  }

  /**
   * Makes one request, over a new connection if the present one breaks meanwhile: at once the first time, then with the policy's pauses.
   *
   * @throws {ApiError} {@link SessionError} `SESSION_LOST` after the policy's time, or many losses; the signal's reason when aborted.
   */
  async request(request: ReadRequest): Promise<Uint8Array> {
    const { delayMs, delayMsMax } = this.#options.reconnect;
    const allocate = onlyOnce(request.allocate);
    for (let losses = 1; ; losses++) {
      const connection = await this.#connected(request.signal);
      try {
        const timeoutMs = this.#options.requestTimeoutMs;
        const bytes = await connection.request({ timeoutMs, ...request, allocate });
        this.#lostAtMs = undefined;
        return bytes;
      } catch (error) {
        // A refusal is an answer, too: whoever gives it is there.
        if (error instanceof ApiError && !isLoss(error)) this.#lostAtMs = undefined;
        if (!isLoss(error) || this.#stop.signal.aborted) throw error;
        this.#lose(connection, error);
        if (this.#remainingMs() <= 0 || losses >= LOSSES_MAX) throw error;
      }
      if (losses > 1) await this.#pause(Math.min(2 ** (losses - 2) * delayMs, delayMsMax), request);
    }
  }

  /** Ends the session; open requests fail. */
  [Symbol.dispose](): void {
    this.#stop.abort(new SessionError("SESSION_LOST", "The session was closed"));
    this.#connection?.then(
      (connection) => {
        connection.destroy();
      },
      () => undefined,
    );
  }

  /** The open connection, or the attempt to get one that all callers share. */
  async #connected(signal: AbortSignal | undefined): Promise<ReadingConnection> {
    const present = await abortable(
      this.#connection?.catch(() => undefined),
      signal,
    );
    if (present?.isOpen === true) return present;
    if (present) this.#lose(present, undefined);
    if (!this.#connection) {
      this.#connection = this.#reconnect();
      this.#connection.catch(() => undefined); // Every waiter may have given up by then.
    }
    return await abortable(this.#connection, signal);
  }

  #lose(connection: ReadingConnection, cause: unknown): void {
    if (this.#connectionLost !== connection) {
      this.#connectionLost = connection;
      this.#connection = undefined;
      const nowMs = performance.now();
      // A connection that held for long ends an earlier loss, even if nothing was asked over it.
      const heldMs = nowMs - this.#connectedAtMs;
      if (heldMs > this.#options.reconnect.totalMs) this.#lostAtMs = undefined;
      this.#lostAtMs ??= nowMs;
      this.#options.onConnectionChange?.(false, cause);
    }
    connection.destroy();
  }

  /** The connection whose loss has been noticed; many requests notice the same one. */
  #connectionLost: ReadingConnection | undefined;

  async #reconnect(): Promise<ReadingConnection> {
    try {
      const { delayMs, delayMsMax } = this.#options.reconnect;
      for (let pauseMs = delayMs; ; pauseMs = Math.min(2 * pauseMs, delayMsMax)) {
        this.#stop.signal.throwIfAborted();
        try {
          const connection = await this.#connectOnce(this.#stop.signal);
          this.#options.onConnectionChange?.(true);
          return connection;
        } catch (error) {
          if (!isLoss(error) || this.#remainingMs() <= 0) throw error;
        }
        await this.#pause(pauseMs);
      }
    } catch (error) {
      this.#connection = undefined;
      throw error;
    }
  }

  async #connectOnce(signal: AbortSignal | undefined): Promise<ReadingConnection> {
    const { server, snapshot, requestTimeoutMs } = this.#options;
    const query = { ...snapshotParameters(snapshot), debug: true };
    const connection = await server.openReader(query, signal);
    connection.endOnSilence(SILENCE_MS);
    try {
      for (const fileName of this.#registered) {
        const request = { ...downloadRequest(fileName), timeoutMs: requestTimeoutMs };
        await connection.request(signal ? { ...request, signal } : request);
      }
    } catch (error) {
      connection.destroy();
      throw error;
    }
    this.#connectedAtMs = performance.now();
    return connection;
  }

  /** The last attempt is made when the time is over, not a pause before: the server may be back by then. */
  async #pause(pauseMs: number, { signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const restMs = Math.max(0, Math.min(pauseMs, this.#remainingMs()));
    using stop = abortOnAny([this.#stop.signal, signal]);
    try {
      await sleep(restMs, undefined, { signal: stop.signal });
    } catch {
      stop.signal.throwIfAborted(); // With its reason.
    }
  }

  #remainingMs(): number {
    if (this.#lostAtMs === undefined) return this.#options.reconnect.totalMs;
    return this.#lostAtMs + this.#options.reconnect.totalMs - performance.now();
  }
}

function parseIndex({ filename }: PromisedFile, bytes: Uint8Array): ChunkIndex {
  const kind = archiveKindOf(filename);
  if (kind === "blob") throw new TypeError(`"${filename}" is not an index`);
  return kind === "dynamic" ? parseDynamicIndex(bytes) : parseFixedIndex(bytes);
}

function downloadRequest(fileName: ArchiveName): ReadRequest {
  return {
    path: "/download",
    query: { "file-name": fileName },
    answerBytesMax: DOWNLOAD_BYTES_MAX,
  };
}

/** Whether trying again with a new connection can help. */
export function isLoss(error: unknown): boolean {
  if (error instanceof ApiError) return error.code === "REFUSED_BY_FAILURE";
  if (!(error instanceof SessionError)) return false;
  return ["SESSION_LOST", "SESSION_TIMEOUT", "SESSION_UNREACHABLE"].includes(error.code);
}

function sha256Hex(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Offers the same memory to every attempt: what a lost one wrote there is of no use. */
function onlyOnce(allocate: AllocateAnswer | undefined): AllocateAnswer | undefined {
  if (!allocate) return undefined;
  let offer: { readonly memory: Uint8Array | undefined } | undefined;
  return (size) => (offer ??= { memory: allocate(size) }).memory;
}

/** Waits for a promise that others share; an abort ends only this wait. */
async function abortable<Value>(
  shared: Promise<Value> | Value,
  signal: AbortSignal | undefined,
): Promise<Value> {
  if (!signal) return await shared;
  signal.throwIfAborted();
  let onAbort: () => void = () => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => {
      reject(signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason)));
    };
    signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([shared, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
