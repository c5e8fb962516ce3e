import { stat } from "node:fs/promises";
import { resolve } from "node:path";

import { DomainRestart } from "../../client/vm/domain-restart.ts";
import { LibvirtDomain } from "../../client/vm/libvirt-domain.ts";
import { openLibvirtMonitor } from "../../client/vm/libvirt-monitor.ts";
import { VmError } from "../../client/vm/vm-error.ts";
import {
  agentOf,
  monitorsOf,
  processAtSocket,
  processOfUuid,
  uidOf,
  vmProcess,
  type VmProcess,
} from "../../client/vm/vm-process.ts";
import { type VmMode } from "../../client/vm/vm-state.ts";
import { CliError } from "../cli-error.ts";
import { wholeNumber } from "../whole-number.ts";

/** Options that say which guest is meant. */
export interface VmChoice {
  readonly qmp?: string;
  readonly pid?: string;
  /** Domain of libvirt. */
  readonly libvirt?: string;
  /** Socket of the agent; `false` when it is not to be used. */
  readonly agent?: string | false;
  /** Mode `stop` wants a domain that can be started again. */
  readonly mode: VmMode;
}

/** The guest that is meant. */
export interface ChosenVm {
  /** Path of its monitor. */
  readonly qmpPath: string;
  /** Its process; `undefined` when the system does not tell, for example to other users than root. */
  readonly process: VmProcess | undefined;
  /** Socket of its agent, if it has one that is to be used. */
  readonly agentPath: string | undefined;
  /** What QEMU was started to do when the guest has shut down. */
  readonly shutdownAction: "poweroff" | "pause";
  /** The XML of its domain, when it is libvirt's. */
  readonly libvirtXml: string | undefined;
  /** Stops and starts it in mode `stop`, when it is libvirt's. */
  readonly restart: DomainRestart | undefined;
  /** Lets go of the monitor, where one was made. */
  readonly release: () => Promise<void>;
}

/** Highest number of a process that Linux gives. */
const PID_MAX = 4_194_304;

/**
 * Finds the monitor, process and agent of a guest.
 *
 * @throws {CliError} `CLI_USAGE` unless exactly one of `--qmp`, `--pid` and `--libvirt` is given; {@link VmError} `VM_NOT_FOUND`,
 *   `VM_STOP_REFUSED`.
 */
export async function findVm({ qmp, pid, libvirt, agent, mode }: VmChoice): Promise<ChosenVm> {
  if ([qmp, pid, libvirt].filter((given) => given !== undefined).length !== 1) {
    const hint = "give one of --qmp, --pid and --libvirt";
    throw new CliError("CLI_USAGE", `Cannot choose a virtual machine: ${hint}`);
  }
  const found = await find({ qmp, pid, libvirt, mode });
  const commandLine = found.process?.commandLine ?? [];
  const agentPath = agent === false ? undefined : (agent ?? agentOf(commandLine));
  return {
    libvirtXml: undefined,
    restart: undefined,
    release: async () => {
      // There is nothing to let go of.
    },
    ...found,
    agentPath: agentPath === undefined ? undefined : resolve(agentPath),
    shutdownAction: commandLine.includes("-no-shutdown") ? "pause" : "poweroff",
  };
}

type FoundVm = Pick<ChosenVm, "qmpPath" | "process"> &
  Partial<Pick<ChosenVm, "libvirtXml" | "restart" | "release">>;

async function find({
  qmp,
  pid,
  libvirt,
  mode,
}: Record<"qmp" | "pid" | "libvirt", string | undefined> &
  Pick<VmChoice, "mode">): Promise<FoundVm> {
  if (libvirt !== undefined) return await findByDomain(libvirt, mode);
  return pid === undefined ? await findBySocket(resolve(qmp ?? "")) : await findByPid(pid);
}

async function findByDomain(name: string, mode: VmMode): Promise<FoundVm> {
  const domain = await LibvirtDomain.find(name);
  const process = await processOfUuid(domain.uuid);
  const uid = process && (await uidOf(process));
  if (uid === undefined) {
    const detail =
      "the domain does not run on this machine; of one that is shut off, back up the images";
    throw new VmError("VM_NOT_FOUND", `find the virtual machine "${name}"`, { detail });
  }
  if (mode === "stop") await domain.checkCanRestart();
  // After a restart it is made of what was changed for the next start, too.
  const libvirtXml = await domain.xml(mode === "stop" ? "next" : "now");
  const monitor = await openLibvirtMonitor(domain.uuid, uid);
  const release = async (): Promise<void> => {
    await monitor[Symbol.asyncDispose]();
  };
  const restart = new DomainRestart(domain);
  return { qmpPath: monitor.path, process, libvirtXml, restart, release };
}

async function findBySocket(path: string): Promise<Pick<ChosenVm, "qmpPath" | "process">> {
  return { qmpPath: path, process: await processAtSocket(path) };
}

async function findByPid(text: string): Promise<Pick<ChosenVm, "qmpPath" | "process">> {
  const pid = wholeNumber("--pid", text, { min: 1, max: PID_MAX });
  const process = await vmProcess(pid);
  const action = `find the virtual machine of process ${pid}`;
  if (!process) throw new VmError("VM_NOT_FOUND", action);
  for (const path of monitorsOf(process.commandLine)) {
    const status = await stat(path).catch(() => undefined);
    if (status?.isSocket() === true) return { qmpPath: path, process };
  }
  const detail = "its arguments name no monitor (-qmp unix:PATH or -mon …,mode=control)";
  throw new VmError("VM_NOT_FOUND", action, { detail });
}
