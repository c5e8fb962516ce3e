import { setMaxListeners } from "node:events";

import { BackupError } from "../format/backup-error.ts";
import { commandLog } from "./log.ts";
import { programStyle } from "./official/personality.ts";

/** What the program's exit status says to scripts. */
export const exitCodes = {
  /** Everything was done. */
  ok: 0,
  /** Nothing useful was done, or the arguments were wrong. */
  failed: 1,
  /** Done, but some source files could not be read. */
  incomplete: 3,
  /** Ended by Ctrl-C. */
  interrupted: 130,
  /** Ended by a request to terminate. */
  terminated: 143,
} as const;

/** One of {@link exitCodes}. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Reason of the abort when the user or the system asked the program to end. */
export class Interrupted extends Error {
  /** What the program exits with. */
  readonly exitCode: ExitCode;

  constructor(signal: "SIGINT" | "SIGTERM") {
    super(signal === "SIGINT" ? "interrupted" : "terminated");
    this.name = "Interrupted";
    this.exitCode = signal === "SIGINT" ? exitCodes.interrupted : exitCodes.terminated;
  }
}

/** Reason of the abort when the reader of the results, for example `head`, wants no more. */
class OutputClosed extends Error {
  constructor() {
    super("standard output was closed");
    this.name = "OutputClosed";
  }
}

/** How a command differs from others while it runs. */
export interface RunOptions {
  /** Whether it has more to do than to print; default is that it ends when nobody reads its results any more. */
  readonly whenOutputCloses?: "end" | "go-on";
}

/**
 * Runs the body of one command and turns its outcome into the exit status; never rejects.
 *
 * The first SIGINT or SIGTERM aborts `signal`, so that the command can end in order; a second one ends the program
 * at once. A failure becomes one line `Error: …` on standard error, its causes indented below it; stack traces are
 * shown only for our own mistakes when `PBS_LOG` is `debug` or `trace`. A reader of standard output that leaves early is no
 * failure.
 *
 * @param action Its value, if any, is the exit status of a run that did not fail.
 */
export async function runCommand(
  action: (signal: AbortSignal) => Promise<void> | Promise<ExitCode>,
  options: RunOptions = {},
): Promise<void> {
  const stop = new AbortController();
  setMaxListeners(0, stop.signal); // Every request under way listens.
  const onSignal = (name: "SIGINT" | "SIGTERM"): void => {
    if (stop.signal.aborted) {
      removeHandlers();
      process.kill(process.pid, name);
      return;
    }
    stop.abort(new Interrupted(name));
  };
  const removeHandlers = (): void => {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  const onOutputError = (error: NodeJS.ErrnoException): void => {
    if (error.code !== "EPIPE") stop.abort(error);
    else if (options.whenOutputCloses !== "go-on") stop.abort(new OutputClosed());
  };
  process.stdout.on("error", onOutputError);
  process.stderr.on("error", ignoreClosedPipe);
  try {
    process.exitCode = (await action(stop.signal)) ?? exitCodes.ok;
  } catch (error) {
    process.exitCode = reportFailure(error, stop.signal);
  } finally {
    removeHandlers();
  }
}

/**
 * Renders a failure for the console: `Error: <message>` and one indented line per cause; under an official name, the block
 * `Caused by:` that its programs print (spec client-cli.md §1).
 *
 * A cause whose text the message above already ends with is left out.
 */
export function describeFailure(error: unknown, style = programStyle()): string {
  const message = `Error: ${messageOf(error)}`;
  const causes = causesOf(error);
  if (style === "amber")
    return [message, ...causes.map((text) => `  Caused by: ${text}`)].join("\n");
  if (causes.length === 0) return message;
  const numbered = causes.map((text, i) => `    ${causes.length > 1 ? `${i}: ` : ""}${text}`);
  return [message, "", "Caused by:", ...numbered].join("\n");
}

function causesOf(error: unknown): string[] {
  const lines: string[] = [];
  let above = messageOf(error);
  const seen = new Set<unknown>([error]);
  for (let cause = causeOf(error); cause !== undefined; cause = causeOf(cause)) {
    if (seen.has(cause)) break;
    seen.add(cause);
    const message = messageOf(cause);
    if (!above.endsWith(message)) lines.push(message);
    above = message;
  }
  return lines;
}

/**
 * Prints why a command failed and tells the exit status for it.
 *
 * @param signal What the command was told to end by; its reason explains more than what the command then ran into.
 */
export function reportFailure(error: unknown, signal: AbortSignal | undefined): ExitCode {
  const reason: unknown = signal?.reason;
  if (reason instanceof OutputClosed) return exitCodes.ok;
  if (signal?.aborted === true && reason instanceof Interrupted) {
    commandLog.line("error", `Error: ${reason.message}`);
    return reason.exitCode;
  }
  if (error instanceof Error && /^(Abort|Exit)PromptError$/.test(error.name)) {
    // Ctrl-D or Ctrl-C at a question: the terminal is in raw mode then, so no signal comes.
    commandLog.line("error", "Error: interrupted");
    return exitCodes.interrupted;
  }
  commandLog.line("error", describeFailure(error));
  if (error instanceof BackupError) {
    if (error.code === "CLI_USAGE") commandLog.line("error", usageHint);
  } else if (error instanceof Error && error.stack !== undefined) {
    commandLog.line("debug", error.stack);
  }
  return exitCodes.failed;
}

/** Line that follows every complaint about wrong arguments. */
export const usageHint = "Run the command with --help to see how it is used.";

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof AggregateError && error.message === "") {
    return error.errors.map(messageOf).join("; ");
  }
  return error.message === "" ? error.name : error.message;
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}

/** Nobody reads what the program says about itself; what it does is done all the same. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
}
