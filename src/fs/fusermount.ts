import { spawn } from "node:child_process";
import { once } from "node:events";

import { closeSockets, openSocketPair, receiveDescriptor } from "../linux/descriptor-passing.ts";

/** The set-user-id program of libfuse that mounts for users who are not root. */
export const fusermountProgram = "fusermount3";

/** Its whole environment: where it is looked for, nothing of ours. */
export const fusermountEnvironment: Readonly<Record<string, string>> = {
  PATH: "/run/wrappers/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
};

/** Descriptor number at which the program finds its end of the socket. */
const CHILD_SOCKET = 3;

/** What the program said when it refused. */
export interface FusermountRefusal {
  readonly message: string;
}

/**
 * Mounts through `fusermount3`, which opens the device, mounts it and sends the descriptor back.
 *
 * @param options As for its `-o`.
 * @returns The descriptor, which is the caller's to close, or why there is none.
 * @throws {Error} `ENOENT` (as `spawn` says) when the program is not installed.
 * @see fusermount3(1); the descriptor goes by SCM_RIGHTS through the socket named in `_FUSE_COMMFD`
 */
export async function mountWithFusermount(
  mountPoint: string,
  options: string,
): Promise<number | FusermountRefusal> {
  const sockets = openSocketPair();
  const [ours, theirs] = sockets;
  try {
    const child = spawn(fusermountProgram, ["-o", options, "--", mountPoint], {
      stdio: ["ignore", "ignore", "pipe", theirs],
      env: { ...fusermountEnvironment, _FUSE_COMMFD: String(CHILD_SOCKET) },
    });
    let said = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    await once(child, "close");
    if (child.exitCode !== 0) return { message: said.trim() };
    return receiveDescriptor(ours);
  } finally {
    closeSockets(sockets);
  }
}

/** Escapes a value for an option list: commas separate, backslashes escape. */
export function escapeMountOption(value: string): string {
  return value.replaceAll(/[\\,]/g, "\\$&");
}
