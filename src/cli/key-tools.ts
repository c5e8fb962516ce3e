import { readClientConfig } from "../client/config.ts";
import { type KeyTools } from "../client/keys/make-key.ts";
import { terminalPrompts } from "../client/session/terminal-prompts.ts";
import { systemClock } from "../format/clock.ts";
import { createNativeProvider } from "../format/crypto/native-provider.ts";
import { commandLog } from "./log.ts";

/** What the commands below `amber key` work with: this machine's clock, chance, environment and terminal. */
export function keyTools(): KeyTools {
  return {
    provider: createNativeProvider(),
    clock: systemClock,
    config: readClientConfig(),
    prompts: terminalPrompts(),
    warn: (text) => {
      commandLog.line("warn", `Warning: ${text}`);
    },
  };
}
