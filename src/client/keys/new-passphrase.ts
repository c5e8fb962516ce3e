import { KeyError } from "../../format/crypto/key-error.ts";
import { checkPassphrase } from "../../format/crypto/lock-key.ts";
import { type SettingSources } from "../config.ts";
import { readSetting } from "../session/read-setting.ts";
import { type Prompts } from "../session/terminal-prompts.ts";

/** Where a new passphrase may come from. */
export interface NewPassphraseSources {
  readonly settings: SettingSources;
  /** Name of the variable, for messages. */
  readonly variable: string;
  readonly prompts: Prompts | undefined;
  /** What is asked on the terminal. */
  readonly question: string;
}

/**
 * Gets a passphrase that is about to protect something: from its variable, else typed twice on the terminal.
 *
 * @returns Its raw bytes, long enough; owned: overwrite them after use.
 * @throws {KeyError} `KEY_PASSPHRASE_SHORT`, `KEY_PASSPHRASE_MISMATCH`, `KEY_PASSPHRASE_MISSING`.
 * @throws {SessionError} `SESSION_CREDENTIALS_UNREADABLE`.
 */
export async function newPassphrase(sources: NewPassphraseSources): Promise<Uint8Array> {
  const { settings, variable, prompts, question } = sources;
  const text =
    (await readSetting(settings, "new passphrase")) ?? (await askTwice(prompts, question));
  if (text === undefined) {
    const message = `Cannot choose a passphrase: none was given (${variable}), and there is no terminal to ask on`;
    throw new KeyError("KEY_PASSPHRASE_MISSING", message);
  }
  const passphrase = new TextEncoder().encode(text);
  checkPassphrase(passphrase);
  return passphrase;
}

async function askTwice(
  prompts: Prompts | undefined,
  question: string,
): Promise<string | undefined> {
  if (prompts === undefined) return undefined;
  const first = await prompts.password(question);
  checkPassphrase(new TextEncoder().encode(first));
  if ((await prompts.password("Verify password:")) === first) return first;
  throw new KeyError("KEY_PASSPHRASE_MISMATCH", "Cannot choose a passphrase: the two differ");
}
