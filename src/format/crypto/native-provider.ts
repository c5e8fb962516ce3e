import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  pbkdf2Sync,
  randomBytes,
  scryptSync,
} from "node:crypto";
import { crc32 } from "node:zlib";
import { portableZstdDecompress } from "../chunk/portable-zstd.ts";
import { loadZstd, type ZstdCodec } from "../chunk/zstd.ts";
import { SCRYPT_MEMORY_BYTES_MAX } from "../limits.ts";
import { type CodecProvider } from "./codec-provider.ts";

/** Whole messages up to this size go through the cipher at once. */
const CIPHER_PIECE_BYTES = 128 * 1024;

/** Hashes, ciphers and the fastest zstd of this machine. Create one per thread and pass it on. */
export function createNativeProvider(): CodecProvider {
  return createNativeProviderWith(loadZstd());
}

/**
 * The same with a chosen zstd library.
 *
 * @param zstd `undefined` for none: then nothing is compressed, and decompression falls back to the portable, slow one.
 */
export function createNativeProviderWith(zstd: ZstdCodec | undefined): CodecProvider {
  return {
    name: `node:crypto, ${zstd?.name ?? "fzstd"}`,
    sha256(...parts) {
      const hash = createHash("sha256");
      for (const part of parts) hash.update(part);
      return bytesOf(hash.digest());
    },
    sha256Stream() {
      const hash = createHash("sha256");
      return {
        update: (bytes) => void hash.update(bytes),
        digest: () => bytesOf(hash.digest()),
      };
    },
    hmacSha256: (key, message) => bytesOf(createHmac("sha256", key).update(message).digest()),
    pbkdf2Sha256: (password, salt, iterations, size) =>
      // eslint-disable-next-line n/no-sync -- a provider is synchronous; callers with many iterations use a thread
      bytesOf(pbkdf2Sync(password, salt, iterations, size, "sha256")),
    scrypt: (password, salt, { n, r, p }, size) =>
      bytesOf(
        // eslint-disable-next-line n/no-sync -- as above
        scryptSync(password, salt, size, { N: n, r, p, maxmem: SCRYPT_MEMORY_BYTES_MAX }),
      ),
    crc32: (bytes) => crc32(bytes),
    aes256GcmEncrypt(key, iv, plain) {
      const cipher = createCipheriv("aes-256-gcm", key, iv);
      const ciphertext = inPieces(plain, (piece) => cipher.update(piece));
      cipher.final();
      return { ciphertext, tag: bytesOf(cipher.getAuthTag()) };
    },
    aes256GcmDecrypt(key, iv, tag, ciphertext, into) {
      const decipher = createDecipheriv("aes-256-gcm", key, iv, { authTagLength: 16 });
      decipher.setAuthTag(tag);
      const target = into?.subarray(0, ciphertext.length);
      const plain = inPieces(ciphertext, (piece) => decipher.update(piece), target);
      try {
        decipher.final();
      } catch {
        return undefined;
      }
      return plain;
    },
    zstdCompress: (plain, result) => zstd?.compress(plain, result),
    zstdDecompress: (compressed, sizeMax, into) =>
      zstd
        ? zstd.decompress(compressed, sizeMax, into)
        : portableZstdDecompress(compressed, sizeMax),
    ...(zstd?.decompressInSteps && { zstdDecompressInSteps: zstd.decompressInSteps }),
    randomBytes: (size) => bytesOf(randomBytes(size)),
  };
}

/**
 * Runs a stream cipher over `input` into one array, a new one unless it is given.
 *
 * In pieces, because the cipher allocates its result and one of 4 MiB costs more in page faults than in AES:
 * 1.8 times as fast in a worker thread on Node 20.
 */
function inPieces(
  input: Uint8Array,
  update: (piece: Uint8Array) => Uint8Array,
  output: Uint8Array = new Uint8Array(input.length),
): Uint8Array {
  for (let start = 0; start < input.length; start += CIPHER_PIECE_BYTES) {
    output.set(update(input.subarray(start, start + CIPHER_PIECE_BYTES)), start);
  }
  return output;
}

function bytesOf(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
