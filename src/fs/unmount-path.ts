import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";

import { unmountFileSystem } from "../linux/mount-calls.ts";
import { SystemError } from "../linux/system-error.ts";
import { fusermountEnvironment, fusermountProgram } from "./fusermount.ts";

/** `lazy` takes a mount out of sight though processes use it; `plain` fails then. */
export type UnmountMode = "plain" | "lazy";

/**
 * Unmounts what is seen at a path, as root by the system call, otherwise by `fusermount3`.
 *
 * @throws {SystemError} `EBUSY` and whatever else prevents it; of the helper, which only has words, `EPERM` unless it says
 *   that the mount is busy. They are the cause.
 */
export async function unmountPath(mountPoint: string, mode: UnmountMode): Promise<void> {
  if (unmountDirectly(mountPoint, mode)) return;
  const child = spawn(fusermountProgram, helperArguments(mountPoint, mode), {
    stdio: ["ignore", "ignore", "pipe"],
    env: fusermountEnvironment,
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  await once(child, "close");
  if (child.exitCode === 0) return;
  const refusal = new SystemError(/\bbusy\b/.test(said) ? "EBUSY" : "EPERM", "unmount", mountPoint);
  refusal.cause = new Error(said.trim());
  throw refusal;
}

/** Unmounts lazily without waiting for anything but the call itself, for the moment before the process exits. */
export function unmountPathNow(mountPoint: string): void {
  if (unmountDirectly(mountPoint, "lazy")) return;
  spawnSync(fusermountProgram, helperArguments(mountPoint, "lazy"), {
    stdio: "ignore",
    env: fusermountEnvironment,
  });
}

/** Whether the system call did it; false when this user may not call it. */
function unmountDirectly(mountPoint: string, mode: UnmountMode): boolean {
  try {
    unmountFileSystem(mountPoint, mode);
    return true;
  } catch (error) {
    if (error instanceof SystemError && error.code === "EPERM") return false;
    throw error;
  }
}

function helperArguments(mountPoint: string, mode: UnmountMode): string[] {
  return mode === "lazy" ? ["-u", "-z", "--", mountPoint] : ["-u", "--", mountPoint];
}
