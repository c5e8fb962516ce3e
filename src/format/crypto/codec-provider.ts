/** Running SHA-256 over a stream. */
export interface Sha256Stream {
  /** Adds borrowed bytes. */
  update(bytes: Uint8Array): void;
  /** Ends the stream: 32 bytes, owned. The stream cannot be used afterwards. */
  digest(): Uint8Array;
}

/** Cost of scrypt (RFC 7914 §2). */
export interface ScryptCost {
  /** Cost of memory and time: a power of two. */
  readonly n: number;
  /** Block size in 128 bytes. */
  readonly r: number;
  /** Lanes, one after the other. */
  readonly p: number;
}

/**
 * Hashing, encryption and compression, all that the formats need of them.
 *
 * Two implementations pass `test/contract/codec-provider.contract.ts`: native (node:crypto and a zstd binding) and
 * portable (the noble libraries and fzstd), which runs in a browser. Every method is synchronous and borrows
 * its inputs; results are owned by the caller unless it asks to borrow them. Inputs and results may lie in shared memory.
 */
export interface CodecProvider {
  /** What is behind it, for `amber version --verbose`, for example `node:crypto, zstd-napi 0.0.13`. */
  readonly name: string;
  /** SHA-256 over the concatenation of `parts`: 32 bytes. */
  sha256(...parts: readonly Uint8Array[]): Uint8Array;
  /** Starts a SHA-256 over bytes that come in pieces. */
  sha256Stream(): Sha256Stream;
  /** HMAC-SHA-256: 32 bytes. */
  hmacSha256(key: Uint8Array, message: Uint8Array): Uint8Array;
  /** PBKDF2-HMAC-SHA-256. */
  pbkdf2Sha256(
    password: Uint8Array,
    salt: Uint8Array,
    iterations: number,
    size: number,
  ): Uint8Array;
  /**
   * The passphrase derivation scrypt (RFC 7914).
   *
   * Takes about 128 · n · r bytes of memory, at most `SCRYPT_MEMORY_BYTES_MAX`.
   *
   * @param cost Proven acceptable: see `checkKeyDerivation`.
   */
  scrypt(password: Uint8Array, salt: Uint8Array, cost: ScryptCost, size: number): Uint8Array;
  /** CRC-32 as in zlib (spec blob.md §1.3). */
  crc32(bytes: Uint8Array): number;
  /** AES-256-GCM without additional data; the tag has 16 bytes (spec blob.md §3). */
  aes256GcmEncrypt(
    key: Uint8Array,
    iv: Uint8Array,
    plain: Uint8Array,
  ): { readonly ciphertext: Uint8Array; readonly tag: Uint8Array };
  /**
   * Inverse of {@link aes256GcmEncrypt}; `undefined` when the tag does not fit.
   *
   * @param into Memory for the plaintext, at least as long; the result may be a view of its front, or not. Its content is
   *   worthless when the tag does not fit.
   */
  aes256GcmDecrypt(
    key: Uint8Array,
    iv: Uint8Array,
    tag: Uint8Array,
    ciphertext: Uint8Array,
    into?: Uint8Array,
  ): Uint8Array | undefined;
  /**
   * Compresses to one zstd frame at level 1; `undefined` when this provider cannot compress.
   *
   * @param result `borrowed`: valid until the next call, so that nothing new has to be allocated; owned when absent.
   */
  zstdCompress(plain: Uint8Array, result?: "borrowed"): Uint8Array | undefined;
  /**
   * Decompresses one or more concatenated zstd frames that must fill `compressed` exactly.
   *
   * @throws {FormatError} `FORMAT_INVALID` for anything but whole frames, `FORMAT_OUT_OF_RANGE` as soon as the
   *   result would exceed `sizeMax`; never allocates more than that.
   * @param into Memory that the result may be put into, at its front, if it is large enough; may be overwritten in
   *   any case.
   */
  zstdDecompress(compressed: Uint8Array, sizeMax: number, into?: Uint8Array): Uint8Array;
  /**
   * The same, telling on the way how much of the memory will not change any more; absent when this provider cannot.
   *
   * @param into As long as the result may be at most; the result is a view of its front.
   * @param onFilled Called with growing sizes; the last may be short of the whole.
   */
  zstdDecompressInSteps?(
    compressed: Uint8Array,
    into: Uint8Array,
    onFilled: (size: number) => void,
  ): Uint8Array;
  /** Cryptographically strong random bytes. */
  randomBytes(size: number): Uint8Array;
}
