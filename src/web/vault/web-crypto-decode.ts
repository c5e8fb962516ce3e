import { type DecodeChunk } from "../../chunks/decoded.ts";
import { blobKindOf, decodeBlob, parseBlobHeader } from "../../format/chunk/data-blob.ts";
import { chunkDigest } from "../../format/chunk/digest.ts";
import { type CodecProvider } from "../../format/crypto/codec-provider.ts";
import { type CryptKey } from "../../format/crypto/crypt-key.ts";
import { FormatError } from "../../format/format-error.ts";

/** Says that a decryption is wanted whose result is not there yet; not a failure. */
class WantsDecryption {
  readonly iv: Uint8Array;
  readonly sealed: Uint8Array;

  constructor(iv: Uint8Array, tag: Uint8Array, ciphertext: Uint8Array) {
    this.iv = iv.slice();
    this.sealed = new Uint8Array(ciphertext.length + tag.length);
    this.sealed.set(ciphertext);
    this.sealed.set(tag, ciphertext.length);
  }
}

/** What {@link decodeByWebCrypto} may produce, and what it can open. */
export interface WebCryptoOptions {
  readonly sizeMax: number;
  readonly key: CryptKey | undefined;
}

/**
 * A decoder of chunks that lets the browser decrypt and hash, some sixty times as fast as the portable provider does.
 *
 * The browser does both asynchronously, the formats are synchronous: so a blob is opened twice, first to learn what has to be
 * decrypted, then with the result at hand. Everything else, the order of checks above all, is `decodeBlob`'s.
 */
export function decodeByWebCrypto(
  provider: CodecProvider,
  { sizeMax, key }: WebCryptoOptions,
): DecodeChunk {
  const aesKey = key && importKey(key);
  return async (blob, digest) => {
    const what = `chunk ${digest}`;
    const options = { sizeMax, key, what };
    const plain = await decodedBlob(provider, blob, options, aesKey);
    const isKeyed = blobKindOf(blob)?.isEncrypted === true;
    const present = await digestOf(provider, plain, isKeyed ? key : undefined);
    if (present !== digest) {
      throw new FormatError("FORMAT_OTHER_CHUNK", what, `its content is chunk ${present}`);
    }
    return plain;
  };
}

async function decodedBlob(
  provider: CodecProvider,
  blob: Uint8Array,
  options: { readonly sizeMax: number; readonly key: CryptKey | undefined; readonly what: string },
  aesKey: Promise<CryptoKey> | undefined,
): Promise<Uint8Array> {
  const asking: CodecProvider = {
    ...provider,
    aes256GcmDecrypt: (_key, iv, tag, ciphertext) => {
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- a signal, not a failure
      throw new WantsDecryption(iv, tag, ciphertext);
    },
  };
  try {
    return decodeBlob(asking, blob, options);
  } catch (wanted) {
    if (!(wanted instanceof WantsDecryption) || !aesKey) throw wanted;
    const plain = await decrypted(await aesKey, wanted);
    // The checksum was compared a moment ago.
    const { crc32 } = parseBlobHeader(blob, options.what);
    const knowing: CodecProvider = {
      ...provider,
      crc32: () => crc32,
      aes256GcmDecrypt: () => plain,
    };
    return decodeBlob(knowing, blob, options);
  }
}

async function decrypted(
  key: CryptoKey,
  { iv, sealed }: WantsDecryption,
): Promise<Uint8Array | undefined> {
  try {
    const algorithm = { name: "AES-GCM", iv: ownBuffer(iv), tagLength: 128 };
    return new Uint8Array(await crypto.subtle.decrypt(algorithm, key, ownBuffer(sealed)));
  } catch {
    return undefined;
  }
}

async function digestOf(
  provider: CodecProvider,
  plain: Uint8Array,
  key: CryptKey | undefined,
): Promise<string> {
  const hashed = new Uint8Array(plain.length + (key?.idKey.length ?? 0));
  hashed.set(plain);
  if (key) hashed.set(key.idKey, plain.length);
  const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", hashed));
  return chunkDigest({ ...provider, sha256: () => sum }, plain, key);
}

async function importKey({ encKey }: CryptKey): Promise<CryptoKey> {
  return await crypto.subtle.importKey("raw", ownBuffer(encKey), "AES-GCM", false, ["decrypt"]);
}

/** The browser's cryptography takes no views of shared memory, and types say so. */
function ownBuffer(bytes: Uint8Array): ArrayBuffer {
  return Uint8Array.from(bytes).buffer;
}
