import { blobKindOf } from "../format/chunk/data-blob.ts";
import { type CryptKey } from "../format/crypto/crypt-key.ts";
import { FormatError } from "../format/format-error.ts";
import { type CodecResult, type CodecTask, type DecodeTask } from "./codec-task.ts";
import { type CodecThread } from "./codec-thread.ts";
import { FilledBytes } from "./filled-bytes.ts";

/** Shortest plaintext that two threads decode sooner than one: below that, waking the second takes what it saves. */
const PAIR_BYTES_MIN = 1024 * 1024;

/** A decode that two threads can share. */
export interface PairedDecode {
  readonly task: DecodeTask & { readonly into: Uint8Array };
  readonly isEncrypted: boolean;
  readonly threads: readonly [CodecThread, CodecThread];
}

/**
 * Finds out whether a task is worth two threads, and which: only when all are idle, since each alone does more in the same
 * time, and only running ones, since one half waits for the other.
 *
 * It has to be a compressed blob in shared memory, for plaintext in shared memory: then it can be decoded again.
 */
export function pairFor(
  task: CodecTask,
  threads: readonly CodecThread[],
): PairedDecode | undefined {
  if (task.op !== "decode" || task.wanted !== "plain" || task.memory === "own") return undefined;
  const { blob, into, sizeMax } = task;
  if (!into || sizeMax < PAIR_BYTES_MIN || !isShared(blob) || !isShared(into)) return undefined;
  if (threads.some(({ load }) => load > 0)) return undefined;
  const [first, second] = threads.filter(({ isRunning }) => isRunning);
  const kind = blobKindOf(blob);
  if (!first || !second || kind?.isCompressed !== true) return undefined;
  return { task: { ...task, into }, isEncrypted: kind.isEncrypted, threads: [first, second] };
}

/**
 * Decompresses in one thread while another hashes what is there already; together they take little longer than the slower.
 *
 * Both are done with the memory when the promise settles, unless their pool was closed meanwhile.
 *
 * @returns Proven plaintext, or `undefined` when the blob is not what was asked for: what is wrong with it, the task says
 *   when one thread does it alone.
 * @throws What a thread that ended rejects its tasks with.
 */
export async function decodeInPair(
  { task, isEncrypted, threads: [first, second] }: PairedDecode,
  key: CryptKey | undefined,
): Promise<CodecResult | undefined> {
  const { blob, digest, sizeMax, checksum, into, keyId } = task;
  const filled = new FilledBytes();
  const { memory } = filled;
  const decoding = sent(
    first,
    { op: "decodeAhead", blob, digest, sizeMax, checksum, into, filled: memory, keyId },
    key,
  );
  const hashing = sent(
    second,
    { op: "digestBehind", plain: into, filled: memory, keyId: isEncrypted ? keyId : undefined },
    key,
  );
  decoding.catch(() => {
    filled.fail(); // A thread that has ended tells nobody.
  });
  const [decoded, hashed] = await Promise.allSettled([decoding, hashing]);
  if (hashed.status === "rejected") throw hashed.reason;
  if (decoded.status === "rejected") {
    if (decoded.reason instanceof FormatError) return undefined;
    throw decoded.reason;
  }
  const { size } = decoded.value;
  const isProven = hashed.value.digest === digest && hashed.value.size === size;
  if (!isProven) return undefined;
  return { digest, blob: undefined, plain: into.subarray(0, size), size };
}

async function sent(
  thread: CodecThread,
  task: CodecTask,
  key: CryptKey | undefined,
): Promise<CodecResult> {
  return await new Promise((resolve, reject) => {
    thread.send(task, { key, transfer: [], waiter: { resolve, reject } });
  });
}

function isShared(bytes: Uint8Array): boolean {
  return bytes.buffer instanceof SharedArrayBuffer;
}
