/**
 * Maxima for everything that comes from outside, with their source.
 *
 * A limit that is reached is an error with a code, never a hang or an out-of-memory.
 */

/** Longest plaintext of one chunk in bytes: four times the default average (spec blob.md §1.4). */
export const CHUNK_BYTES_MAX: number = 16 * 1024 * 1024;

/** Longest plaintext of one blob in bytes (spec blob.md §1.4). */
export const BLOB_PLAIN_BYTES_MAX: number = 128 * 1024 * 1024;

/** Bytes of the header of an unencrypted blob (spec blob.md §1.1). */
export const BLOB_HEADER_BYTES = 12;

/** Bytes of the header of an encrypted blob (spec blob.md §1.2). */
export const BLOB_ENCRYPTED_HEADER_BYTES = 44;

/** Longest encoded blob accepted in an upload (spec blob.md §1.4). */
export const BLOB_UPLOAD_BYTES_MAX: number = CHUNK_BYTES_MAX + BLOB_ENCRYPTED_HEADER_BYTES;

/** Chunk length of a fixed index in bytes; not negotiable (spec index.md §6.2). */
export const FIXED_CHUNK_BYTES: number = 4 * 1024 * 1024;

/** Longest name in a pxar archive in bytes, without its NUL (spec pxar.md §3.3). */
export const PXAR_NAME_BYTES_MAX = 4096;

/** Deepest directory accepted in an archive; ours: Linux paths end at 4096 bytes, so 2048 components. */
export const PXAR_DEPTH_MAX = 2048;

/** Most entries accepted in one goodbye table; ours, far above what ext4 directories hold in practice. */
export const PXAR_DIRECTORY_ENTRIES_MAX: number = 64 * 1024 * 1024;

/** Deepest namespace (spec datastore.md §2). */
export const NAMESPACE_DEPTH_MAX = 7;

/** Longest namespace in bytes (spec datastore.md §2). */
export const NAMESPACE_BYTES_MAX = 256;

/** Highest writer id of a backup session (spec index.md §6). */
export const WRITER_ID_MAX = 256;

/** Longest body of an ordinary request in bytes (spec auth.md §1). */
export const REQUEST_BODY_BYTES_MAX: number = 512 * 1024;

/** Longest manifest text in bytes; ours: the longest blob a client may upload (spec blob.md §1.4). */
export const MANIFEST_BYTES_MAX: number = 16 * 1024 * 1024;

/** Longest table of one directory in a catalogue in bytes; ours: some three million entries. */
export const CATALOG_DIRECTORY_BYTES_MAX: number = 128 * 1024 * 1024;

/** Longest exclude pattern in bytes; ours: no path that a system call takes is longer. */
export const PATTERN_BYTES_MAX = 4096;

/** Longest `.pxarexclude` file in bytes; ours. */
export const EXCLUDE_FILE_BYTES_MAX: number = 1024 * 1024;

/** Most patterns of one `.pxarexclude` file; ours: each takes some kilobytes when it is ready for matching. */
export const EXCLUDE_FILE_PATTERNS_MAX = 10_000;

/** Longest key file or PEM file of a key in bytes; ours: an encrypted RSA-16384 private key has some 13 KiB. */
export const KEY_FILE_BYTES_MAX: number = 64 * 1024;

/** Longest page that a key was printed from in bytes; ours: its QR code is a picture in it. */
export const PAPER_KEY_BYTES_MAX: number = 1024 * 1024;

/** Most memory that deriving a key from a passphrase may take in bytes (spec keyfile.md §2.2). */
export const SCRYPT_MEMORY_BYTES_MAX: number = 1025 * 1024 * 1024;

/** Largest n · r · p of scrypt; ours: 32 times that of official key files, some seconds. */
export const SCRYPT_WORK_MAX: number = 2 ** 24;

/** Most iterations of PBKDF2 in a key file; ours: 256 times those of official key files, some seconds. */
export const PBKDF2_ITERATIONS_MAX: number = 2 ** 24;
