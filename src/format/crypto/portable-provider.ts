import { gcm } from "@noble/ciphers/aes.js";
import { hmac } from "@noble/hashes/hmac.js";
import { pbkdf2 } from "@noble/hashes/pbkdf2.js";
import { scrypt } from "@noble/hashes/scrypt.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { randomBytes } from "@noble/hashes/utils.js";
import { portableZstdDecompress } from "../chunk/portable-zstd.ts";
import { SCRYPT_MEMORY_BYTES_MAX } from "../limits.ts";
import { type CodecProvider } from "./codec-provider.ts";
import { createCrc32 } from "./crc32.ts";

const TAG_BYTES = 16;

/**
 * Everything in plain JavaScript: no module of Node behind it, so it runs in a browser.
 *
 * A twelfth to a sixtieth as fast as the native one, and it cannot compress: blobs stay in their plain form, which
 * every reader accepts.
 */
export function createPortableProvider(): CodecProvider {
  const crc32 = createCrc32();
  return {
    name: "noble, fzstd",
    sha256(...parts) {
      const hash = sha256.create();
      for (const part of parts) hash.update(part);
      return hash.digest();
    },
    sha256Stream() {
      const hash = sha256.create();
      return {
        update: (bytes) => void hash.update(bytes),
        digest: () => hash.digest(),
      };
    },
    hmacSha256: (key, message) => hmac(sha256, key, message),
    pbkdf2Sha256: (password, salt, iterations, size) =>
      pbkdf2(sha256, password, salt, { c: iterations, dkLen: size }),
    scrypt: (password, salt, { n, r, p }, size) =>
      scrypt(password, salt, { N: n, r, p, dkLen: size, maxmem: SCRYPT_MEMORY_BYTES_MAX }),
    crc32,
    aes256GcmEncrypt(key, iv, plain) {
      const sealed = gcm(key, iv).encrypt(plain);
      const size = sealed.length - TAG_BYTES;
      return { ciphertext: sealed.subarray(0, size), tag: sealed.subarray(size) };
    },
    aes256GcmDecrypt(key, iv, tag, ciphertext) {
      const sealed = new Uint8Array(ciphertext.length + TAG_BYTES);
      sealed.set(ciphertext);
      sealed.set(tag, ciphertext.length);
      try {
        return gcm(key, iv).decrypt(sealed);
      } catch {
        return undefined;
      }
    },
    zstdCompress: () => undefined,
    zstdDecompress: portableZstdDecompress,
    randomBytes: (size) => randomBytes(size),
  };
}
