import { GuestAgent } from "./guest-agent.ts";
import { guestStatus, type PointInTime } from "./point-in-time.ts";
import { type QmpClient, type QmpEvent } from "./qmp-client.ts";
import { VmError } from "./vm-error.ts";
import { type Consistency, type VmMode } from "./vm-state.ts";

/** How a guest is brought to a point in time. */
export interface QuiesceOptions {
  readonly qmp: QmpClient;
  readonly pointInTime: PointInTime;
  readonly mode: VmMode;
  /** Socket of the guest's agent, if it has one. */
  readonly agentPath: string | undefined;
  /** Whether disks have to be cut at the same moment, because there is more than one. */
  readonly disks: "one" | "several";
  /** What QEMU does when a guest has shut down, as it was started; restored after mode `stop`. */
  readonly shutdownAction: "poweroff" | "pause";
  /** The guest, when it was shut down and started again already, and waits to run; `undefined` when QEMU can do that. */
  readonly restarted: Restarted | undefined;
  /** How long a guest may take to shut down. */
  readonly stopTimeoutMs: number;
  /** Set for a guest whose QEMU ends when it shuts down: mode `stop` is not for here then. */
  readonly restart?: object | undefined;
  /** Told when something makes the snapshot less than it could be. */
  readonly onInfo: (text: string) => void;
  readonly signal: AbortSignal;
}

/** A guest that has shut down and was started again by another QEMU, but does not run yet. */
export interface Restarted {
  /** Lets it run. */
  readonly resume: () => Promise<void>;
  /** How long it was off and paused, in milliseconds; 0 until it runs. */
  readonly downMs: () => number;
}

/** A guest at its point in time. */
export interface Quiesced {
  readonly consistency: Consistency;
  /** How long its file systems held still. */
  readonly frozenMs: number;
  /** How long it was paused, up to now, in milliseconds. */
  readonly pausedMs: () => number;
  /** Lets it go on if it does not yet. */
  readonly resume: () => Promise<void>;
}

/**
 * Brings the guest to a point in time, in its mode; whatever happens, it goes on as before afterwards.
 *
 * - `snapshot`: paused for the moment of the cut when it has several disks; file systems frozen when its agent answers.
 * - `suspend`: paused until {@link Quiesced.resume}; its agent cannot be asked then.
 * - `stop`: shut down, cut, started again.
 *
 * A guest that does not run when the backup begins is not started; but one that was shut down for the backup is.
 *
 * @throws {VmError} `VM_STAYS_ON`, and what {@link PointInTime.cut} throws.
 */
export async function quiesce(options: QuiesceOptions): Promise<Quiesced> {
  const { qmp, pointInTime, mode, disks, restarted } = options;
  const pause = new Pause(qmp);
  const base = {
    frozenMs: 0,
    pausedMs: () => pause.totalMs,
    resume: async () => {
      await pause.end();
    },
  };
  if (restarted) {
    try {
      await pointInTime.cut();
    } finally {
      await restarted.resume();
    }
    return { ...base, pausedMs: restarted.downMs, consistency: "stopped" };
  }
  const status = await guestStatus(qmp);
  if (status !== "running") {
    await pointInTime.cut();
    return { ...base, consistency: status === "shutdown" ? "stopped" : "crash" };
  }
  switch (mode) {
    case "snapshot": {
      const frozen = await withFrozen(options, async () => {
        if (disks === "several") await pause.begin();
        try {
          await pointInTime.cut();
        } finally {
          await pause.end();
        }
      });
      return { ...base, ...frozen };
    }
    case "suspend":
      await pause.begin();
      try {
        await pointInTime.cut();
      } catch (error) {
        await pause.end();
        throw error;
      }
      return { ...base, consistency: "crash" };
    case "stop":
      if (options.restart !== undefined) {
        const detail = "it was resumed while the backup began; back it up again";
        throw new VmError("VM_STOP_REFUSED", "stop the guest", { detail });
      }
      await cutStopped(options, pause);
      return { ...base, consistency: "stopped" };
  }
}

/** How long a guest did not run, by QEMU's own clock. */
class Pause {
  readonly #qmp: QmpClient;
  #startUs: number | undefined;
  #endUs: number | undefined;
  #isPaused = false;

  constructor(qmp: QmpClient) {
    this.#qmp = qmp;
    qmp.onEvent(({ name, timeUs }: QmpEvent) => {
      if (name === "STOP") this.#startUs ??= timeUs;
      if (name === "RESUME" && this.#startUs !== undefined) this.#endUs = timeUs;
    });
  }

  get totalMs(): number {
    if (this.#startUs === undefined || this.#endUs === undefined) return 0;
    return (this.#endUs - this.#startUs) / 1000;
  }

  async begin(): Promise<void> {
    this.#isPaused = true;
    await this.#qmp.execute("stop");
  }

  async end(): Promise<void> {
    if (!this.#isPaused) return;
    await this.#qmp.execute("cont");
    this.#isPaused = false;
  }
}

/** Runs `cut` while the guest's file systems hold still, if they can be made to. */
async function withFrozen(
  { agentPath, onInfo }: QuiesceOptions,
  cut: () => Promise<void>,
): Promise<{ readonly consistency: Consistency; readonly frozenMs: number }> {
  const agent = agentPath === undefined ? undefined : await openAgent(agentPath, onInfo);
  if (!agent) {
    await cut();
    return { consistency: "crash", frozenMs: 0 };
  }
  try {
    const startedAtMs = performance.now();
    const count = await freeze(agent, onInfo);
    try {
      await cut();
    } finally {
      // Also when freezing failed: some of them may hold still.
      await thaw(agent, agentPath ?? "");
    }
    return {
      consistency: count > 0 ? "file-systems" : "crash",
      frozenMs: performance.now() - startedAtMs,
    };
  } finally {
    agent[Symbol.dispose]();
  }
}

async function openAgent(
  path: string,
  onInfo: QuiesceOptions["onInfo"],
): Promise<GuestAgent | undefined> {
  try {
    return await GuestAgent.open(path);
  } catch (error) {
    if (!(error instanceof VmError)) throw error;
    onInfo(
      `The guest's agent does not answer, so its file systems are not frozen: ${error.message}`,
    );
    return undefined;
  }
}

async function freeze(agent: GuestAgent, onInfo: QuiesceOptions["onInfo"]): Promise<number> {
  try {
    return await agent.freeze();
  } catch (error) {
    if (!(error instanceof VmError)) throw error;
    onInfo(`The guest's file systems cannot be frozen: ${error.message}`);
    return 0;
  }
}

/** A guest that stays frozen is worse than any failed backup, so a new connection is tried too. */
async function thaw(agent: GuestAgent, path: string): Promise<void> {
  try {
    await agent.thaw();
  } catch (error) {
    if (!(error instanceof VmError)) throw error;
    agent[Symbol.dispose]();
    const again = await GuestAgent.open(path);
    try {
      await again.thaw();
    } finally {
      again[Symbol.dispose]();
    }
  }
}

/** Shuts the guest down, which QEMU is told to survive; cuts; starts the guest again. */
async function cutStopped(options: QuiesceOptions, pause: Pause): Promise<void> {
  const { qmp, pointInTime, stopTimeoutMs, shutdownAction, signal } = options;
  await qmp.execute("set-action", { shutdown: "pause" });
  try {
    const ended = qmp.waitFor(({ name }) => name === "SHUTDOWN", {
      what: "the guest to shut down",
      timeoutMs: stopTimeoutMs,
      signal,
    });
    ended.catch(() => undefined); // Not awaited when the command fails.
    await qmp.execute("system_powerdown");
    try {
      await ended;
    } catch (cause) {
      const isLate = cause instanceof VmError && cause.code === "VM_TIMEOUT";
      throw isLate ? new VmError("VM_STAYS_ON", "stop the guest", { cause }) : cause;
    }
    try {
      await pointInTime.cut();
    } finally {
      await qmp.execute("system_reset");
      await qmp.execute("cont");
    }
  } finally {
    await qmp.execute("set-action", { shutdown: shutdownAction });
  }
  await pause.end();
}
