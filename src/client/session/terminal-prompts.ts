import { type Fingerprint } from "../../format/crypto/fingerprint.ts";

/** Questions to the person at the terminal. */
export interface Prompts {
  /** Asks for a password without showing it. */
  readonly password: (question: string) => Promise<string>;
  /** Asks whether a server's certificate is the right one. */
  readonly confirmFingerprint: (server: string, fingerprint: Fingerprint) => Promise<boolean>;
}

/**
 * Questions on this process's terminal; `undefined` when standard input is none, so that scripts never hang.
 *
 * Questions are written to standard error, since standard output may be a result.
 */
export function terminalPrompts(): Prompts | undefined {
  if (!process.stdin.isTTY) return undefined;
  return {
    password: async (question) => {
      const { default: password } = await import("@inquirer/password");
      return await untilAnswered(
        async (signal) => await password({ message: question }, { output: process.stderr, signal }),
      );
    },
    confirmFingerprint: async (server, fingerprint) => {
      process.stderr.write(`Certificate fingerprint of ${server}: ${fingerprint}\n`);
      return (await askYesOrNo("Are you sure you want to continue connecting?")) === true;
    },
  };
}

/** Asks a question that is answered with yes or no; `undefined` when there is no terminal to ask on. */
export async function askYesOrNo(question: string): Promise<boolean | undefined> {
  if (!process.stdin.isTTY) return undefined;
  const { default: confirm } = await import("@inquirer/confirm");
  return await untilAnswered(
    async (signal) =>
      await confirm({ message: question, default: false }, { output: process.stderr, signal }),
  );
}

/**
 * Gives a question up, with `AbortPromptError`, when a signal comes or the input ends (Ctrl-D, which pauses it): it would wait for
 * ever, and who waits for it too, such as a thread that is to be ended.
 */
async function untilAnswered<T>(ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const ending = new AbortController();
  const end = (): void => {
    ending.abort();
  };
  process.on("SIGINT", end);
  process.on("SIGTERM", end);
  process.stdin.on("pause", end);
  try {
    return await ask(ending.signal);
  } finally {
    process.off("SIGINT", end);
    process.off("SIGTERM", end);
    process.stdin.off("pause", end);
  }
}
