import { Buffer } from "node:buffer";
import { type BlobSeal, sealBlob } from "../format/chunk/blob-seal.ts";
import { decodeBlob, encodeBlob, parseBlobHeader } from "../format/chunk/data-blob.ts";
import { type Digest, chunkDigest } from "../format/chunk/digest.ts";
import { type CodecProvider } from "../format/crypto/codec-provider.ts";
import { type CryptKey } from "../format/crypto/crypt-key.ts";
import { FormatError } from "../format/format-error.ts";
import { decodeAhead, type DecodeAheadTask } from "./decode-ahead.ts";
import { digestBehind, type DigestBehindTask } from "./digest-behind.ts";

/** Work for a codec thread. Keys are named by a number that was announced to the thread before. */
export type CodecTask =
  | {
      readonly op: "digest";
      readonly plain: Uint8Array;
      readonly keyId: number | undefined;
    }
  | {
      readonly op: "encode" | "digestAndEncode";
      readonly plain: Uint8Array;
      readonly compress: boolean;
      readonly keyId: number | undefined;
    }
  | {
      /** Names a blob as it will be stored: with the right checksum, whatever stands in its header. */
      readonly op: "seal";
      readonly blob: Uint8Array;
      readonly keyId: undefined;
    }
  | {
      readonly op: "decode";
      readonly blob: Uint8Array;
      readonly digest: Digest;
      readonly sizeMax: number;
      readonly wanted: "plain" | "verify";
      /** `left`: the checksum of an unencrypted blob is looked at only to tell what is wrong with it. */
      readonly checksum: "checked" | "left";
      /** Shared memory for the plaintext; new shared memory when absent. */
      readonly into?: Uint8Array | undefined;
      /** `own`: the plaintext goes into a buffer of its own that moves to whoever asked. */
      readonly memory?: "shared" | "own" | undefined;
      readonly keyId: number | undefined;
    }
  | DecodeAheadTask
  | DigestBehindTask;

/** The task that opens a blob and proves it. */
export type DecodeTask = CodecTask & { readonly op: "decode" };

/** What a task produced; fields that the operation does not make are empty. */
export interface CodecResult {
  readonly digest: Digest | undefined;
  /** Encoded blob; owns its `ArrayBuffer`. */
  readonly blob: Uint8Array | undefined;
  /** Decoded plaintext, in shared memory or owning its `ArrayBuffer`; empty when only a check was wanted. */
  readonly plain: Uint8Array | undefined;
  /** Length of the plaintext. */
  readonly size: number;
  /** What `seal` makes. */
  readonly seal?: BlobSeal;
}

const nothing = { digest: undefined, blob: undefined, plain: undefined, size: 0 } as const;

/** Answers about one length of all-zero plaintext, with or without a key. */
interface ZeroAnswers {
  digest?: Digest;
  blob?: Uint8Array;
}

/** Lengths of zeros whose answers are kept: images have one, streams few. */
const ZERO_ANSWERS_MAX = 64;

/**
 * Runs codec tasks one after another: all that a codec thread does, without the thread.
 *
 * Digests and unencrypted blobs of all-zero plaintext are computed once per length and key: holes of images and sparse files
 * cost a comparison.
 */
export class CodecTaskRunner {
  readonly #provider: CodecProvider;
  readonly #keys = new Map<number, CryptKey>();
  readonly #zeros = new Map<string, ZeroAnswers>();
  /** Used again for every encrypted chunk: new memory for each piled up until a garbage collection. */
  #scratch = new Uint8Array(0);
  /** Plaintext that is only checked: new memory for each chunk would cost more in page faults than its digest. */
  #checked = new Uint8Array(0);

  /** Works with `provider`. */
  constructor(provider: CodecProvider) {
    this.#provider = provider;
  }

  /** Makes a key known under a number. */
  addKey(keyId: number, key: CryptKey): void {
    this.#keys.set(keyId, key);
  }

  /**
   * Runs one task.
   *
   * @throws {FormatError} From `decode`: anything that keeps the blob from being the chunk that was asked for.
   */
  run(task: CodecTask): CodecResult {
    const key = task.keyId === undefined ? undefined : this.#keys.get(task.keyId);
    if (task.keyId !== undefined && !key) throw new TypeError("the key was not announced");
    if (task.op === "decode") return this.#decode(task, key);
    if (task.op === "seal") return { ...nothing, seal: sealBlob(this.#provider, task.blob) };
    if (task.op === "digestBehind") {
      return { ...nothing, ...digestBehind(this.#provider, task, key) };
    }
    if (task.op === "decodeAhead") {
      const scratch = (size: number): Uint8Array => this.#scratchOf(size);
      return { ...nothing, size: decodeAhead(this.#provider, task, { key, scratch }) };
    }
    const zeros = this.#zeroAnswers(task);
    const digest = task.op === "encode" ? undefined : this.#digest(task.plain, key, zeros);
    const blob =
      task.op === "digest" ? undefined : this.#encode(task.plain, task.compress, key, zeros);
    return { digest, blob, plain: undefined, size: task.plain.length };
  }

  #digest(plain: Uint8Array, key: CryptKey | undefined, zeros: ZeroAnswers | undefined): Digest {
    const digest = zeros?.digest ?? chunkDigest(this.#provider, plain, key);
    if (zeros) zeros.digest = digest;
    return digest;
  }

  #encode(
    plain: Uint8Array,
    compress: boolean,
    key: CryptKey | undefined,
    zeros: ZeroAnswers | undefined,
  ): Uint8Array {
    if (compress && zeros?.blob) return zeros.blob.slice();
    const blob = ownBuffer(encodeBlob(this.#provider, plain, { compress, key }));
    // An encrypted blob is never used twice: that would be one initialisation vector for two blobs.
    if (zeros && !key && compress) zeros.blob = blob.slice();
    return blob;
  }

  #decode(task: DecodeTask, key: CryptKey | undefined): CodecResult {
    const what = `chunk ${task.digest}`;
    const { kind } = parseBlobHeader(task.blob, what);
    const { into } = task;
    // Decrypting in place leaves nothing to explain a failure with, so those are checked first.
    const mayLeave = task.checksum === "left" && !kind.isEncrypted;
    const plain = mayLeave ? this.#proveUnchecked(task, what) : this.#prove(task, what, key);
    const { digest } = task;
    const isWanted = task.wanted === "plain";
    if (isWanted && task.memory === "own") {
      return { digest, blob: undefined, plain: ownBuffer(plain), size: plain.length };
    }
    const size = isWanted ? plain.length : 0;
    const isInPlace = into?.buffer === plain.buffer && into.byteOffset === plain.byteOffset;
    const shared = into?.subarray(0, size) ?? new Uint8Array(new SharedArrayBuffer(size));
    if (isWanted && !isInPlace) shared.set(plain);
    return { digest, blob: undefined, plain: shared, size: plain.length };
  }

  /** Plaintext whose digest is the one asked for. */
  #prove(
    { blob, digest, sizeMax, wanted, into = this.#placeFor(wanted, sizeMax) }: DecodeTask,
    what: string,
    key: CryptKey | undefined,
    checksum: "checked" | "left" = "checked",
  ): Uint8Array {
    const scratch = (size: number): Uint8Array => this.#scratchOf(size);
    const options = { sizeMax, key, what, into, scratch, checksum };
    const plain = decodeBlob(this.#provider, blob, options);
    // Whether the digest is keyed depends on the blob, not on the reader having a key (spec blob.md §5).
    const isKeyed = parseBlobHeader(blob, what).kind.isEncrypted;
    const present = chunkDigest(this.#provider, plain, isKeyed ? key : undefined);
    if (present !== digest) {
      throw new FormatError("FORMAT_OTHER_CHUNK", what, `its content is chunk ${present}`);
    }
    return plain;
  }

  /** The same of an unencrypted blob; reads its checksum only when something is wrong, and then says that first. */
  #proveUnchecked(task: DecodeTask, what: string): Uint8Array {
    try {
      return this.#prove(task, what, undefined, "left");
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      return this.#prove(task, what, undefined);
    }
  }

  #placeFor(wanted: DecodeTask["wanted"], sizeMax: number): Uint8Array | undefined {
    if (wanted === "plain") return undefined;
    if (this.#checked.length < sizeMax) this.#checked = new Uint8Array(sizeMax);
    return this.#checked;
  }

  #scratchOf(size: number): Uint8Array {
    if (this.#scratch.length < size) this.#scratch = new Uint8Array(size);
    return this.#scratch;
  }

  /** Where answers about this plaintext are kept if it is all zeros; `undefined` for any other, whose blob must not be copied. */
  #zeroAnswers(
    task: CodecTask & { readonly op: "digest" | "encode" | "digestAndEncode" },
  ): ZeroAnswers | undefined {
    if (!isAllZero(task.plain)) return undefined;
    const name = `${task.plain.length} ${task.keyId ?? "plain"}`;
    let answers = this.#zeros.get(name);
    if (!answers) {
      if (this.#zeros.size >= ZERO_ANSWERS_MAX) this.#zeros.clear();
      answers = {};
      this.#zeros.set(name, answers);
    }
    return answers;
  }
}

const PROBE_BYTES = 4096;

/** Whether every byte is 0; runs at memory speed for zeros and looks at one page of anything else. */
function isAllZero(bytes: Uint8Array): boolean {
  const probe = bytes.subarray(0, PROBE_BYTES);
  for (let i = 0; i < probe.length; i++) if (probe[i] !== 0) return false;
  // If it equals itself moved by a page, the zeros of the first page go on to the end.
  return (
    bytes.length <= PROBE_BYTES ||
    Buffer.compare(bytes.subarray(PROBE_BYTES), bytes.subarray(0, -PROBE_BYTES)) === 0
  );
}

function ownBuffer(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
}
