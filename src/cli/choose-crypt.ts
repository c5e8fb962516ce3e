import { type ClientConfig, readClientConfig } from "../client/config.ts";
import {
  chooseBackupKeys,
  chooseReadKeySource,
  type KeyWishes,
} from "../client/keys/choose-keys.ts";
import { keyPassphrase } from "../client/keys/key-passphrase.ts";
import {
  type KeyAccess,
  type KeySource,
  keyOrigin,
  loadKey,
  type LoadedKey,
  readKeyText,
} from "../client/keys/load-key.ts";
import { type Prompts, terminalPrompts } from "../client/session/terminal-prompts.ts";
import { shortFingerprint } from "../format/crypto/fingerprint.ts";
import { createNativeProvider } from "../format/crypto/native-provider.ts";
import { KeyError } from "../format/crypto/key-error.ts";
import { parseMasterPublicKey } from "../format/crypto/master-key.ts";
import { checkWrapCapacity } from "../format/crypto/wrap-key.ts";
import { type CryptMode } from "../format/manifest/manifest.ts";
import { CliError } from "./cli-error.ts";
import { type CryptOptions, type ReadKeyOptions } from "./crypt-options.ts";
import { commandLog } from "./log.ts";

/** How a backup is protected. */
export interface BackupCrypt {
  readonly mode: CryptMode;
  /** There unless the mode is `none`. */
  readonly key: LoadedKey | undefined;
  /** Master key that the key is wrapped with for the snapshot, if there is one: its PEM file, proven large enough. */
  readonly masterPublicKeyPem: Uint8Array | undefined;
  /** What the official client says about these keys, in its order; empty without a key. */
  readonly notices: readonly string[];
}

/**
 * Chooses and opens the keys of a backup as options, default places and environment say (spec keyfile.md §3).
 *
 * May ask for a passphrase on the terminal.
 *
 * @throws {KeyError} `FormatError`, `SessionError`; {@link CliError} for options that exclude each other.
 */
export async function chooseBackupCrypt(options: CryptOptions): Promise<BackupCrypt> {
  const config = readClientConfig();
  const keys = await chooseBackupKeys(keyWishes(options), config);
  if (keys.mode === "none") {
    return { mode: "none", key: undefined, masterPublicKeyPem: undefined, notices: [] };
  }
  const { mode, masterKey } = keys;
  const key = await loadKey(keyAccess(config), keys.key);
  const fingerprint = shortFingerprint(key.fingerprint);
  const notices = [usingKeyLine(key), `Encryption key fingerprint: ${fingerprint}`];
  if (masterKey === undefined) return { mode, key, masterPublicKeyPem: undefined, notices };
  const pem = await readKeyText(masterKey, undefined);
  checkWrapCapacity(parseMasterPublicKey(pem, keyOrigin(masterKey)));
  return {
    mode,
    key,
    masterPublicKeyPem: new TextEncoder().encode(pem),
    notices: [...notices, `Using master key from ${keyOrigin(masterKey)}..`],
  };
}

/**
 * Opens the key that things are read with: the given one, else the default one, else none.
 *
 * A default key whose passphrase nobody gives is warned about and left alone, unless the options want a key: what is not
 * encrypted can be read without it. May ask for a passphrase, so call it only when something encrypted or signed may be read.
 *
 * @param prompts Who is asked; the terminal when left out.
 *
 * @throws {KeyError} `FormatError`, `SessionError`; {@link CliError} for options that exclude each other.
 */
export async function chooseReadKey(
  options: ReadKeyOptions,
  prompts: Prompts | undefined = terminalPrompts(),
): Promise<LoadedKey | undefined> {
  const config = readClientConfig();
  const source = await chooseReadKeySource(keyWishes(options), config);
  if (source === undefined) return undefined;
  try {
    return await loadKey(keyAccess(config, prompts), source);
  } catch (error) {
    const isWanted = options.cryptMode !== undefined || options.requireSignature === true;
    if (source.kind !== "default" || isWanted || !isPassphraseMissing(error)) throw error;
    const place = keyOrigin(source);
    const consequence = "only what is not encrypted can be read, and no signature is checked";
    commandLog.line("warn", `Warning: the key from ${place} stays locked: ${consequence}`);
    commandLog.line("warn", `  ${error.message}`);
    return undefined;
  }
}

function isPassphraseMissing(error: unknown): error is KeyError {
  return error instanceof KeyError && error.code === "KEY_PASSPHRASE_MISSING";
}

/** How the official client says which key it uses. */
export function usingKeyLine({ origin }: LoadedKey): string {
  return `Using encryption key from ${origin}..`;
}

function keyAccess(
  { encryptionPassword }: ClientConfig,
  prompts: Prompts | undefined = terminalPrompts(),
): KeyAccess {
  return {
    provider: createNativeProvider(),
    passphrase: async () => await keyPassphrase(encryptionPassword, prompts),
    warn: (text) => {
      commandLog.line("warn", `Warning: ${text}`);
    },
  };
}

function keyWishes(options: CryptOptions): KeyWishes {
  const { cryptMode, keyfile, keyfd, masterPubkeyFile, masterPubkeyFd } = options;
  return {
    mode: cryptMode,
    key: oneSource({ option: "--keyfile", path: keyfile, descriptor: keyfd }),
    masterKey: oneSource({
      option: "--master-pubkey-file",
      path: masterPubkeyFile,
      descriptor: masterPubkeyFd,
    }),
  };
}

function oneSource({
  option,
  path,
  descriptor,
}: {
  readonly option: string;
  readonly path: string | undefined;
  readonly descriptor: string | undefined;
}): KeySource | undefined {
  if (path !== undefined && descriptor !== undefined) {
    throw new CliError("CLI_USAGE", `Cannot combine ${option} with its form for a descriptor`);
  }
  if (path !== undefined) return { kind: "file", path };
  return descriptor === undefined ? undefined : { kind: "descriptor", descriptor };
}
