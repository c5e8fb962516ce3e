import { constants, type KeyObject, privateDecrypt, publicEncrypt } from "node:crypto";

import { type CodecProvider } from "./codec-provider.ts";
import { type CryptKey } from "./crypt-key.ts";
import { KeyError } from "./key-error.ts";
import { type KeyFile, parseKeyFile, printKeyFile } from "./key-file.ts";
import { lockKey } from "./lock-key.ts";
import { type MasterPublicKey } from "./master-key.ts";

/** Bytes of a key file in the clear, with its fingerprint and without a hint (spec keyfile.md §4.2). */
const CLEAR_KEY_FILE_BYTES = 255;
/** What padding takes at least: 00 02, eight random bytes, 00 (RFC 8017 §7.2.1). */
const PADDING_BYTES_MIN = 11;

/** When the key was made and when it is wrapped, in seconds since the epoch. */
export interface WrapTimes {
  /** Of the key file that the key was loaded from. */
  readonly createdSec: number;
  /** Now. */
  readonly modifiedSec: number;
}

/**
 * Encrypts a key with a public master key, so that the private one can get it back (spec keyfile.md §4.2).
 *
 * @returns As many bytes as the modulus has, for `rsa-encrypted.key.blob`.
 * @throws {KeyError} `KEY_MASTER_UNUSABLE`; see {@link checkWrapCapacity}.
 */
export function wrapKey(
  provider: CodecProvider,
  master: MasterPublicKey,
  key: CryptKey,
  times: WrapTimes,
): Uint8Array {
  checkWrapCapacity(master);
  const lock = { derivation: "none", passphrase: new Uint8Array(0), hint: undefined } as const;
  const file = lockKey(provider, key, { ...lock, ...times });
  const clear = new TextEncoder().encode(printKeyFile(file, "compact"));
  const wrapped = publicEncrypt({ key: master.key, padding: constants.RSA_PKCS1_PADDING }, clear);
  file.data.fill(0);
  clear.fill(0);
  return new Uint8Array(wrapped);
}

/**
 * Lets a master key pass that can hold a key file: RSA-2048 cannot.
 *
 * @throws {KeyError} `KEY_MASTER_UNUSABLE` with the reason.
 */
export function checkWrapCapacity({ modulusBits }: MasterPublicKey): void {
  const capacityBytes = Math.ceil(modulusBits / 8) - PADDING_BYTES_MIN;
  if (capacityBytes >= CLEAR_KEY_FILE_BYTES) return;
  const reason = `RSA with ${modulusBits} bits encrypts at most ${Math.max(0, capacityBytes)} bytes`;
  throw new KeyError(
    "KEY_MASTER_UNUSABLE",
    `Cannot use the master key: ${reason} and a key file has ${CLEAR_KEY_FILE_BYTES}; make one of 4096 bits`,
  );
}

/**
 * Gets a key file back with the private master key: the inverse of {@link wrapKey}.
 *
 * The padding is taken off here, in the same steps for every content: Node refuses to do it, for want of a library
 * that does it without telling by its timing what it found (spec keyfile.md §4.3).
 *
 * @param master RSA; see `openMasterPrivateKey`.
 * @param wrapped Borrowed.
 * @throws {KeyError} `KEY_UNWRAP_FAILED`, one error for whatever is wrong.
 */
export function unwrapKey(master: KeyObject, wrapped: Uint8Array): KeyFile {
  let padded: Uint8Array;
  try {
    padded = privateDecrypt({ key: master, padding: constants.RSA_NO_PADDING }, wrapped);
  } catch (error) {
    throw unwrapFailed(error);
  }
  const message = withoutPadding(padded);
  padded.fill(0);
  if (message === undefined) throw unwrapFailed(undefined);
  try {
    return parseKeyFile(new TextDecoder("utf-8", { fatal: true }).decode(message));
  } catch (error) {
    throw unwrapFailed(error);
  } finally {
    message.fill(0);
  }
}

/** Looks at every byte, whatever the ones before were; `undefined` for padding that is none. */
function withoutPadding(padded: Uint8Array): Uint8Array | undefined {
  let fault = (padded[0] ?? 1) | ((padded[1] ?? 0) ^ 2);
  let separator = 0;
  for (let i = 2; i < padded.length; i++) {
    const isZero = (((padded[i] ?? 0) - 1) >>> 31) & 1;
    const isFirst = isZero & ((separator - 1) >>> 31);
    separator |= -isFirst & i;
  }
  fault |= (separator - (PADDING_BYTES_MIN - 1)) >>> 31;
  return fault === 0 ? new Uint8Array(padded.subarray(separator + 1)) : undefined;
}

function unwrapFailed(cause: unknown): KeyError {
  const message =
    "Cannot get the encryption key back: it was wrapped for another master key, or is damaged";
  return new KeyError("KEY_UNWRAP_FAILED", message, { cause });
}
