import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

import { type SettingSources } from "../config.ts";
import { readDescriptor } from "./read-descriptor.ts";
import { SessionError } from "./session-error.ts";

/** Longest value accepted from a file, descriptor or command, in bytes; ours. */
const SETTING_BYTES_MAX = 64 * 1024;

/**
 * Reads a value from the first of its sources that is set: plain, `_FD`, `_FILE`, `_CMD`, systemd credential.
 *
 * Of the first four only the first line counts, without its end; a credential counts whole (spec auth.md §11.2). An
 * empty value is a value.
 *
 * @param name What the value is, for errors, for example `password`.
 * @returns `undefined` when no source is set.
 * @throws {SessionError} `SESSION_CREDENTIALS_UNREADABLE`; the value never appears in the message.
 */
export async function readSetting(
  sources: SettingSources,
  name: string,
): Promise<string | undefined> {
  const { value, descriptor, file, command, credentialFile } = sources;
  if (value !== undefined) return firstLine(value);
  try {
    if (descriptor !== undefined)
      return firstLine(await readDescriptor(descriptor, SETTING_BYTES_MAX));
    if (file !== undefined) return firstLine(await readFile(file, "utf8"));
    if (command !== undefined) return firstLine(await readCommand(command));
    if (credentialFile !== undefined) return await readIfExists(credentialFile);
  } catch (error) {
    const code = "SESSION_CREDENTIALS_UNREADABLE";
    throw new SessionError(code, `Cannot read the ${name}`, { cause: error });
  }
  return undefined;
}

/**
 * Splits a command line into words as a shell would, without expanding anything.
 *
 * Quotes and backslashes protect; an open quote is an error.
 *
 * @throws {SessionError} `SESSION_CREDENTIALS_UNREADABLE`.
 */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (let i = 0; i < line.length; i++) {
    const char = line.charAt(i);
    if (quote !== undefined) {
      if (char === quote) quote = undefined;
      else if (char === "\\" && quote === '"' && '"\\$`'.includes(line.charAt(i + 1))) {
        word = (word ?? "") + line.charAt(++i);
      } else word = (word ?? "") + char;
    } else if (char === "'" || char === '"') {
      quote = char;
      word ??= "";
    } else if (char === "\\") {
      word = (word ?? "") + line.charAt(++i);
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? "") + char;
    }
  }
  if (quote !== undefined) {
    throw new SessionError(
      "SESSION_CREDENTIALS_UNREADABLE",
      "Cannot split the command: open quote",
    );
  }
  if (word !== undefined) words.push(word);
  return words;
}

function firstLine(text: string): string {
  return /^[^\r\n]*/.exec(text)?.[0] ?? "";
}

async function readCommand(line: string): Promise<string> {
  const [program, ...args] = splitWords(line);
  if (program === undefined) throw new TypeError("the command is empty");
  const { stdout } = await promisify(execFile)(program, args, { maxBuffer: SETTING_BYTES_MAX });
  return stdout;
}

async function readIfExists(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
