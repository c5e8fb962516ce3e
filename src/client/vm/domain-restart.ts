import { setTimeout as sleep } from "node:timers/promises";

import { abortOnAny } from "../../chunks/abort-on-any.ts";
import { type DomainState, type LibvirtDomain } from "./libvirt-domain.ts";
import { openLibvirtMonitor } from "./libvirt-monitor.ts";
import { type Restarted } from "./quiesce.ts";
import { VmError } from "./vm-error.ts";
import { processOfUuid, uidOf } from "./vm-process.ts";

/** How often libvirt is asked whether the guest has shut down: what it costs of a core, and what it adds to the downtime. */
const LOOK_MS = 150;

/** How often a domain that is not brought back at once is tried: a command of before may still be under way. */
const ATTEMPTS = 4;

/** How long libvirt may say nothing of a domain that is to be brought back: it may itself be restarted just then. */
const SILENCE_MS_MAX = 30_000;

/** What a {@link DomainRestart} is told. */
export interface DomainRestartOptions {
  readonly signal: AbortSignal;
  /** Told what becomes of the guest when that is not in an error. */
  readonly onInfo: (text: string) => void;
}

/**
 * Mode `stop` of a domain of libvirt, which ends QEMU when its guest has shut down and starts another.
 *
 * Whatever fails after the guest has shut down, it is made to run again, or the error says that it does not.
 */
export class DomainRestart {
  readonly #domain: LibvirtDomain;
  #offAtMs = 0;

  constructor(domain: LibvirtDomain) {
    this.#domain = domain;
  }

  /**
   * Shuts the guest down. One that is on after that time is left alone: it may still shut down, and stays off then.
   *
   * @throws {VmError} `VM_STAYS_ON`; `VM_LEFT_OFF` when it was ended otherwise meanwhile; the signal's reason.
   */
  async shutDown({
    timeoutMs,
    signal,
    onInfo,
  }: DomainRestartOptions & { readonly timeoutMs: number }): Promise<void> {
    const action = `stop the domain "${this.#domain.name}"`;
    const ifOff = `${this.#remedy("start")} it`;
    signal.throwIfAborted();
    using joined = abortOnAny([signal], { timeoutMs });
    const limit = joined.signal;
    try {
      await this.#domain.shutDown(limit);
    } catch (error) {
      // libvirt may have taken the request all the same.
      const { state } = limit.aborted ? { state: undefined } : await this.#look();
      if (state === "running") {
        onInfo(
          `Warning: the domain "${this.#domain.name}" may have been told to shut down; ${ifOff} if it does`,
        );
        throw error;
      }
    }
    for (;;) {
      const isLast = limit.aborted;
      const { state, error: cause } = await this.#look();
      if (state === "shut-down") break;
      if (state === "destroyed" || state === "ended") {
        const detail = `it was ended otherwise while it shut down; ${ifOff}`;
        throw new VmError("VM_LEFT_OFF", action, { detail });
      }
      if (isLast && signal.aborted) {
        onInfo(
          `Warning: the domain "${this.#domain.name}" was told to shut down and may still do so; ${ifOff} then`,
        );
        signal.throwIfAborted();
      }
      if (isLast) {
        const why =
          cause === undefined ? "it has not shut down in time" : "it does not say its state";
        const detail = `${why} and is left alone; should it still do so, ${ifOff}`;
        throw new VmError("VM_STAYS_ON", action, { detail, cause });
      }
      await sleep(LOOK_MS, undefined, { signal: limit }).catch(() => undefined);
    }
    this.#offAtMs = performance.now();
  }

  /**
   * Starts the domain, which has shut down, and hands it out before its guest runs. It runs in the end, whatever `work` does.
   *
   * @param work Gets the path of the new QEMU's monitor, and what lets the guest run.
   * @throws {VmError} `VM_LEFT_OFF` when the guest does not run again; what `work` throws.
   */
  async startFor(
    told: DomainRestartOptions,
    work: (qmpPath: string, restarted: Restarted) => Promise<void>,
  ): Promise<void> {
    let downMs: number | undefined;
    try {
      told.signal.throwIfAborted();
      await this.#domain.start("paused");
      const process = await processOfUuid(this.#domain.uuid);
      const uid = process && (await uidOf(process));
      if (uid === undefined)
        throw new VmError("VM_LOST", `start the domain "${this.#domain.name}"`);
      await using monitor = await openLibvirtMonitor(this.#domain.uuid, uid);
      await work(monitor.path, {
        resume: async () => {
          await this.#domain.resume();
          downMs = performance.now() - this.#offAtMs;
        },
        downMs: () => downMs ?? 0,
      });
    } catch (error) {
      if (downMs === undefined) await this.#bringBack(error, told);
      throw error;
    }
  }

  /** Asks libvirt, which may itself be restarted just then and not answer for a while. */
  async #look(): Promise<{ readonly state: DomainState | undefined; readonly error?: unknown }> {
    try {
      return { state: await this.#domain.state() };
    } catch (error) {
      return { state: undefined, error };
    }
  }

  async #bringBack(cause: unknown, told: DomainRestartOptions): Promise<void> {
    let why = cause;
    const startedAtMs = performance.now();
    for (let i = 0; ; i++) {
      const { state, error: unknown } = await this.#look();
      if (state === "running") return;
      if (state === undefined && performance.now() - startedAtMs < SILENCE_MS_MAX) {
        await sleep(LOOK_MS);
        i = -1;
        continue;
      }
      if (state === "destroyed" || i === ATTEMPTS) throw this.#leftOff(state, unknown ?? why, told);
      try {
        if (state === "paused") await this.#domain.resume();
        else await this.#domain.start("running");
      } catch (error) {
        why = error;
        await sleep(LOOK_MS);
      }
    }
  }

  #leftOff(
    state: DomainState | undefined,
    cause: unknown,
    { signal, onInfo }: DomainRestartOptions,
  ): VmError {
    const remedy = this.#remedy(state === "paused" ? "resume" : "start");
    const is = state === "paused" ? "it is paused" : "it is shut off";
    const detail = `${state === undefined ? "libvirt does not say its state" : is}; ${remedy} it`;
    const action = `run the domain "${this.#domain.name}" again`;
    const error = new VmError("VM_LEFT_OFF", action, { detail, cause });
    // Of an interrupted program people are told nothing but that.
    if (signal.aborted) onInfo(`Warning: ${error.message}`);
    return error;
  }

  #remedy(command: "start" | "resume"): string {
    const { name, uuid } = this.#domain;
    return `"virsh ${command} ${/^\d+$/.test(name) ? uuid : name}" ${command}s`;
  }
}
