import { stat } from "node:fs/promises";
import { resolve } from "node:path";

import { VmError } from "../../client/vm/vm-error.ts";
import {
  agentOf,
  monitorsOf,
  processAtSocket,
  vmProcess,
  type VmProcess,
} from "../../client/vm/vm-process.ts";
import { CliError } from "../cli-error.ts";
import { wholeNumber } from "../whole-number.ts";

/** Options that say which guest is meant. */
export interface VmChoice {
  readonly qmp?: string;
  readonly pid?: string;
  /** Socket of the agent; `false` when it is not to be used. */
  readonly agent?: string | false;
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
}

/** Highest number of a process that Linux gives. */
const PID_MAX = 4_194_304;

/**
 * Finds the monitor, process and agent of a guest.
 *
 * @throws {CliError} `CLI_USAGE` unless exactly one of `--qmp` and `--pid` is given; {@link VmError} `VM_NOT_FOUND`.
 */
export async function findVm({ qmp, pid, agent }: VmChoice): Promise<ChosenVm> {
  if ((qmp === undefined) === (pid === undefined)) {
    throw new CliError("CLI_USAGE", "Cannot choose a virtual machine: give --qmp or --pid");
  }
  const { qmpPath, process } =
    pid === undefined ? await findBySocket(resolve(qmp ?? "")) : await findByPid(pid);
  const commandLine = process?.commandLine ?? [];
  const found = agent === false ? undefined : (agent ?? agentOf(commandLine));
  return {
    qmpPath,
    process,
    agentPath: found === undefined ? undefined : resolve(found),
    shutdownAction: commandLine.includes("-no-shutdown") ? "pause" : "poweroff",
  };
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
