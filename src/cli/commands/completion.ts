import { type Command } from "commander";

const NAME = "completion";

/** First arguments with which {@link answerCompletions} is needed; the second one is what the shells' scripts call. */
export const completionCommands: readonly string[] = [NAME, "complete"];

/** Adds the line of `amber completion` to the help; runs are answered by {@link answerCompletions}. */
export function registerCompletionCommand(program: Command): void {
  program
    .command(NAME)
    .description("print the completion script of a shell")
    .argument("<shell>", "bash, zsh, fish or powershell");
}

/**
 * Adds `amber completion SHELL` and the hidden `amber complete -- …` for all commands that the program has by now; what only
 * the server knows is asked of it first.
 */
export async function answerCompletions(program: Command, args: readonly string[]): Promise<void> {
  if (args[0] !== NAME) {
    const { addServerCandidates } = await import("../completion-candidates.ts");
    await addServerCandidates(program, args.slice(args.indexOf("--") + 1));
  }
  const { default: tab } = await import("@bomb.sh/tab/commander");
  tab(program, { completionCommandName: NAME });
}
