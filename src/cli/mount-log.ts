import { spawn } from "node:child_process";

import { describeFailure } from "./run-command.ts";
import { type CommandLog, commandLog, type LogLevel } from "./log.ts";

/** Failures written in one period; a program that reads a damaged file again and again must not fill the disk. */
const FAILURES_MAX = 20;
/** Different causes, such as damaged chunks, that are written in one period although there were that many failures. */
const CAUSES_MAX = 1_000;
const PERIOD_MS = 10_000;

/** What a {@link MountLog} reaches outside itself; tests give their own. */
export interface MountLogParts {
  /** A clock that never goes back, in milliseconds. */
  readonly nowMs: () => number;
  /** Takes the lines until {@link MountLog.detach}. */
  readonly log: CommandLog;
}

/** Where a mount says what is wrong: standard error, or the system's log once nobody reads that any more. */
export class MountLog {
  readonly #parts: MountLogParts;
  readonly #causes: Set<string> = new Set<string>();
  #isDetached = false;
  #periodStartMs = 0;
  #omittedCount = 0;
  #count = 0;

  constructor(parts: MountLogParts = { nowMs: () => performance.now(), log: commandLog }) {
    this.#parts = parts;
  }

  /** From now on lines go to the system's log. */
  detach(): void {
    this.#isDetached = true;
    // Whoever read it has gone; a late line there must not end the mount.
    process.stderr.on("error", () => undefined);
  }

  /** Writes one line. */
  line(level: LogLevel, text: string): void {
    if (!this.#isDetached) this.#parts.log.line(level, text);
    else if (this.#parts.log.shows(level)) writeToSystemLog(level, text);
  }

  /** Writes what went wrong with a request; of very many only some, but every cause once in a while. */
  failure(error: Error): void {
    const nowMs = this.#parts.nowMs();
    if (nowMs - this.#periodStartMs > PERIOD_MS) {
      if (this.#omittedCount > 0) {
        this.line("error", `${this.#omittedCount} more errors were not shown`);
      }
      this.#periodStartMs = nowMs;
      this.#omittedCount = 0;
      this.#count = 0;
      this.#causes.clear();
    }
    const cause = deepestMessage(error);
    const isNew = this.#causes.size < CAUSES_MAX && !this.#causes.has(cause);
    if (isNew) this.#causes.add(cause);
    if (this.#count++ < FAILURES_MAX || isNew) this.line("error", describeFailure(error));
    else this.#omittedCount++;
  }
}

function deepestMessage(error: Error): string {
  const seen = new Set<Error>();
  let deepest = error;
  while (deepest.cause instanceof Error && !seen.has(deepest)) {
    seen.add(deepest);
    deepest = deepest.cause;
  }
  return deepest.message;
}

/** By the program that every Linux system has; where it is missing there is no log to write to. */
function writeToSystemLog(level: LogLevel, text: string): void {
  const priority = level === "error" ? "err" : level === "warn" ? "warning" : "info";
  const child = spawn("logger", ["-t", "amber", "-p", `daemon.${priority}`, "--", text], {
    stdio: "ignore",
  });
  child.on("error", () => undefined);
  child.unref();
}
