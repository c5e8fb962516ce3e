import { join } from "node:path";

import { KeyError } from "../../format/crypto/key-error.ts";
import {
  type MasterPublicKey,
  newMasterKey,
  parseMasterPublicKey,
} from "../../format/crypto/master-key.ts";
import { checkWrapCapacity } from "../../format/crypto/wrap-key.ts";
import { type ClientConfig } from "../config.ts";
import { firstDefault } from "./choose-keys.ts";
import { createKeyText, makeFolder, requireAbsent, temporarySuffix } from "./keep-key.ts";
import { readKeyText } from "./load-key.ts";
import { type KeyTools } from "./make-key.ts";
import { newPassphrase } from "./new-passphrase.ts";

/** Names of the files of a new master key (spec keyfile.md §4.1). */
export const masterKeyNames = {
  public: "master-public.pem",
  private: "master-private.pem",
} as const;

/**
 * Makes a master key and writes its two files, neither of which may exist yet.
 *
 * The private one comes first: a public key without it would protect nothing.
 *
 * @returns The paths.
 * @throws {KeyError} `KEY_EXISTS`, `KEY_UNWRITABLE`, and those of the new passphrase.
 */
export async function makeMasterKey(
  { config, prompts, provider }: KeyTools,
  folder: string,
): Promise<{ readonly publicPath: string; readonly privatePath: string }> {
  const publicPath = join(folder, masterKeyNames.public);
  const privatePath = join(folder, masterKeyNames.private);
  await requireAbsent(publicPath);
  await requireAbsent(privatePath);
  const passphrase = await newPassphrase({
    settings: config.masterPassword,
    variable: "AMBER_MASTER_PASSWORD",
    prompts,
    question: "Master Key Password:",
  });
  try {
    const { publicPem, privatePem } = await newMasterKey(passphrase);
    const suffix = temporarySuffix(provider);
    await createKeyText(privatePath, privatePem, { access: "private", suffix });
    await createKeyText(publicPath, publicPem, { access: "public", suffix });
  } finally {
    passphrase.fill(0);
  }
  return { publicPath, privatePath };
}

/**
 * Copies a public master key to its default place, where every backup with a key finds it.
 *
 * Another one that lies there already is not replaced: backups would silently be wrapped for someone else.
 *
 * @returns The path.
 * @throws {KeyError} `KEY_MASTER_UNUSABLE`, `KEY_EXISTS`, `KEY_UNREADABLE`, `KEY_UNWRITABLE`.
 */
export async function importMasterPublicKey(
  { config, provider }: Pick<KeyTools, "config" | "provider">,
  path: string,
): Promise<string> {
  const { pem, key } = await readMasterPublicKey(path);
  checkWrapCapacity(key);
  const [target] = config.masterKeyFiles;
  await makeFolder(target);
  try {
    const suffix = temporarySuffix(provider);
    await createKeyText(target, pem, { access: "public", suffix });
  } catch (error) {
    const isTaken = error instanceof KeyError && error.code === "KEY_EXISTS";
    if (!isTaken || (await readKeyText({ kind: "file", path: target }, undefined)) !== pem) {
      throw error;
    }
  }
  return target;
}

/**
 * The public master key that is meant: the given one, else the default one.
 *
 * @returns Its path.
 * @throws {KeyError} `KEY_MISSING`.
 */
export async function existingMasterKey(
  { masterKeyFiles }: Pick<ClientConfig, "masterKeyFiles">,
  path: string | undefined,
): Promise<string> {
  const found = path ?? (await firstDefault(masterKeyFiles))?.path;
  if (found !== undefined) return found;
  const message = `Cannot find a default public master key in '${masterKeyFiles.join("', '")}': name a file`;
  throw new KeyError("KEY_MISSING", message);
}

/**
 * Reads a public master key, of whatever size.
 *
 * @throws {KeyError} `KEY_MASTER_UNUSABLE`, `KEY_UNREADABLE`.
 */
export async function readMasterPublicKey(
  path: string,
): Promise<{ readonly pem: string; readonly key: MasterPublicKey }> {
  const pem = await readKeyText({ kind: "file", path }, undefined);
  return { pem, key: parseMasterPublicKey(pem, `'${path}'`) };
}
