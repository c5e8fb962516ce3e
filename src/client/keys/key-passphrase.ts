import { KeyError } from "../../format/crypto/key-error.ts";
import { type SettingSources } from "../config.ts";
import { readSetting } from "../session/read-setting.ts";
import { type Prompts } from "../session/terminal-prompts.ts";

/**
 * Gets the passphrase of an existing key: from `PBS_ENCRYPTION_PASSWORD` and its variants, else from the terminal
 * (spec keyfile.md §3).
 *
 * @returns Its raw bytes, owned: overwrite them after use.
 * @throws {KeyError} `KEY_PASSPHRASE_MISSING` when none is set and there is no terminal.
 * @throws {SessionError} `SESSION_CREDENTIALS_UNREADABLE`.
 */
export async function keyPassphrase(
  settings: SettingSources,
  prompts: Prompts | undefined,
): Promise<Uint8Array> {
  const given = await readSetting(settings, "encryption password");
  if (given !== undefined) return new TextEncoder().encode(given);
  if (prompts) return new TextEncoder().encode(await prompts.password("Encryption Key Password:"));
  throw new KeyError(
    "KEY_PASSPHRASE_MISSING",
    "Cannot open the key: it needs a passphrase, none was given (PBS_ENCRYPTION_PASSWORD), and there is no terminal to ask on",
  );
}
