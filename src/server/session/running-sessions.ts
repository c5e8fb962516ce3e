import { setMaxListeners } from "node:events";
import { setTimeout as delay } from "node:timers/promises";

import { type FastifyBaseLogger } from "fastify";

import { refused } from "../http/api-error.ts";

/** Why a session ends that the server cut when it stopped; stands in the log of its task. */
export const SHUTDOWN_REASON = "the server was stopped";

/** The sessions of a server: it lets them end before it stops, for a while. */
export class RunningSessions {
  readonly #running = new Set<Promise<void>>();
  readonly #cut = new AbortController();
  #isEnding = false;

  constructor() {
    setMaxListeners(0, this.#cut.signal); // Every session listens.
  }

  /** Aborts when sessions may not go on any more. */
  get cutSignal(): AbortSignal {
    return this.#cut.signal;
  }

  /**
   * Fails once the server is stopping: a session that begins then would be cut before it is of use.
   *
   * @throws {ApiError} `API_REFUSED`.
   */
  requireRunning(): void {
    if (this.#isEnding) throw refused("the server is being stopped");
  }

  /** Counts a session until it has ended; it must not reject. */
  add(session: Promise<void>): void {
    this.#running.add(session);
    void session.finally(() => this.#running.delete(session));
  }

  /** Takes no more sessions, and waits until all have ended, `graceMs` at most. */
  async drain(graceMs: number, logger: FastifyBaseLogger): Promise<void> {
    this.#isEnding = true;
    if (this.#running.size === 0) return;
    logger.info({ sessions: this.#running.size, graceMs }, "waiting for running sessions");
    const graceIsOver = new AbortController();
    const grace = delay(graceMs, undefined, { signal: graceIsOver.signal }).catch(() => undefined);
    await Promise.race([this.#whenNone(), grace]);
    graceIsOver.abort();
  }

  /** Tells what still runs to end now, and waits until that has cleaned up; whoever calls this closes the connections. */
  async cut(logger: FastifyBaseLogger): Promise<void> {
    if (this.#running.size === 0) return;
    logger.warn({ sessions: this.#running.size }, "cutting sessions that still run");
    this.#cut.abort();
    await this.#whenNone();
  }

  async #whenNone(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }
}
