import { readdir, readFile, readlink, realpath, stat } from "node:fs/promises";
import { basename, resolve } from "node:path";

/** A running QEMU, as far as the system tells. */
export interface VmProcess {
  readonly pid: number;
  /** Program and arguments. */
  readonly commandLine: readonly string[];
}

/** Process of that number; `undefined` when there is none or it may not be looked at. */
export async function vmProcess(pid: number): Promise<VmProcess | undefined> {
  try {
    const text = await readFile(`/proc/${pid}/cmdline`, "utf8");
    const commandLine = text.split("\0").slice(0, -1);
    return commandLine.length === 0 ? undefined : { pid, commandLine };
  } catch {
    return undefined;
  }
}

/**
 * The process that listens at a Unix socket.
 *
 * Found through the open files of all processes, so other users' are found by root only.
 */
export async function processAtSocket(path: string): Promise<VmProcess | undefined> {
  const wanted = await realpath(path).catch(() => path);
  const sockets = await socketsNamed(basename(wanted));
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const folder = `/proc/${pid}`;
    const descriptors = await readdir(`${folder}/fd`).catch(() => []);
    for (const descriptor of descriptors) {
      const target = await readlink(`${folder}/fd/${descriptor}`).catch(() => "");
      const name = sockets.get(target);
      if (name === undefined) continue;
      const cwd = await readlink(`${folder}/cwd`).catch(() => "/");
      const full = await realpath(resolve(cwd, name)).catch(() => "");
      if (full === wanted) return await vmProcess(Number(pid));
    }
  }
  return undefined;
}

/** The QEMU that was started with this UUID, as libvirt does; `undefined` when there is none, or it may not be looked at. */
export async function processOfUuid(uuid: string): Promise<VmProcess | undefined> {
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const found = await vmProcess(Number(pid));
    if (found && optionValues(found.commandLine, "uuid").includes(uuid)) return found;
  }
  return undefined;
}

/** User that a process runs as; `undefined` when it has ended. */
export async function uidOf({ pid }: VmProcess): Promise<number | undefined> {
  return (await stat(`/proc/${pid}`).catch(() => undefined))?.uid;
}

/** Sockets whose file is called so: what `/proc/PID/fd` calls them, and the path they were bound to. */
async function socketsNamed(name: string): Promise<ReadonlyMap<string, string>> {
  const table = await readFile("/proc/net/unix", "utf8").catch(() => "");
  return new Map(
    table
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , , , , , path]) => path !== undefined && basename(path) === name)
      .map(([, , , , , , inode = "", path = ""]) => [`socket:[${inode}]`, path]),
  );
}

/** Paths of the monitors that a QEMU was started with, in the order of its arguments. */
export function monitorsOf(commandLine: readonly string[]): readonly string[] {
  const controlled = optionValues(commandLine, "mon")
    .filter((value) => property(value, "mode") === "control")
    .map((value) => property(value, "chardev") ?? value.split(",")[0]);
  const characterDevices = optionValues(commandLine, "chardev")
    .filter((value) => value.startsWith("socket,") && controlled.includes(property(value, "id")))
    .map((value) => property(value, "path"));
  const short = optionValues(commandLine, "qmp")
    .filter((value) => value.startsWith("unix:"))
    .map((value) => value.slice("unix:".length).split(",")[0]);
  return [...short, ...characterDevices].filter((path) => path !== undefined);
}

/** Path of the socket of the guest's agent, if QEMU was started with one. */
export function agentOf(commandLine: readonly string[]): string | undefined {
  const port = optionValues(commandLine, "device").find(
    (value) => property(value, "name") === "org.qemu.guest_agent.0",
  );
  const id = port === undefined ? undefined : property(port, "chardev");
  const device = optionValues(commandLine, "chardev").find(
    (value) => value.startsWith("socket,") && property(value, "id") === id,
  );
  return device === undefined ? undefined : property(device, "path");
}

/** The VM's number, where PVE started it. */
export function pveIdOf(commandLine: readonly string[]): string | undefined {
  return optionValues(commandLine, "id").find((value) => /^\d+$/.test(value));
}

function optionValues(commandLine: readonly string[], option: string): readonly string[] {
  return commandLine.flatMap((argument, i) =>
    [`-${option}`, `--${option}`].includes(argument) ? (commandLine[i + 1] ?? []) : [],
  );
}

function property(value: string, name: string): string | undefined {
  const found = value.split(",").find((part) => part.startsWith(`${name}=`));
  return found?.slice(name.length + 1);
}
