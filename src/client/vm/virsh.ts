import { spawn } from "node:child_process";
import { once } from "node:events";

import { toolError } from "./run-tool.ts";

/** How `virsh` is started: in a session of its own, so that Ctrl-C at the terminal reaches only this process, which ends in order. */
export const VIRSH_SPAWN = { detached: true } as const;

/** Longest output in bytes; ours, QEMU's schema, the longest that is asked for, is below 1 MiB. */
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

/** How a command of {@link virsh} is run. */
export interface VirshOptions {
  /** Domain that it is about, for errors. */
  readonly domain: string;
  /** Ends `virsh` early; what libvirt has begun goes on. */
  readonly signal?: AbortSignal;
}

/**
 * Runs a command of `virsh` to its end, at the connection that `virsh` chooses (`LIBVIRT_DEFAULT_URI`).
 *
 * @returns What it wrote to standard output.
 * @throws {VmError} `VM_TOOL_MISSING`; `VM_TOOL_FAILED` with what `virsh` says; the signal's reason.
 */
export async function virsh(
  args: readonly string[],
  { domain, signal }: VirshOptions,
): Promise<string> {
  signal?.throwIfAborted();
  const child = spawn("virsh", args, {
    ...VIRSH_SPAWN,
    ...(signal ? { signal } : {}),
    stdio: ["ignore", "pipe", "pipe"],
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  let roomBytes = OUTPUT_BYTES_MAX;
  const keepIn = (kept: Buffer[]) => (piece: Buffer) => {
    roomBytes -= piece.length;
    if (roomBytes >= 0) kept.push(piece);
    else child.kill();
  };
  child.stdout.on("data", keepIn(stdout));
  child.stderr.on("data", keepIn(stderr));
  try {
    await once(child, "close");
    const isTooLong = roomBytes < 0;
    if (isTooLong || child.exitCode !== 0) {
      const told = isTooLong
        ? `it writes more than ${OUTPUT_BYTES_MAX} bytes`
        : Buffer.concat(stderr).toString();
      throw Object.assign(new Error("it failed"), { stderr: told });
    }
  } catch (cause) {
    signal?.throwIfAborted();
    const options = { action: `use the domain "${domain}"`, inPackage: "libvirt-clients" };
    throw toolError("virsh", cause, options);
  }
  return Buffer.concat(stdout).toString();
}
