import { setImmediate as nextTurn } from "node:timers/promises";

import { decodeBlob, encodeBlob } from "../../format/chunk/data-blob.ts";
import { chunkDigest } from "../../format/chunk/digest.ts";
import { FormatError } from "../../format/format-error.ts";
import { type CodecProvider } from "../../format/crypto/codec-provider.ts";
import { type CryptKey } from "../../format/crypto/crypt-key.ts";
import { BLOB_PLAIN_BYTES_MAX } from "../../format/limits.ts";
import { benchmarkChunk } from "./benchmark-chunk.ts";
import { type MeasuredSpeed, type MeasureOptions } from "./measured-speed.ts";

/** What a machine computes for each chunk, in the order in which it is measured. */
export const computations = ["sha256", "compress", "decompress", "aes256_gcm", "verify"] as const;

/** One of {@link computations}. */
export type Computation = (typeof computations)[number];

/** Bytes of an initialisation vector of the blob format (spec blob.md §3). */
const IV_BYTES = 16;

/**
 * Measures how fast one thread does a computation; bytes are those of the plain chunk.
 *
 * `verify` is what verification does with a stored chunk that is compressed: checksum, decompression, digest.
 *
 * @param key Encrypts, for `aes256_gcm`.
 * @throws the signal's reason when aborted.
 */
export async function measureComputation(
  computation: Computation,
  { provider, key }: { readonly provider: CodecProvider; readonly key: CryptKey },
  { durationMs, monotonicMs, signal }: MeasureOptions,
): Promise<MeasuredSpeed> {
  const chunk = benchmarkChunk();
  const work = workOf(computation, chunk, provider, key);
  const startMs = monotonicMs();
  let count = 0;
  do {
    signal?.throwIfAborted();
    work();
    count += 1;
    await nextTurn(); // So that Ctrl-C is noticed.
  } while (monotonicMs() - startMs < durationMs);
  return { count, bytes: count * chunk.length, elapsedMs: monotonicMs() - startMs };
}

/** Prepares what a computation needs and gives what is to be repeated. */
function workOf(
  computation: Computation,
  chunk: Uint8Array,
  provider: CodecProvider,
  key: CryptKey,
): () => unknown {
  switch (computation) {
    case "sha256":
      return () => provider.sha256(chunk);
    case "compress":
      return () => compressed(provider, chunk);
    case "decompress": {
      const frame = compressed(provider, chunk);
      return () => provider.zstdDecompress(frame, chunk.length);
    }
    case "aes256_gcm": {
      const iv = provider.randomBytes(IV_BYTES);
      return () => provider.aes256GcmEncrypt(key.encKey, iv, chunk);
    }
    case "verify": {
      const blob = encodeBlob(provider, chunk, { compress: true });
      const digest = chunkDigest(provider, chunk);
      const limits = { sizeMax: BLOB_PLAIN_BYTES_MAX, what: "chunk" };
      return () => {
        if (chunkDigest(provider, decodeBlob(provider, blob, limits)) !== digest) {
          throw new FormatError("FORMAT_BAD_CHECKSUM", "chunk", "the digest does not fit the data");
        }
      };
    }
  }
}

function compressed(provider: CodecProvider, chunk: Uint8Array): Uint8Array {
  const frame = provider.zstdCompress(chunk);
  if (frame) return frame;
  throw new FormatError("FORMAT_UNSUPPORTED", "zstd", `${provider.name} cannot compress`);
}
