import { virsh } from "./virsh.ts";
import { VmError } from "./vm-error.ts";

/** What a domain does; it is off when it is `shut-down` by its guest, `destroyed` by somebody or `ended` otherwise. */
export type DomainState = "running" | "paused" | "shut-down" | "destroyed" | "ended" | "other";

/** libvirt's numbers of a state and its reason (`virDomainState`, `virDomainShutoffReason`). */
const STATES: readonly (readonly [state: RegExp, means: DomainState])[] = [
  [/^1:/, "running"],
  [/^3:/, "paused"],
  [/^5:1$/, "shut-down"],
  [/^5:2$/, "destroyed"],
  [/^5:/, "ended"],
];

/** A domain of libvirt, through `virsh`. */
export class LibvirtDomain {
  /** As the user calls it: its name, UUID or number. */
  readonly name: string;
  /** Its identity, which QEMU is started with; numbers change when it is started again. */
  readonly uuid: string;

  private constructor(name: string, uuid: string) {
    this.name = name;
    this.uuid = uuid;
  }

  /**
   * Finds a domain, whether it runs or not.
   *
   * @throws {VmError} `VM_TOOL_MISSING`, `VM_TOOL_FAILED` for a domain that is not there.
   */
  static async find(name: string): Promise<LibvirtDomain> {
    const uuid = await virsh(["domuuid", "--domain", name], { domain: name });
    return new LibvirtDomain(name, uuid.trim());
  }

  /** Its XML: as it is now, or as it will be when it is started the next time. */
  async xml(when: "now" | "next"): Promise<string> {
    return await this.#run(["dumpxml", ...(when === "next" ? ["--inactive"] : [])]);
  }

  /** What it does now. */
  async state(): Promise<DomainState> {
    // The words of `domstate` are translated, these are not.
    const stats = await virsh(["domstats", "--state", this.uuid], { domain: this.name });
    const numbers = `${stat(stats, "state.state")}:${stat(stats, "state.reason")}`;
    return STATES.find(([state]) => state.test(numbers))?.[1] ?? "other";
  }

  /**
   * Refuses a domain that does not come back after its guest has shut down.
   *
   * @throws {VmError} `VM_STOP_REFUSED`.
   */
  async checkCanRestart(): Promise<void> {
    const action = `stop the domain "${this.name}"`;
    const persistent = await virsh(["list", "--all", "--persistent", "--uuid"], {
      domain: this.name,
    });
    if (!persistent.split(/\s+/).includes(this.uuid)) {
      const detail = "it is transient, so it would be gone; use mode snapshot, or virsh define it";
      throw new VmError("VM_STOP_REFUSED", action, { detail });
    }
    const then = /<on_poweroff>(?<then>[^<]*)<\/on_poweroff>/.exec(await this.xml("now"));
    const what = then?.groups?.["then"] ?? "destroy";
    if (what === "destroy") return;
    const detail = `its on_poweroff is "${what}" and not "destroy", so it would not be shut off`;
    throw new VmError("VM_STOP_REFUSED", action, { detail });
  }

  /** Presses its power button, or tells its agent; may take as long as the agent. */
  async shutDown(signal: AbortSignal): Promise<void> {
    await virsh(["shutdown", "--domain", this.uuid], { domain: this.name, signal });
  }

  /** Starts it, to run at once or to wait for {@link LibvirtDomain.resume}. */
  async start(how: "paused" | "running"): Promise<void> {
    await this.#run(["start", ...(how === "paused" ? ["--paused"] : [])]);
  }

  /** Lets it run. */
  async resume(): Promise<void> {
    await this.#run(["resume"]);
  }

  async #run([command = "", ...options]: readonly string[]): Promise<string> {
    return await virsh([command, "--domain", this.uuid, ...options], { domain: this.name });
  }
}

function stat(stats: string, name: string): string {
  const line = stats.split("\n").find((one) => one.trim().startsWith(`${name}=`));
  return line?.split("=")[1]?.trim() ?? "";
}
