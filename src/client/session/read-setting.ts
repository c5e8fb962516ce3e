import { execFile } from "node:child_process";
import { open } from "node:fs/promises";
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
 * empty value is a value. What is not UTF-8 is refused, as by the official client: any two such passwords would be the
 * same, once their strange bytes were replaced.
 *
 * @param name What the value is, for errors, for example `password`.
 * @returns `undefined` when no source is set.
 * @throws {SessionError} `SESSION_CREDENTIALS_UNREADABLE`; neither the value nor the words of the command appear in the
 *   message or in its causes.
 */
export async function readSetting(
  sources: SettingSources,
  name: string,
): Promise<string | undefined> {
  const { value, descriptor, file, command, credentialFile } = sources;
  try {
    if (value !== undefined) return firstLine(valid(value));
    if (descriptor !== undefined)
      return firstLine(valid(await readDescriptor(descriptor, SETTING_BYTES_MAX)));
    if (file !== undefined) return firstLine(await readText(file));
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

/** Text that lost nothing on its way: the platform puts U+FFFD in the place of bytes that are not UTF-8. */
function valid(text: string): string {
  if (text.includes("\uFFFD")) throw new TypeError("it is not UTF-8");
  return text;
}

async function readText(path: string): Promise<string> {
  await using handle = await open(path);
  const bytes = Buffer.alloc(SETTING_BYTES_MAX + 1);
  let size = 0;
  for (let read = -1; read !== 0 && size < bytes.length; size += read) {
    read = (await handle.read(bytes, size, bytes.length - size)).bytesRead;
  }
  if (size > SETTING_BYTES_MAX) throw new RangeError("the value is too long");
  return valid(bytes.toString("utf8", 0, size));
}

async function readCommand(line: string): Promise<string> {
  const [program, ...args] = splitWords(line);
  if (program === undefined) throw new TypeError("the command is empty");
  try {
    const { stdout } = await promisify(execFile)(program, args, { maxBuffer: SETTING_BYTES_MAX });
    return valid(stdout);
  } catch (error) {
    throw withoutWords(program, error);
  }
}

/** A failure of a command without its words, its output and its errors: a secret may be in any of them. */
function withoutWords(program: string, error: unknown): unknown {
  if (!(error instanceof Error) || !("code" in error)) return error;
  const { code } = error;
  const isStatus = typeof code === "number";
  return new Error(`"${program}" failed: ${isStatus ? `exit status ${code}` : String(code)}`);
}

async function readIfExists(path: string): Promise<string | undefined> {
  try {
    return await readText(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
