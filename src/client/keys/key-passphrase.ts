import { KeyError } from "../../format/crypto/key-error.ts";
import { type SettingSources } from "../config.ts";
import { readSetting } from "../session/read-setting.ts";
import { type Prompts } from "../session/terminal-prompts.ts";

/** What is asked for, and the variable that answers without being asked. */
export interface PassphraseQuestion {
  readonly question: string;
  readonly variable: string;
}

const KEY_QUESTION: PassphraseQuestion = {
  question: "Encryption Key Password:",
  variable: "PBS_ENCRYPTION_PASSWORD",
};

/**
 * Gets the passphrase of an existing key: from `PBS_ENCRYPTION_PASSWORD` and its variants, else from the terminal
 * (spec keyfile.md §3).
 *
 * @param settings Sources of the variable that `question` names.
 * @returns Its raw bytes, owned: overwrite them after use.
 * @throws {KeyError} `KEY_PASSPHRASE_MISSING` when none is set and there is no terminal.
 * @throws {SessionError} `SESSION_CREDENTIALS_UNREADABLE`.
 */
export async function keyPassphrase(
  settings: SettingSources,
  prompts: Prompts | undefined,
  { question, variable }: PassphraseQuestion = KEY_QUESTION,
): Promise<Uint8Array> {
  const given = await readSetting(settings, "passphrase of the key");
  if (given !== undefined) return new TextEncoder().encode(given);
  if (prompts) return new TextEncoder().encode(await prompts.password(question));
  throw new KeyError(
    "KEY_PASSPHRASE_MISSING",
    `Cannot open the key: it needs a passphrase, none was given (${variable}), and there is no terminal to ask on`,
  );
}
