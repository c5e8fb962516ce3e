import { type ChildProcess, spawn } from "node:child_process";

import { type ClientConfig, readClientConfig, type SettingSources } from "../client/config.ts";
import { type Prompts, terminalPrompts } from "../client/session/terminal-prompts.ts";
import { parseFingerprint } from "../format/crypto/fingerprint.ts";
import { type ExitCode, exitCodes } from "./run-command.ts";

/** Hidden option that marks the process that stays, and says whether the one that started it can ask somebody. */
export const BACKGROUND_CHILD_OPTION = "--background-child";

/** Value of {@link BACKGROUND_CHILD_OPTION}. */
export type BackgroundQuestions = "asked" | "unasked";

/** Descriptor that a key comes from in the process that stays, whatever its number was before. */
export const BACKGROUND_KEY_DESCRIPTOR = "4";

/** Descriptors from here on are those of variables, such as `PBS_PASSWORD_FD`. */
const VARIABLE_DESCRIPTOR_MIN = Number(BACKGROUND_KEY_DESCRIPTOR) + 1;

/** What the process that stays tells or asks the one that started it. */
type ChildMessage =
  | { readonly kind: "mounted" }
  | { readonly kind: "ask-password"; readonly id: number; readonly question: string }
  | {
      readonly kind: "ask-fingerprint";
      readonly id: number;
      readonly server: string;
      readonly fingerprint: string;
    };

/** That the process that stays is wanted, or the answer to a question: `undefined` when there is nobody to ask. */
type ParentMessage =
  | { readonly kind: "go" }
  | {
      readonly kind: "answer";
      readonly id: number;
      readonly answer: string | boolean | undefined;
    };

/** The process that stays, started before it was known that it is wanted (bin/start-ahead.js). */
export interface StartedAhead {
  /** Takes it over, once. */
  readonly take: () => ChildProcess;
}

/**
 * Runs this very command again as a process that stays, and returns when it has mounted, or has failed to.
 *
 * Until then its messages are shown and its questions are asked here, as it has no terminal of its own. Descriptors that
 * variables name are handed over, under new numbers.
 *
 * @param options `keyfd`: the descriptor that a key comes from; the other process has it as {@link BACKGROUND_KEY_DESCRIPTOR}.
 *   `ahead`: the other process, if it was started already; used if it is what would be started now.
 */
export async function mountInBackground(
  signal: AbortSignal,
  {
    keyfd,
    ahead,
  }: { readonly keyfd?: string | undefined; readonly ahead?: StartedAhead | undefined },
): Promise<ExitCode> {
  const [, program = "", command = "", ...args] = process.argv;
  const settings = descriptorSettings(readClientConfig());
  const prompts = terminalPrompts();
  const questions: BackgroundQuestions = prompts ? "asked" : "unasked";
  const mark = `${BACKGROUND_CHILD_OPTION}=${questions}`;
  // Not last: after "--", as fstab's helper writes it, it would be one more argument.
  const words = [...process.execArgv, program, command, mark, ...args];
  const isPlain = keyfd === undefined && settings.length === 0;
  const child =
    (isPlain ? usable(ahead, words) : undefined) ??
    spawn(process.execPath, words, {
      detached: true,
      stdio: [
        ...(["ignore", "ignore", "pipe", "ipc", inherited(keyfd)] as const),
        ...settings.map(({ descriptor }) => inherited(descriptor)),
      ],
      env: { ...process.env, ...newNumbers(settings) },
    });
  child.stderr?.pipe(process.stderr, { end: false });
  try {
    tell(child, { kind: "go" });
    return await new Promise<ExitCode>((resolve, reject) => {
      signal.addEventListener("abort", () => {
        child.kill("SIGTERM");
      });
      child.on("error", reject);
      child.on("close", (code) => {
        if (signal.aborted) reject(reasonOf(signal));
        else resolve(code === exitCodes.ok ? exitCodes.ok : exitCodes.failed);
      });
      child.on("message", (message: ChildMessage) => {
        if (message.kind === "mounted") resolve(exitCodes.ok);
        else {
          void answer(message, prompts).then((given) => {
            tell(child, { kind: "answer", id: message.id, answer: given });
          }, reject);
        }
      });
    });
  } finally {
    child.stderr?.destroy();
    if (child.connected) child.disconnect();
    child.unref();
  }
}

/** The process that was started ahead if it is alive and what these words would start; else it is ended. */
function usable(
  ahead: StartedAhead | undefined,
  words: readonly string[],
): ChildProcess | undefined {
  const child = ahead?.take();
  if (!child) return undefined;
  const isAlive = child.pid !== undefined && child.exitCode === null && child.signalCode === null;
  const started = child.spawnargs.slice(1);
  const isThis = started.length === words.length && words.every((word, i) => word === started[i]);
  if (isAlive && isThis) return child;
  child.kill("SIGKILL");
  return undefined;
}

/** What cannot be told is not told: the other process has ended, which is noticed by itself. */
function tell(child: ChildProcess, message: ParentMessage): void {
  child.send(message, () => undefined);
}

/** A descriptor that something is read from, if there is one, as the process that stays gets it. */
function inherited(descriptor: string | undefined): number | "ignore" {
  return descriptor !== undefined && /^\d{1,9}$/.test(descriptor) ? Number(descriptor) : "ignore";
}

/** A variable that names a descriptor. */
interface DescriptorSetting {
  readonly variable: string;
  readonly descriptor: string;
}

/** The variables by which a mount reads something from a descriptor. */
function descriptorSettings(config: ClientConfig): DescriptorSetting[] {
  const { repository, fingerprint, password, encryptionPassword } = config;
  const settings: readonly [string, SettingSources][] = [
    ["PBS_REPOSITORY_FD", repository],
    ["PBS_FINGERPRINT_FD", fingerprint],
    ["PBS_PASSWORD_FD", password],
    ["PBS_ENCRYPTION_PASSWORD_FD", encryptionPassword],
  ];
  return settings.flatMap(([variable, { value, descriptor }]) =>
    value === undefined && descriptor !== undefined ? [{ variable, descriptor }] : [],
  );
}

/** What those variables are in the process that stays. */
function newNumbers(settings: readonly DescriptorSetting[]): Record<string, string> {
  return Object.fromEntries(
    settings.map(({ variable }, i) => [variable, String(VARIABLE_DESCRIPTOR_MIN + i)]),
  );
}

function reasonOf({ reason }: AbortSignal): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

async function answer(
  question: Exclude<ChildMessage, { readonly kind: "mounted" }>,
  prompts: Prompts | undefined,
): Promise<string | boolean | undefined> {
  if (!prompts) return undefined;
  return question.kind === "ask-password"
    ? await prompts.password(question.question)
    : await prompts.confirmFingerprint(question.server, parseFingerprint(question.fingerprint));
}

/** The end of the process that stays. */
export interface BackgroundLink {
  /** Questions to the person at the other process's terminal; `undefined` when it has none. */
  readonly prompts: Prompts | undefined;
  /** Settles when the other process has said that this one is wanted; rejects when that is gone before. */
  readonly wanted: Promise<void>;
  /** Tells that the mount is there, and lets the other process go. */
  mounted(): void;
  /** Lets the other process go, whatever came of it: as long as it is connected neither can end. */
  close(): void;
  /** Ends the mount when the other process is gone before it was there. */
  readonly signal: AbortSignal;
}

/** Connects the process that stays with the one that started it. */
export function backgroundLink(questions: BackgroundQuestions): BackgroundLink {
  const lost = new AbortController();
  const waiting = new Map<number, (answer: string | boolean | undefined) => void>();
  let lastId = 0;
  let go: () => void = () => undefined;
  const wanted = new Promise<void>((resolve, reject) => {
    go = resolve;
    lost.signal.addEventListener("abort", () => {
      reject(reasonOf(lost.signal));
    });
  });
  wanted.catch(() => undefined); // Awaited by whoever may have been started without being wanted.
  const onDisconnect = (): void => {
    lost.abort(new Error("the command that started this was ended"));
    for (const resolve of waiting.values()) resolve(undefined);
  };
  process.once("disconnect", onDisconnect);
  process.on("message", (message: ParentMessage) => {
    if (message.kind === "go") {
      go();
      return;
    }
    waiting.get(message.id)?.(message.answer);
    waiting.delete(message.id);
  });
  if (!process.connected) onDisconnect();
  const close = (): void => {
    process.off("disconnect", onDisconnect);
    if (process.connected) process.disconnect();
  };
  const ask = async (make: (id: number) => ChildMessage): Promise<string | boolean | undefined> =>
    await new Promise((resolve) => {
      const id = ++lastId;
      waiting.set(id, resolve);
      process.send?.(make(id));
    });
  const passwords = new Map<string, string>();
  const prompts: Prompts = {
    password: async (question) => {
      // Asked once: later, when a login has to be renewed, nobody is there any more.
      const known = passwords.get(question);
      if (known !== undefined) return known;
      const given = await ask((id) => ({ kind: "ask-password", id, question }));
      if (typeof given !== "string") throw new Error("Cannot ask for a password: no terminal");
      passwords.set(question, given);
      return given;
    },
    confirmFingerprint: async (server, fingerprint) => {
      const given = await ask((id) => ({ kind: "ask-fingerprint", id, server, fingerprint }));
      return given === true;
    },
  };
  return {
    signal: lost.signal,
    wanted,
    prompts: questions === "asked" ? prompts : undefined,
    mounted: () => {
      process.off("disconnect", onDisconnect);
      process.send?.({ kind: "mounted" } satisfies ChildMessage, close);
    },
    close,
  };
}
