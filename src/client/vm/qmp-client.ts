import { setTimeout as sleep } from "node:timers/promises";

import { type Json, type JsonObject } from "../../format/manifest/canonical-json.ts";
import { isJsonObject } from "../../format/manifest/parse-json.ts";
import { JsonLines } from "./json-lines.ts";
import { VmError } from "./vm-error.ts";

/** Something that happened in QEMU by itself. */
export interface QmpEvent {
  /** For example `SHUTDOWN`. */
  readonly name: string;
  readonly data: JsonObject;
  /** Microseconds since the epoch by QEMU's clock. */
  readonly timeUs: number;
}

/** What QEMU says when it refuses a command. */
export class QmpRefusal extends VmError {
  /** QEMU's class of the error, for example `CommandNotFound`. */
  readonly errorClass: string;

  constructor(command: string, errorClass: string, description: string) {
    super("VM_REFUSED", `run "${command}" in QEMU`, { detail: description });
    this.errorClass = errorClass;
  }
}

/** How a {@link QmpClient} connects. */
export interface QmpOptions {
  /** Path of the Unix socket. */
  readonly path: string;
  /** Longest wait for the greeting and for each answer. */
  readonly timeoutMs: number;
}

interface Waiting {
  readonly resolve: (value: Json | undefined) => void;
  readonly reject: (error: Error) => void;
  readonly command: string;
}

/**
 * The monitor of a running QEMU (QMP): commands, their answers, and events in between.
 *
 * QEMU serves one client a socket and answers in order; calls may overlap. When the connection ends, every call under way and
 * every later one fails with `VM_LOST`.
 *
 * @see spec sources-feasibility.md §1.8
 */
export class QmpClient implements Disposable {
  readonly #options: QmpOptions;
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners = new Set<(event: QmpEvent) => void>();
  readonly #onLost: ((error: Error) => void)[] = [];
  #lines: JsonLines | undefined;
  #onGreeting: (() => void) | undefined;
  #lost: Error | undefined;
  #lastId = 0;

  private constructor(options: QmpOptions) {
    this.#options = options;
  }

  /**
   * Connects and leaves the negotiation behind.
   *
   * @throws {VmError} `VM_UNREACHABLE`, `VM_MONITOR_TAKEN`, `VM_LOST`.
   */
  static async connect(options: QmpOptions): Promise<QmpClient> {
    const client = new QmpClient(options);
    const greeted = new Promise<boolean>((resolve, reject) => {
      client.#onGreeting = () => {
        resolve(true);
      };
      client.#onLost.push(reject);
    });
    greeted.catch(() => undefined); // Awaited below, unless connecting fails first.
    client.#lines = await JsonLines.open(options.path, {
      onValue: (value) => {
        client.#take(value);
      },
      onEnd: (error) => {
        client.#end(error);
      },
    });
    const timer = new AbortController();
    const late = sleep(options.timeoutMs, false, { signal: timer.signal }).catch(() => false);
    try {
      if (!(await Promise.race([greeted, late]))) {
        throw new VmError("VM_MONITOR_TAKEN", `use the monitor "${options.path}"`);
      }
      await client.execute("qmp_capabilities");
      return client;
    } catch (error) {
      client[Symbol.dispose]();
      throw error;
    } finally {
      timer.abort();
    }
  }

  /** Why nothing works any more, if so. */
  get lost(): Error | undefined {
    return this.#lost;
  }

  /**
   * Runs a command.
   *
   * @returns What it returns, not checked.
   * @throws {QmpRefusal} QEMU's error; {@link VmError} `VM_LOST`, `VM_TIMEOUT`.
   */
  async execute(
    command: string,
    args: Readonly<Record<string, unknown>> = {},
  ): Promise<Json | undefined> {
    if (this.#lost) throw this.#lost;
    const id = ++this.#lastId;
    const timer = new AbortController();
    const answered = new Promise<Json | undefined>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, command });
      this.#lines?.send({ execute: command, arguments: args, id });
    });
    const late = sleep(this.#options.timeoutMs, undefined, { signal: timer.signal }).then(() => {
      throw new VmError("VM_TIMEOUT", `run "${command}" in QEMU`);
    });
    late.catch(() => undefined);
    try {
      return await Promise.race([answered, late]);
    } finally {
      timer.abort();
      this.#waiting.delete(id);
    }
  }

  /** Listens to events until the returned function is called. */
  onEvent(listener: (event: QmpEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Waits for an event; to be called before what causes it.
   *
   * @throws {VmError} `VM_LOST`, `VM_TIMEOUT`; the signal's reason.
   */
  async waitFor(
    isWanted: (event: QmpEvent) => boolean,
    { what, timeoutMs, signal }: WaitOptions,
  ): Promise<QmpEvent> {
    if (this.#lost) throw this.#lost;
    const done = new AbortController();
    const happened = new Promise<QmpEvent>((resolve, reject) => {
      const stop = this.onEvent((event) => {
        if (isWanted(event)) resolve(event);
      });
      done.signal.addEventListener("abort", stop);
      this.#onLost.push(reject);
      signal?.addEventListener("abort", () => {
        reject(signal.reason instanceof Error ? signal.reason : new Error("aborted"));
      });
    });
    const late = sleep(timeoutMs, undefined, { signal: done.signal }).then(() => {
      throw new VmError("VM_TIMEOUT", `wait for ${what}`);
    });
    late.catch(() => undefined);
    try {
      return await Promise.race([happened, late]);
    } finally {
      done.abort();
    }
  }

  /** Hangs up; QEMU goes on. */
  [Symbol.dispose](): void {
    this.#lines?.[Symbol.dispose]();
    this.#end(new VmError("VM_LOST", `use the monitor "${this.#options.path}"`));
  }

  #take(value: Json): void {
    if (!isJsonObject(value)) return;
    if ("QMP" in value) this.#onGreeting?.();
    const { event, id, error } = value;
    if (typeof event === "string") {
      const data = isJsonObject(value["data"]) ? value["data"] : {};
      const told = { name: event, data, timeUs: timeOf(value["timestamp"]) };
      for (const listener of [...this.#listeners]) listener(told);
      return;
    }
    const waiting = typeof id === "number" ? this.#waiting.get(id) : undefined;
    if (!waiting) return;
    if (isJsonObject(error)) {
      const { class: errorClass, desc } = error;
      waiting.reject(new QmpRefusal(waiting.command, textOf(errorClass), textOf(desc)));
    } else waiting.resolve(value["return"]);
  }

  #end(error: Error): void {
    if (this.#lost) return;
    this.#lost = error;
    for (const { reject } of this.#waiting.values()) reject(error);
    for (const tell of this.#onLost) tell(error);
  }
}

/** What is waited for, and how long. */
export interface WaitOptions {
  /** For the error, for example `the end of the export`. */
  readonly what: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

function timeOf(stamp: Json | undefined): number {
  if (!isJsonObject(stamp)) return 0;
  return Number(stamp["seconds"]) * 1_000_000 + Number(stamp["microseconds"]);
}

function textOf(value: Json | undefined): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
