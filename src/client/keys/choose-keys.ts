import { access } from "node:fs/promises";

import { KeyError } from "../../format/crypto/key-error.ts";
import { type CryptMode } from "../../format/manifest/manifest.ts";
import { type KeySource } from "./load-key.ts";

/** A key in one of its default places. */
export type DefaultSource = Extract<KeySource, { readonly kind: "default" }>;

/** What a command was told about keys; nothing of it is read yet. */
export interface KeyWishes {
  /** `undefined` when it was left open. */
  readonly mode: CryptMode | undefined;
  readonly key: KeySource | undefined;
  readonly masterKey: KeySource | undefined;
}

/** Where keys lie when nothing is said: the first that exists counts. */
export interface DefaultKeyPaths {
  readonly keyFiles: readonly string[];
  readonly masterKeyFiles: readonly string[];
}

/** Which keys a backup uses, and for what. */
export type BackupKeys =
  | { readonly mode: "none" }
  | {
      readonly mode: "encrypt" | "sign-only";
      readonly key: KeySource;
      readonly masterKey: KeySource | undefined;
    };

/**
 * Decides how a backup uses keys: the table of key options (spec keyfile.md §3).
 *
 * Looks whether default keys exist only where that decides something.
 *
 * @throws {KeyError} `KEY_CONFLICT` for a key that may not be used, `KEY_MISSING` for one that is needed.
 */
export async function chooseBackupKeys(
  wishes: KeyWishes,
  defaults: DefaultKeyPaths,
): Promise<BackupKeys> {
  const { mode } = wishes;
  if (mode === "none") {
    requireNoKey(wishes.key ?? wishes.masterKey);
    return { mode };
  }
  const key = wishes.key ?? (await firstDefault(defaults.keyFiles));
  if (key === undefined) {
    if (mode === undefined && wishes.masterKey === undefined) return { mode: "none" };
    const reason = mode === undefined ? "a master key was given" : `--crypt-mode ${mode} was given`;
    throw keyMissing(reason, defaults);
  }
  const masterKey = wishes.masterKey ?? (await firstDefault(defaults.masterKeyFiles));
  return { mode: mode ?? "encrypt", key, masterKey };
}

/**
 * Decides which key opens what is read: the given one, else the default one if there is one.
 *
 * @returns `undefined` for none: whether that is enough depends on what is read.
 * @throws {KeyError} `KEY_CONFLICT`.
 */
export async function chooseReadKeySource(
  wishes: Pick<KeyWishes, "mode" | "key">,
  defaults: Pick<DefaultKeyPaths, "keyFiles">,
): Promise<KeySource | undefined> {
  if (wishes.mode !== "none") return wishes.key ?? (await firstDefault(defaults.keyFiles));
  requireNoKey(wishes.key);
  return undefined;
}

function requireNoKey(key: KeySource | undefined): void {
  if (key === undefined) return;
  throw new KeyError("KEY_CONFLICT", "Cannot combine --crypt-mode none with a key");
}

function keyMissing(reason: string, { keyFiles }: DefaultKeyPaths): KeyError {
  const places = keyFiles.map((path) => `'${path}'`).join(", ");
  return new KeyError(
    "KEY_MISSING",
    `Cannot choose an encryption key: ${reason}, but no key (--keyfile), and there is no default key in ${places}`,
  );
}

/** The first of these places where there is anything. */
export async function firstDefault(paths: readonly string[]): Promise<DefaultSource | undefined> {
  for (const path of paths) {
    if (await isThere(path)) return { kind: "default", path };
  }
  return undefined;
}

/** Whether the path leads anywhere; one that must not be looked at counts, so that it is not passed over unseen. */
async function isThere(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    return code !== "ENOENT" && code !== "ENOTDIR";
  }
}
