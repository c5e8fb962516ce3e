import { readClientConfig } from "../../src/client/config.ts";
import { type KeyTools } from "../../src/client/keys/make-key.ts";
import { type Prompts } from "../../src/client/session/terminal-prompts.ts";
import { createNativeProvider } from "../../src/format/crypto/native-provider.ts";
import { FakeClock } from "./fake-clock.ts";

/** What managing keys works with, with a home folder, variables and typed answers of the test's own. */
export function fakeKeyTools(
  home: string,
  { environment = {}, answers }: { environment?: Record<string, string>; answers?: string[] } = {},
): KeyTools & { readonly clock: FakeClock; readonly warnings: string[] } {
  const warnings: string[] = [];
  return {
    provider: createNativeProvider(),
    clock: new FakeClock(),
    config: readClientConfig({
      XDG_CONFIG_HOME: home,
      XDG_CONFIG_DIRS: "/nowhere",
      ...environment,
    }),
    prompts: answers && typing(answers),
    warn: (text) => warnings.push(text),
    warnings,
  };
}

/** Somebody at the terminal who gives these answers, one after the other. */
export function typing(answers: readonly string[]): Prompts {
  const left = [...answers];
  return {
    password: async (question) => {
      const answer = left.shift();
      if (answer === undefined) throw new Error(`nothing to answer to "${question}"`);
      return await Promise.resolve(answer);
    },
    confirmFingerprint: async () => await Promise.resolve(false),
  };
}
