import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { type Json } from "../../format/manifest/canonical-json.ts";
import { isJsonObject } from "../../format/manifest/parse-json.ts";
import { JsonLines } from "./json-lines.ts";
import { VmError } from "./vm-error.ts";

/** How long the agent may take to say that it is there. */
const SYNC_MS = 3000;

/** How long a command may take: freezing waits for what the guest still has to write. */
const COMMAND_MS = 60_000;

/**
 * QEMU's agent inside a guest: the way to make file systems consistent.
 *
 * One command at a time. A guest that has none running just does not answer.
 *
 * @see spec sources-feasibility.md §1.7
 */
export class GuestAgent implements Disposable {
  #lines: JsonLines | undefined;
  #onAnswer: ((value: Json | Error) => void) | undefined;

  /**
   * Connects, and waits until the agent answers.
   *
   * @throws {VmError} `VM_UNREACHABLE`, `VM_TIMEOUT` when it does not, `VM_LOST`.
   */
  static async open(path: string): Promise<GuestAgent> {
    const agent = new GuestAgent();
    agent.#lines = await JsonLines.open(path, {
      onValue: (value) => {
        agent.#onAnswer?.(value);
      },
      onEnd: (error) => {
        agent.#onAnswer?.(error);
      },
    });
    try {
      await agent.#synchronise();
      return agent;
    } catch (error) {
      agent[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * Makes all file systems of the guest write what they hold back, and hold still.
   *
   * @returns How many.
   */
  async freeze(): Promise<number> {
    return Number(await this.#run("guest-fsfreeze-freeze"));
  }

  /** Lets them go on, and makes sure of it. */
  async thaw(): Promise<void> {
    await this.#run("guest-fsfreeze-thaw");
    const status = await this.#run("guest-fsfreeze-status");
    if (status === "thawed") return;
    throw new VmError("VM_PROTOCOL", "thaw the guest's file systems", {
      detail: "the agent says that they are still frozen",
    });
  }

  /** Hangs up. */
  [Symbol.dispose](): void {
    this.#lines?.[Symbol.dispose]();
  }

  /** Whatever was said before is not for us; our own number is the sign that the agent listens. */
  async #synchronise(): Promise<void> {
    const id = randomBytes(4).readUInt32BE();
    this.#lines?.sendReset();
    await this.#ask({ execute: "guest-sync-delimited", arguments: { id } }, SYNC_MS, (value) => {
      return isJsonObject(value) && value["return"] === id;
    });
  }

  async #run(command: string): Promise<Json | undefined> {
    const answer = await this.#ask({ execute: command }, COMMAND_MS, () => true);
    if (!isJsonObject(answer)) return undefined;
    const { error } = answer;
    if (isJsonObject(error)) {
      const detail = typeof error["desc"] === "string" ? error["desc"] : "it refuses";
      throw new VmError("VM_REFUSED", `run "${command}" in the guest`, { detail });
    }
    return answer["return"];
  }

  async #ask(
    request: { readonly execute: string; readonly arguments?: object },
    timeoutMs: number,
    isAnswer: (value: Json) => boolean,
  ): Promise<Json> {
    const done = new AbortController();
    const answered = new Promise<Json>((resolve, reject) => {
      this.#onAnswer = (value) => {
        if (value instanceof Error) reject(value);
        else if (isAnswer(value)) resolve(value);
      };
      this.#lines?.send(request);
    });
    const late = sleep(timeoutMs, undefined, { signal: done.signal }).then(() => {
      throw new VmError("VM_TIMEOUT", `run "${request.execute}" in the guest`);
    });
    late.catch(() => undefined);
    try {
      return await Promise.race([answered, late]);
    } finally {
      done.abort();
      this.#onAnswer = undefined;
    }
  }
}
