import { access, readFile, stat, statfs } from "node:fs/promises";
import { cpus, loadavg, machine, release, type, uptime, version } from "node:os";

/** Memory in bytes; what caches could give back counts as free. */
export interface MemoryStatus {
  readonly total: number;
  readonly used: number;
  readonly free: number;
}

/** Space of a file system in bytes; used and available need not add up to the whole. */
export interface SpaceStatus {
  readonly total: number;
  readonly used: number;
  readonly avail: number;
}

/** What Linux says about this machine now. */
export interface MachineStatus {
  readonly loadavg: readonly number[];
  readonly uptime: number;
  readonly memory: MemoryStatus;
  readonly swap: MemoryStatus;
  readonly root: SpaceStatus;
  readonly cpuinfo: { readonly model: string; readonly sockets: number; readonly cpus: number };
  readonly kversion: string;
  readonly kernel: {
    readonly sysname: string;
    readonly release: string;
    readonly version: string;
    readonly machine: string;
  };
  readonly boot: { readonly mode: "efi" | "legacy-bios"; readonly secureboot: boolean };
}

/** Reads everything but the load of the processors, which is a difference of two moments. */
export async function readMachineStatus(): Promise<MachineStatus> {
  const kernel = { sysname: type(), release: release(), version: version(), machine: machine() };
  return {
    loadavg: loadavg(),
    uptime: Math.floor(uptime()),
    ...(await readMemory()),
    root: await readSpace("/"),
    cpuinfo: {
      model: cpus()[0]?.model ?? "unknown",
      sockets: await countSockets(),
      cpus: cpus().length,
    },
    kversion: `${kernel.sysname} ${kernel.release} ${kernel.version}`,
    kernel,
    boot: await readBoot(),
  };
}

/** Memory and swap space. */
export async function readMemory(): Promise<{
  readonly memory: MemoryStatus;
  readonly swap: MemoryStatus;
}> {
  const bytes = new Map<string, number>();
  for (const line of (await readFile("/proc/meminfo", "utf8")).split("\n")) {
    const match = /^(\w+):\s+([0-9]+) kB$/.exec(line);
    if (match) bytes.set(match[1] ?? "", Number(match[2]) * 1024);
  }
  const status = (total: number, free: number): MemoryStatus => ({
    total,
    used: total - free,
    free,
  });
  return {
    memory: status(bytes.get("MemTotal") ?? 0, bytes.get("MemAvailable") ?? 0),
    swap: status(bytes.get("SwapTotal") ?? 0, bytes.get("SwapFree") ?? 0),
  };
}

/** Space of the file system that a path lies in. */
export async function readSpace(path: string): Promise<SpaceStatus> {
  const { bsize, blocks, bfree, bavail } = await statfs(path);
  return { total: blocks * bsize, used: (blocks - bfree) * bsize, avail: bavail * bsize };
}

/** Jiffies of all processors since the machine started: all, waiting for disks, doing nothing. */
export async function readProcessorTimes(): Promise<{
  readonly total: number;
  readonly idle: number;
  readonly wait: number;
}> {
  const [line = ""] = (await readFile("/proc/stat", "utf8")).split("\n", 1);
  // user nice system idle iowait irq softirq steal; guest times are part of user and nice.
  const times = line.split(/\s+/).slice(1, 9).map(Number);
  return {
    total: times.reduce((sum, time) => sum + time, 0),
    idle: times[3] ?? 0,
    wait: times[4] ?? 0,
  };
}

/** Bytes that went through the network interfaces that are devices, since the machine started. */
export async function readNetworkBytes(): Promise<{ readonly in: number; readonly out: number }> {
  const sum = { in: 0, out: 0 };
  for (const line of (await readFile("/proc/net/dev", "utf8")).split("\n").slice(2)) {
    const match = /^\s*([^:]+):\s*(.*)$/.exec(line);
    if (!match || /^(lo|veth|tap|fwbr|fwpr|fwln|docker|virbr)/.test(match[1] ?? "")) continue;
    const fields = (match[2] ?? "").split(/\s+/).map(Number);
    sum.in += fields[0] ?? 0;
    sum.out += fields[8] ?? 0;
  }
  return sum;
}

/** Counters of the block device under a path; `undefined` where there is none, as below network file systems. */
export async function readDiskCounters(path: string): Promise<
  | {
      readonly readIos: number;
      readonly readBytes: number;
      readonly writeIos: number;
      readonly writeBytes: number;
      readonly busyMs: number;
    }
  | undefined
> {
  try {
    const { dev } = await stat(path, { bigint: true });
    const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
    const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn);
    const text = await readFile(`/sys/dev/block/${major}:${minor}/stat`, "utf8");
    const fields = text.trim().split(/\s+/).map(Number);
    const [readIos = 0, , readSectors = 0, , writeIos = 0, , writeSectors = 0] = fields;
    const sectorBytes = 512; // In this file always, whatever the device has.
    return {
      readIos,
      readBytes: readSectors * sectorBytes,
      writeIos,
      writeBytes: writeSectors * sectorBytes,
      busyMs: fields[9] ?? 0,
    };
  } catch {
    return undefined;
  }
}

async function countSockets(): Promise<number> {
  const text = await readFile("/proc/cpuinfo", "utf8");
  return Math.max(1, new Set(text.match(/^physical id\s*:.*$/gm) ?? []).size);
}

async function readBoot(): Promise<MachineStatus["boot"]> {
  try {
    await access("/sys/firmware/efi");
  } catch {
    return { mode: "legacy-bios", secureboot: false };
  }
  const variable = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
  const bytes = await readFile(variable).catch(() => Buffer.alloc(0));
  return { mode: "efi", secureboot: bytes[4] === 1 };
}
