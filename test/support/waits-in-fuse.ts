import { type ChildProcess } from "node:child_process";
import { readFile } from "node:fs/promises";

/** Looks in a row that must see the process asleep; a page of its program that is being loaded takes less long. */
const LOOKS = 8;

/**
 * Settles when a process sleeps in the kernel for a FUSE file system: in a request that is not answered yet.
 *
 * There is no event to wait for, as only the kernel knows. Rejects when the process ends instead.
 */
export async function waitsInFuse(child: ChildProcess): Promise<void> {
  for (let seen = 0; seen < LOOKS;) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error("it has ended");
    const place = await readFile(`/proc/${child.pid}/wchan`, "utf8").catch(() => "");
    seen = /fuse|folio|request_wait/.test(place) ? seen + 1 : 0;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
