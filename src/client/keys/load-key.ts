import { open } from "node:fs/promises";

import { type CodecProvider } from "../../format/crypto/codec-provider.ts";
import { type CryptKey, keyFingerprint } from "../../format/crypto/crypt-key.ts";
import { type Fingerprint } from "../../format/crypto/fingerprint.ts";
import { KeyError } from "../../format/crypto/key-error.ts";
import { type KeyFile, parseKeyFile } from "../../format/crypto/key-file.ts";
import { unlockKeyFile } from "../../format/crypto/lock-key.ts";
import { KEY_FILE_BYTES_MAX, PAPER_KEY_BYTES_MAX } from "../../format/limits.ts";
import { readDescriptor } from "../session/read-descriptor.ts";
import { keyFileOfPaper } from "./read-paper-key.ts";

/** A key that is ready for use. */
export interface LoadedKey {
  readonly key: CryptKey;
  readonly fingerprint: Fingerprint;
  /** What its file says about it: times, hint. */
  readonly file: KeyFile;
  /** Where it came from, as an end of "Using encryption key from …", for example `'/root/k.json'`. */
  readonly origin: string;
}

/** Where a key, or a master key, is read from. */
export type KeySource =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "default"; readonly path: string }
  | { readonly kind: "descriptor"; readonly descriptor: string };

/** What reading keys needs of its surroundings. */
export interface KeyAccess {
  readonly provider: CodecProvider;
  /** Gets the passphrase of a key, owned by the caller, who overwrites it; called only for keys that have one. */
  readonly passphrase: (file: KeyFile) => Promise<Uint8Array>;
  /** Tells the user what is not as it should be. */
  readonly warn: (text: string) => void;
}

/**
 * Reads a key file, or the text of a paper key, and opens it.
 *
 * @throws {KeyError} `KEY_UNREADABLE`; whatever the passphrase and `unlockKeyFile` throw; each with the origin as its
 *   context.
 * @throws {FormatError} for a file that is no key file.
 */
export async function loadKey(access: KeyAccess, source: KeySource): Promise<LoadedKey> {
  const file = await readKeyFile(source, access.warn);
  const passphrase =
    file.derivation.name === "none" ? new Uint8Array(0) : await access.passphrase(file);
  try {
    const key = unlockKeyFile(access.provider, file, passphrase);
    const fingerprint = keyFingerprint(access.provider, key);
    return { key, fingerprint, file, origin: keyOrigin(source) };
  } finally {
    passphrase.fill(0);
  }
}

/**
 * Reads a key file, or the text of a paper key, without opening it.
 *
 * @throws {KeyError} `KEY_UNREADABLE`.
 * @throws {FormatError} for a file that is no key file.
 */
export async function readKeyFile(
  source: KeySource,
  warn: ((text: string) => void) | undefined,
): Promise<KeyFile> {
  return parseKeyFile(keyFileOfPaper(await readKeyText(source, warn)));
}

/**
 * Reads a key file or a PEM file of a master key as text.
 *
 * Warns when others than its owner may read a file that should be private.
 *
 * @param warn `undefined` for public keys, which anyone may read.
 * @throws {KeyError} `KEY_UNREADABLE` with the cause.
 */
export async function readKeyText(
  source: KeySource,
  warn: ((text: string) => void) | undefined,
): Promise<string> {
  if (source.kind !== "descriptor") {
    const bytes = await readKeyBytes(source.path, warn);
    const text = new TextDecoder().decode(bytes);
    bytes.fill(0);
    return text;
  }
  try {
    return await readDescriptor(source.descriptor, KEY_FILE_BYTES_MAX);
  } catch (error) {
    throw unreadable(source, error);
  }
}

/**
 * Reads a file that may hold a key, likewise.
 *
 * @returns Owned.
 * @throws {KeyError} `KEY_UNREADABLE` with the cause.
 */
export async function readKeyBytes(
  path: string,
  warn: ((text: string) => void) | undefined,
): Promise<Uint8Array> {
  try {
    return await readFileBytes(path, warn);
  } catch (error) {
    throw unreadable({ kind: "file", path }, error);
  }
}

function unreadable(source: KeySource, cause: unknown): KeyError {
  return new KeyError("KEY_UNREADABLE", `Cannot read a key from ${keyOrigin(source)}`, { cause });
}

/** Where a key came from, as {@link LoadedKey.origin}. */
export function keyOrigin(source: KeySource): string {
  switch (source.kind) {
    case "file":
      return `'${source.path}'`;
    case "default":
      return `default location '${source.path}'`;
    case "descriptor":
      return `file descriptor ${source.descriptor}`;
  }
}

/** Reads at most {@link PAPER_KEY_BYTES_MAX} bytes; a pipe will do. */
async function readFileBytes(
  path: string,
  warn: ((text: string) => void) | undefined,
): Promise<Uint8Array> {
  await using handle = await open(path, "r");
  const { mode } = await handle.stat();
  if ((mode & 0o077) !== 0) {
    const bits = (mode & 0o777).toString(8).padStart(4, "0");
    warn?.(`others than its owner may use the key file '${path}' (mode ${bits}): chmod 600 it`);
  }
  const bytes = Buffer.alloc(PAPER_KEY_BYTES_MAX + 1);
  let size = 0;
  for (let read = -1; read !== 0 && size < bytes.length; size += read) {
    read = (await handle.read(bytes, size, bytes.length - size)).bytesRead;
  }
  if (size > PAPER_KEY_BYTES_MAX) throw new RangeError("the file is too long");
  return bytes.subarray(0, size);
}
