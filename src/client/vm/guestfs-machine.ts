import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

import { GuestfsFiles } from "./guestfs-files.ts";
import { isRunning, processIdentity } from "./process-identity.ts";
import { runTool, toolError } from "./run-tool.ts";
import { VmError } from "./vm-error.ts";

/** A file system that libguestfs knows how to mount. */
export interface GuestfsFileSystem {
  /** For example `/dev/sda1`, or `/dev/vg/root` for a logical volume. */
  readonly device: string;
  /** Linux's name for it, such as `xfs`. */
  readonly type: string;
}

/** Debian package of guestfish. */
const GUESTFISH = "guestfish";

const READ = { action: "read the file system", inPackage: GUESTFISH } as const;

/** Longest listing in bytes; ours. */
const LISTING_BYTES_MAX = 256 * 1024 * 1024;

/** Looks for its end, and the pause between them: ten seconds. */
const LOOKS_MAX = 200;
const LOOK_MS = 50;

/**
 * A small virtual machine of libguestfs that reads file systems in images with Linux's own drivers, without root.
 *
 * Whatever is in the images can at most do harm in there. Images are the disks `/dev/sda`, `/dev/sdb` …; what mounting writes, such as
 * a journal that is replayed, goes to a file that is thrown away. It takes some seconds to start, and ends when it is disposed.
 *
 * @see guestfish(1), "Remote control guestfish over a socket"
 */
export class GuestfsMachine implements AsyncDisposable {
  readonly #pid: number;

  private constructor(pid: number) {
    this.#pid = pid;
  }

  /**
   * Starts one for raw images.
   *
   * @throws {VmError} `VM_TOOL_MISSING`, `VM_TOOL_FAILED`; the signal's reason.
   */
  static async start(images: readonly string[], signal: AbortSignal): Promise<GuestfsMachine> {
    const machine = new GuestfsMachine(await listen(images, signal));
    try {
      await machine.#run(["set-backend", "direct"], signal);
      await machine.#run(["run"], signal);
      return machine;
    } catch (error) {
      await machine[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** What there is to mount, also on logical volumes; swap and the like are left out. */
  async fileSystems(): Promise<readonly GuestfsFileSystem[]> {
    const lines = (await this.#run(["list-filesystems"])).split("\n");
    return lines.flatMap((line) => {
      const [device, type] = line.split(": ");
      const isMountable = type !== undefined && !["unknown", "swap", "crypto_LUKS"].includes(type);
      return device !== undefined && isMountable ? [{ device, type }] : [];
    });
  }

  /** Mounts a file system read-only inside the machine; the one before is unmounted. */
  async files(device: string): Promise<GuestfsFiles> {
    await this.#run(["umount-all"]);
    await this.#run(["mount-ro", device, "/"]);
    return new GuestfsFiles(["guestfish", ...this.#remote()]);
  }

  /** Ends it, and waits until it has let go of the images. */
  async [Symbol.asyncDispose](): Promise<void> {
    const identity = await processIdentity(this.#pid);
    await this.#run(["exit"]).catch(() => undefined); // It has ended.
    for (let look = 0; identity && look < LOOKS_MAX && (await isRunning(identity)); look++) {
      await sleep(LOOK_MS);
    }
  }

  async #run(command: readonly string[], signal?: AbortSignal): Promise<string> {
    const options = { ...READ, outputBytesMax: LISTING_BYTES_MAX, ...(signal ? { signal } : {}) };
    return await runTool("guestfish", [...this.#remote(), ...command], options);
  }

  #remote(): readonly string[] {
    return [`--remote=${this.#pid}`];
  }
}

/** Starts a guestfish that stays, and tells its process. */
async function listen(images: readonly string[], signal: AbortSignal): Promise<number> {
  const drives = images.flatMap((path) => ["--format=raw", "--add", path]);
  const child = spawn("guestfish", ["--listen", "--ro", ...drives], {
    stdio: ["ignore", "pipe", "ignore"],
    signal,
  });
  let told = "";
  child.stdout.on("data", (piece: Buffer) => (told += piece.toString()));
  try {
    await once(child, "close");
  } catch (cause) {
    signal.throwIfAborted();
    throw toolError("guestfish", cause, READ);
  }
  const pid = Number(/GUESTFISH_PID=(\d+)/.exec(told)?.[1]);
  if (pid > 0) return pid;
  throw new VmError("VM_TOOL_FAILED", READ.action, { detail: "guestfish does not start" });
}
