import { type Clock } from "../../format/clock.ts";
import { type CodecProvider } from "../../format/crypto/codec-provider.ts";
import { type CryptKey, cryptKeyOf, keyFingerprint } from "../../format/crypto/crypt-key.ts";
import { type Fingerprint } from "../../format/crypto/fingerprint.ts";
import { type KeyDerivationName } from "../../format/crypto/key-derivation.ts";
import { KeyError } from "../../format/crypto/key-error.ts";
import { type KeyFile, printKeyFile } from "../../format/crypto/key-file.ts";
import {
  checkLock,
  lockKey,
  newEncryptionKey,
  unlockKeyFile,
} from "../../format/crypto/lock-key.ts";
import { needsMasterPassphrase, openMasterPrivateKey } from "../../format/crypto/master-key.ts";
import { unwrapKey } from "../../format/crypto/wrap-key.ts";
import { type ClientConfig, type SettingSources } from "../config.ts";
import { type Prompts } from "../session/terminal-prompts.ts";
import { firstDefault } from "./choose-keys.ts";
import {
  createKeyText,
  makeFolder,
  replaceableFile,
  replaceKeyText,
  requireAbsent,
  temporarySuffix,
} from "./keep-key.ts";
import { keyPassphrase } from "./key-passphrase.ts";
import { type KeySource, loadKey, readKeyBytes, readKeyText } from "./load-key.ts";
import { newPassphrase } from "./new-passphrase.ts";

/** What managing keys needs of its surroundings. */
export interface KeyTools {
  readonly provider: CodecProvider;
  readonly clock: Clock;
  readonly config: ClientConfig;
  /** Who can be asked for passphrases; nobody when `undefined`. */
  readonly prompts: Prompts | undefined;
  readonly warn: (text: string) => void;
}

/** How a key is to be kept. */
export interface KeepWishes {
  readonly derivation: KeyDerivationName;
  readonly hint: string | undefined;
}

/** A key file that was written. */
export interface KeptKey {
  readonly path: string;
  readonly fingerprint: Fingerprint;
}

/**
 * Makes a new key and writes its file, which must not exist yet.
 *
 * @param path `undefined` for the user's default key.
 * @throws {KeyError} `KEY_EXISTS`, `KEY_UNWRITABLE`, and those of the new passphrase.
 */
export async function makeKey(
  tools: KeyTools,
  path: string | undefined,
  wishes: KeepWishes,
): Promise<KeptKey> {
  const key = cryptKeyOf(tools.provider, newEncryptionKey(tools.provider));
  return await keepNewKey(tools, path, key, wishes, tools.clock.nowSec());
}

/**
 * Writes a key file anew with another passphrase or derivation; the old one is there until the new one is complete. Links to
 * it stay links, and its owner keeps it.
 *
 * @param path `undefined` for the default key.
 * @throws {KeyError} those of opening a key, of the new passphrase, and `KEY_UNWRITABLE`.
 */
export async function changePassphrase(
  tools: KeyTools,
  path: string | undefined,
  wishes: KeepWishes,
): Promise<KeptKey> {
  const { provider, config, prompts, warn } = tools;
  checkLock(wishes);
  const source = await existingKey(config, path);
  const file = await replaceableFile(source.path);
  const passphrase = async (): Promise<Uint8Array> =>
    await keyPassphrase(config.encryptionPassword, prompts);
  const loaded = await loadKey({ provider, passphrase, warn }, source);
  const settings = config.newEncryptionPassword;
  const variable = "AMBER_NEW_ENCRYPTION_PASSWORD";
  const changed = await lockAgain(tools, loaded.key, {
    ...wishes,
    settings,
    variable,
    createdSec: loaded.file.createdSec,
  });
  await replaceKeyText(file, printKeyFile(changed, "compact"), temporarySuffix(provider));
  return { path: source.path, fingerprint: loaded.fingerprint };
}

/**
 * Gets a key back with the private master key, without writing it anywhere.
 *
 * @param wrapped Content of `rsa-encrypted.key`, borrowed.
 * @throws {KeyError} those of master keys, of their passphrase, and of unwrapping.
 */
export async function openWrappedKey(
  { config, prompts, provider, warn }: Pick<KeyTools, "config" | "prompts" | "provider" | "warn">,
  masterKeyPath: string,
  wrapped: Uint8Array,
): Promise<{ readonly key: CryptKey; readonly file: KeyFile }> {
  const pem = await readKeyText({ kind: "file", path: masterKeyPath }, warn);
  const passphrase = needsMasterPassphrase(pem)
    ? await keyPassphrase(config.masterPassword, prompts, {
        question: "Master Key Password:",
        variable: "AMBER_MASTER_PASSWORD",
      })
    : new Uint8Array(0);
  try {
    const file = unwrapKey(openMasterPrivateKey(pem, passphrase), wrapped);
    return { key: unlockKeyFile(provider, file, new Uint8Array(0)), file };
  } finally {
    passphrase.fill(0);
  }
}

/** What a key is got back from: files of the private master key and of the wrapped key. */
export interface WrappedKeyPaths {
  readonly masterKeyPath: string;
  /** Content of `rsa-encrypted.key` of any snapshot. */
  readonly wrappedKeyPath: string;
}

/**
 * Gets a key back with the private master key and writes its file, which must not exist yet (spec keyfile.md §4.3).
 *
 * @param path `undefined` for the user's default key.
 * @throws {KeyError} those of master keys and of {@link makeKey}.
 */
export async function importWrappedKey(
  tools: KeyTools,
  path: string | undefined,
  { masterKeyPath, wrappedKeyPath, ...wishes }: WrappedKeyPaths & KeepWishes,
): Promise<KeptKey> {
  const wrapped = await readKeyBytes(wrappedKeyPath, undefined);
  const { key, file } = await openWrappedKey(tools, masterKeyPath, wrapped);
  return await keepNewKey(tools, path, key, wishes, file.createdSec);
}

/**
 * The key file that is meant: the given one, else the default one.
 *
 * @throws {KeyError} `KEY_MISSING`.
 */
export async function existingKey(
  { keyFiles }: Pick<ClientConfig, "keyFiles">,
  path: string | undefined,
): Promise<Extract<KeySource, { readonly path: string }>> {
  if (path !== undefined) return { kind: "file", path };
  const found = await firstDefault(keyFiles);
  if (found) return found;
  const message = `Cannot find a default key in '${keyFiles.join("', '")}': name a key file`;
  throw new KeyError("KEY_MISSING", message);
}

async function keepNewKey(
  tools: KeyTools,
  path: string | undefined,
  key: CryptKey,
  wishes: KeepWishes,
  createdSec: number,
): Promise<KeptKey> {
  checkLock(wishes);
  const target = path ?? tools.config.keyFiles[0];
  await requireAbsent(target);
  if (path === undefined) await makeFolder(target);
  const settings = tools.config.encryptionPassword;
  const variable = "PBS_ENCRYPTION_PASSWORD";
  const file = await lockAgain(tools, key, { ...wishes, settings, variable, createdSec });
  const suffix = temporarySuffix(tools.provider);
  await createKeyText(target, printKeyFile(file, "compact"), { access: "private", suffix });
  return { path: target, fingerprint: keyFingerprint(tools.provider, key) };
}

interface LockWishes extends KeepWishes {
  readonly settings: SettingSources;
  readonly variable: string;
  readonly createdSec: number;
}

async function lockAgain(
  { provider, clock, prompts }: KeyTools,
  key: CryptKey,
  { derivation, hint, settings, variable, createdSec }: LockWishes,
): Promise<KeyFile> {
  const question = "New Encryption Key Password:";
  const passphrase =
    derivation === "none"
      ? new Uint8Array(0)
      : await newPassphrase({ settings, variable, prompts, question });
  try {
    const modifiedSec = clock.nowSec();
    return lockKey(provider, key, { derivation, passphrase, hint, createdSec, modifiedSec });
  } finally {
    passphrase.fill(0);
  }
}
