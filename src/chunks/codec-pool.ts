import assert from "node:assert/strict";
import { type BlobSeal } from "../format/chunk/blob-seal.ts";
import { type Digest } from "../format/chunk/digest.ts";
import { type CryptKey } from "../format/crypto/crypt-key.ts";
import { FormatError } from "../format/format-error.ts";
import { ChunkError } from "./chunk-error.ts";
import { createNativeProvider } from "../format/crypto/native-provider.ts";
import {
  type CodecResult,
  type CodecTask,
  CodecTaskRunner,
  type DecodeTask,
} from "./codec-task.ts";
import { CodecThread, type CodecWaiter } from "./codec-thread.ts";
import { decodeInPair, pairFor, type PairedDecode } from "./decode-in-pair.ts";

/** How plaintext is named. */
export interface DigestOptions {
  /** Makes the digest a keyed one, as it is for chunks that are stored encrypted. */
  readonly key?: CryptKey | undefined;
  /** Drops the task if no thread has it yet. */
  readonly signal?: AbortSignal | undefined;
}

/** How plaintext becomes a blob. */
export interface EncodeOptions extends DigestOptions {
  /** Whether to try compression. */
  readonly compress: boolean;
}

/** What a blob has to turn out to be. */
export interface DecodeOptions {
  /** The chunk it has to be. */
  readonly digest: Digest;
  /** Longest plaintext that is acceptable, in bytes. */
  readonly sizeMax: number;
  /** Opens encrypted blobs. */
  readonly key?: CryptKey | undefined;
  /** `verify` does not pass the plaintext on; `plain` when absent. */
  readonly wanted?: "plain" | "verify" | undefined;
  /**
   * `left`: a blob with a wrong checksum is accepted if it is unencrypted and its content has the digest, which proves more.
   * For readers; whoever judges what is stored has it `checked`, as it is when absent.
   */
  readonly checksum?: "checked" | "left" | undefined;
  /**
   * Shared memory of at least `sizeMax` bytes for the plaintext, which is then a view of its front; whoever decodes a lot
   * spares the system giving and taking pages. New memory when absent.
   */
  readonly into?: Uint8Array | undefined;
  /**
   * `own`: the plaintext comes in a buffer of its own instead of shared memory, for one reader; unlike shared memory it is
   * counted by the garbage collector. `shared` when absent.
   */
  readonly memory?: "shared" | "own" | undefined;
  /**
   * `two`: if all threads are idle, two share the task where that takes less time (see `decodeInPair`). For a caller that
   * waits for this alone: whoever has more to decode gets it sooner when each thread does its own. `one` when absent.
   */
  readonly threads?: "one" | "two" | undefined;
  /** `given`: the caller does not use the blob again, so its buffer may be moved; `borrowed` when absent. */
  readonly ownership?: "borrowed" | "given" | undefined;
  /** Drops the task if no thread has it yet. */
  readonly signal?: AbortSignal | undefined;
}

/** Tasks a thread gets ahead of the one it works on, so that it need not wait for the next. */
const TASKS_PER_THREAD = 2;

interface QueuedTask {
  readonly task: CodecTask;
  readonly key: CryptKey | undefined;
  readonly transfer: readonly ArrayBuffer[];
  readonly waiter: CodecWaiter;
  readonly signal: AbortSignal | undefined;
  readonly onAbort: () => void;
}

/**
 * Threads that digest, compress, encrypt and the reverse, for a main thread that only moves references.
 *
 * Plaintext in shared memory (a slot of a `SharedArena`) is read where it lies and must not change until the promise
 * settles; other plaintext is copied once. Tasks wait in one queue and go to the thread with the least to do; they
 * may finish in another order. A thread that dies rejects its tasks with a plain `Error` and is started again.
 * The queue is not bounded: callers bound what they ask for. An idle pool does not keep the process alive.
 */
export class CodecPool implements AsyncDisposable {
  readonly #threads: readonly CodecThread[];
  /** In order of arrival; a task that is aborted leaves it. */
  readonly #queue = new Set<QueuedTask>();
  readonly #keyIds = new WeakMap<CryptKey, number>();
  #lastKeyId = 0;
  /** Does the work until a thread runs, in a pool that was to start later. */
  #here: CodecTaskRunner | undefined;
  #state: "open" | "closed" = "open";

  private constructor(workerCount: number) {
    assert(Number.isInteger(workerCount) && workerCount > 0);
    this.#threads = Array.from(
      { length: workerCount },
      () =>
        new CodecThread(() => {
          this.#dispatch();
        }),
    );
  }

  /**
   * Makes a pool; its threads are ready some 50 ms after they were started, tasks wait until then.
   *
   * @param options `starts`: now, as when absent, or with the first task, where something else comes first and the answer to
   *   that task should not wait for threads: until one runs, tasks are done in the caller's.
   */
  static create(options: {
    readonly workerCount: number;
    readonly starts?: "now" | "later";
  }): CodecPool {
    const pool = new CodecPool(options.workerCount);
    if (options.starts === "later") pool.#here = new CodecTaskRunner(createNativeProvider());
    else pool.start();
    return pool;
  }

  /** Starts the threads that do not run: for whoever knows that there will be work soon. */
  start(): void {
    if (this.#state === "closed") return;
    for (const thread of this.#threads) thread.start();
  }

  /** Names plaintext. */
  async digest(plain: Uint8Array, options: DigestOptions = {}): Promise<Digest> {
    const { bytes, transfer } = sendable(plain, "borrowed");
    const keyId = this.#keyId(options.key);
    const { digest } = await this.#run({ op: "digest", plain: bytes, keyId }, transfer, options);
    assert(digest !== undefined);
    return digest;
  }

  /** Makes a blob of plaintext; the result is owned and alone in its `ArrayBuffer`. */
  async encode(plain: Uint8Array, options: EncodeOptions): Promise<Uint8Array> {
    const { blob } = await this.#encode("encode", plain, options);
    assert(blob !== undefined);
    return blob;
  }

  /** Names plaintext and makes a blob of it in one task. */
  async digestAndEncode(
    plain: Uint8Array,
    options: EncodeOptions,
  ): Promise<{ readonly digest: Digest; readonly blob: Uint8Array }> {
    const { digest, blob } = await this.#encode("digestAndEncode", plain, options);
    assert(digest !== undefined && blob !== undefined);
    return { digest, blob };
  }

  /** Names a blob as it will be stored; see `sealBlob`. The blob is borrowed; in shared memory it is read in place. */
  async seal(blob: Uint8Array): Promise<BlobSeal> {
    const { bytes, transfer } = sendable(blob, "borrowed");
    const { seal } = await this.#run({ op: "seal", blob: bytes, keyId: undefined }, transfer, {});
    assert(seal !== undefined);
    return seal;
  }

  /**
   * Opens a blob and proves that it is the chunk that was asked for: checksum, decryption, decompression, digest.
   *
   * Whether the digest is keyed follows from the blob; whether it had to be encrypted is for the caller to check.
   *
   * @param blob In shared memory it is read in place; otherwise copied, or moved when `given` and alone in its buffer,
   *   after which it is empty.
   * @returns Plaintext in shared memory, which may be passed on to any thread and is never changed, or as the options
   *   say; empty for `verify`.
   * @throws {ChunkError} `CHUNK_CORRUPT`, or `CHUNK_UNREADABLE` when a key is needed and missing; the cause is a
   *   `FormatError`.
   */
  async decode(
    blob: Uint8Array,
    options: DecodeOptions,
  ): Promise<{ readonly plain: Uint8Array; readonly size: number }> {
    const { digest, sizeMax, wanted = "plain", checksum = "checked" } = options;
    const { bytes, transfer } = sendable(blob, options.ownership ?? "borrowed");
    const keyId = this.#keyId(options.key);
    const { into, memory } = options;
    assert(into === undefined || into.length >= sizeMax, "the memory must hold the longest chunk");
    const task = {
      op: "decode",
      blob: bytes,
      digest,
      sizeMax,
      wanted,
      checksum,
      into,
      memory,
      keyId,
    } as const;
    try {
      const pair = this.#pairFor(task, options);
      const inPair = pair && (await this.#decodeInPair(pair, options));
      const { plain, size } = inPair ?? (await this.#run(task, transfer, options));
      assert(plain !== undefined);
      return { plain, size };
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      const isLocked = error.code === "FORMAT_KEY_REQUIRED";
      throw new ChunkError(isLocked ? "CHUNK_UNREADABLE" : "CHUNK_CORRUPT", digest, {
        cause: error,
      });
    }
  }

  /** Rejects what is not finished and ends the threads. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#state = "closed";
    for (const queued of this.#queue) {
      this.#unqueue(queued);
      queued.waiter.reject(closedError());
    }
    await Promise.all(this.#threads.map((thread) => thread.stop()));
  }

  #pairFor(task: DecodeTask, { threads, signal }: DecodeOptions): PairedDecode | undefined {
    if (threads !== "two" || this.#here || this.#queue.size > 0) return undefined;
    signal?.throwIfAborted();
    return pairFor(task, this.#threads);
  }

  /** The result of two threads; `undefined` when it has to be done again by one, which says what is wrong. */
  async #decodeInPair(
    pair: PairedDecode,
    { key, signal }: DigestOptions,
  ): Promise<CodecResult | undefined> {
    const result = await decodeInPair(pair, key);
    if (result) return result;
    signal?.throwIfAborted();
    if (this.#state === "closed") throw closedError();
    return undefined;
  }

  async #encode(
    op: "encode" | "digestAndEncode",
    plain: Uint8Array,
    options: EncodeOptions,
  ): Promise<CodecResult> {
    const { bytes, transfer } = sendable(plain, "borrowed");
    const { compress } = options;
    const task = { op, plain: bytes, compress, keyId: this.#keyId(options.key) } as const;
    return await this.#run(task, transfer, options);
  }

  /** Number under which threads know a key. */
  #keyId(key: CryptKey | undefined): number | undefined {
    if (!key) return undefined;
    let keyId = this.#keyIds.get(key);
    if (keyId === undefined) {
      keyId = ++this.#lastKeyId;
      this.#keyIds.set(key, keyId);
    }
    return keyId;
  }

  async #run(
    task: CodecTask,
    transfer: readonly ArrayBuffer[],
    { key, signal }: DigestOptions,
  ): Promise<CodecResult> {
    assert(this.#state === "open", "the codec pool is closed");
    signal?.throwIfAborted();
    if (this.#here) {
      this.start();
      if (!this.#threads.some((thread) => thread.isRunning)) {
        if (task.keyId !== undefined && key) this.#here.addKey(task.keyId, key);
        return this.#here.run(task);
      }
      this.#here = undefined;
    }
    return await new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#unqueue(queued);
        queued.waiter.reject(signal?.reason);
      };
      const queued: QueuedTask = {
        task,
        key,
        transfer,
        waiter: { resolve, reject },
        signal,
        onAbort,
      };
      this.#queue.add(queued);
      signal?.addEventListener("abort", onAbort);
      this.#dispatch();
    });
  }

  /** Gives tasks to threads until each has enough. */
  #dispatch(): void {
    // As long as others run, nothing waits for one that starts.
    const running = this.#threads.filter((thread) => !thread.isStarting);
    const threads = running.length > 0 ? running : this.#threads;
    for (const queued of this.#queue) {
      const thread = threads.reduce((best, other) => (other.load < best.load ? other : best));
      if (thread.load >= TASKS_PER_THREAD) return;
      this.#unqueue(queued);
      try {
        thread.send(queued.task, queued);
      } catch (error) {
        queued.waiter.reject(error);
      }
    }
  }

  #unqueue(queued: QueuedTask): void {
    this.#queue.delete(queued);
    queued.signal?.removeEventListener("abort", queued.onAbort);
  }
}

function closedError(): Error {
  return new Error("Cannot finish the task: the codec pool was closed");
}

/**
 * Bytes as they can be sent: shared memory as it is, anything else alone in a buffer that moves.
 *
 * Without the copy a view would take along all of the buffer that it is part of.
 */
function sendable(
  bytes: Uint8Array,
  ownership: "borrowed" | "given",
): { readonly bytes: Uint8Array; readonly transfer: readonly ArrayBuffer[] } {
  if (!(bytes.buffer instanceof ArrayBuffer)) return { bytes, transfer: [] };
  const isAlone = bytes.byteLength === bytes.buffer.byteLength;
  const sent = ownership === "given" && isAlone ? bytes.buffer : new Uint8Array(bytes).buffer;
  return { bytes: new Uint8Array(sent), transfer: [sent] };
}
