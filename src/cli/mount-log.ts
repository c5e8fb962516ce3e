import { spawn } from "node:child_process";

import { describeFailure } from "./run-command.ts";
import { commandLog, type LogLevel } from "./log.ts";

/** Failures written in one period; a program that reads a damaged file again and again must not fill the disk. */
const FAILURES_MAX = 20;
const PERIOD_MS = 10_000;

/** Where a mount says what is wrong: standard error, or the system's log once nobody reads that any more. */
export class MountLog {
  #isDetached = false;
  #periodStartMs = 0;
  #count = 0;

  /** From now on lines go to the system's log. */
  detach(): void {
    this.#isDetached = true;
    // Whoever read it has gone; a late line there must not end the mount.
    process.stderr.on("error", () => undefined);
  }

  /** Writes one line. */
  line(level: LogLevel, text: string): void {
    if (!this.#isDetached) commandLog.line(level, text);
    else if (commandLog.shows(level)) writeToSystemLog(level, text);
  }

  /** Writes what went wrong with a request; of very many only some. */
  failure(error: Error): void {
    const nowMs = performance.now();
    if (nowMs - this.#periodStartMs > PERIOD_MS) {
      if (this.#count > FAILURES_MAX) {
        this.line("error", `${this.#count - FAILURES_MAX} more errors were not shown`);
      }
      this.#periodStartMs = nowMs;
      this.#count = 0;
    }
    if (this.#count++ < FAILURES_MAX) this.line("error", describeFailure(error));
  }
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
