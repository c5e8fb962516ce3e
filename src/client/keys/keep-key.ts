import { lstat, mkdir, realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";

import { toHex } from "../../format/bytes/hex.ts";
import { type CodecProvider } from "../../format/crypto/codec-provider.ts";
import { KeyError } from "../../format/crypto/key-error.ts";
import { createFile, type FileOwner, replacePrivateFile } from "../session/private-file.ts";

/** Who may read a file of keys: its owner, or anyone. */
export type KeyFileAccess = "private" | "public";

const MODES: Readonly<Record<KeyFileAccess, number>> = { private: 0o600, public: 0o644 };

/** How a new file of keys is written. */
export interface NewKeyFile {
  readonly access: KeyFileAccess;
  /** Never used before: what a killed process left must not be in the way. */
  readonly suffix: string;
}

/**
 * Writes a new file of keys, durably; nothing that exists is touched, and a file that is there is complete.
 *
 * @throws {KeyError} `KEY_EXISTS`, `KEY_UNWRITABLE` with the cause.
 */
export async function createKeyText(
  path: string,
  text: string,
  { access, suffix }: NewKeyFile,
): Promise<void> {
  try {
    await createFile(path, text, { mode: MODES[access], suffix });
  } catch (error) {
    throw codeOf(error) === "EEXIST" ? exists(path) : unwritable(path, error);
  }
}

/** Ending of a temporary name that nobody had before. */
export function temporarySuffix(provider: Pick<CodecProvider, "randomBytes">): string {
  return toHex(provider.randomBytes(8));
}

/** A key file that can be replaced. */
export interface ReplaceableFile {
  /** Where it really lies. */
  readonly path: string;
  readonly owner: FileOwner;
}

/**
 * Finds the file that a path leads to, over links: they stay, so that every name of the file gets the new content.
 *
 * @throws {KeyError} `KEY_UNREADABLE` with the cause; `KEY_UNWRITABLE` for a pipe, a device or a descriptor, in whose place a
 *   file would be of no use.
 */
export async function replaceableFile(path: string): Promise<ReplaceableFile> {
  let real: string;
  let status: Awaited<ReturnType<typeof stat>>;
  try {
    status = await stat(path);
    real = status.isFile() ? await realpath(path) : path;
  } catch (cause) {
    throw new KeyError("KEY_UNREADABLE", `Cannot read a key from '${path}'`, { cause });
  }
  if (status.isFile() && !real.startsWith("/proc/")) {
    return { path: real, owner: { uid: status.uid, gid: status.gid } };
  }
  throw unwritable(path, new TypeError("it is no file that can be replaced"));
}

/**
 * Replaces a private key file: the old one is there until the new one is complete and durable. Its owner stays.
 *
 * @param suffix Never used before: what a killed process left must not be in the way.
 * @throws {KeyError} `KEY_UNWRITABLE` with the cause.
 */
export async function replaceKeyText(
  { path, owner }: ReplaceableFile,
  text: string,
  suffix: string,
): Promise<void> {
  try {
    await replacePrivateFile(path, text, suffix, owner);
  } catch (error) {
    throw unwritable(path, error);
  }
}

/**
 * Fails early when a new key would find its place taken; {@link createKeyText} has the last word.
 *
 * @throws {KeyError} `KEY_EXISTS`.
 */
export async function requireAbsent(path: string): Promise<void> {
  const isThere = await lstat(path).then(
    () => true,
    () => false,
  );
  if (isThere) throw exists(path);
}

/**
 * Makes the private folder of a file, if needed.
 *
 * @throws {KeyError} `KEY_UNWRITABLE` with the cause.
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw unwritable(path, error);
  }
}

function exists(path: string): KeyError {
  const message = `Cannot write the key to '${path}': there is a file already, which is left as it is`;
  return new KeyError("KEY_EXISTS", message);
}

function unwritable(path: string, cause: unknown): KeyError {
  return new KeyError("KEY_UNWRITABLE", `Cannot write the key to '${path}'`, { cause });
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
