import { appendFile, rename, stat } from "node:fs/promises";

import { type FastifyBaseLogger } from "fastify";

import { type Clock } from "../format/clock.ts";
import { type AuditEntry } from "./http/audit.ts";

/** Size at which the file is set aside as `.1`, and `.1` as `.2`. */
const FILE_BYTES_MAX = 32 * 1024 * 1024;

/** Files that are kept besides the present one. */
const OLD_FILES = 9;

/**
 * Who did what, from where: one line of JSON for each change, session, download, login and refusal, in the order in which they ended.
 *
 * A line that cannot be written is said in the server's log, and stops nothing.
 */
export class AuditLog implements AsyncDisposable {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #logger: FastifyBaseLogger;
  #waiting = "";
  #writing: Promise<void> | undefined;

  constructor(
    path: string,
    { clock, logger }: { readonly clock: Clock; readonly logger: FastifyBaseLogger },
  ) {
    this.#path = path;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Adds a line. */
  add(entry: AuditEntry): void {
    const time = new Date(this.#clock.nowMs()).toISOString();
    this.#waiting += `${JSON.stringify({ time, ...entry })}\n`;
    this.#writing ??= this.#write();
  }

  /** Waits until everything is written. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    try {
      while (this.#waiting !== "") {
        const lines = this.#waiting;
        this.#waiting = "";
        await this.#rotate();
        await appendFile(this.#path, lines, { mode: 0o600 });
      }
    } catch (error) {
      this.#logger.error({ err: error, path: this.#path }, "audit log cannot be written");
    } finally {
      this.#writing = undefined;
    }
  }

  async #rotate(): Promise<void> {
    const size = (await stat(this.#path).catch(() => undefined))?.size ?? 0;
    if (size < FILE_BYTES_MAX) return;
    for (let i = OLD_FILES - 1; i >= 0; i--) {
      const from = i === 0 ? this.#path : `${this.#path}.${i}`;
      await rename(from, `${this.#path}.${i + 1}`).catch(ignoreMissing);
    }
  }
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
}
