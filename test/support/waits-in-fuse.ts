import { type ChildProcess } from "node:child_process";
import { readFile } from "node:fs/promises";

/** Looks in a row that must see the process asleep; a page of its program that is being loaded takes less long. */
const LOOKS = 8;

/** Looks after which the process does not come to it any more: some 20 s. */
const LOOKS_MAX = 2000;

/**
 * Settles when a process sleeps in the kernel for a FUSE file system: in a request that is not answered yet.
 *
 * There is no event to wait for, as only the kernel knows. Rejects when the process ends instead, or is elsewhere for long, with
 * where that is.
 */
export async function waitsInFuse(child: ChildProcess): Promise<void> {
  let place = "";
  for (let seen = 0, looks = 0; seen < LOOKS; looks++) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error("it has ended");
    if (looks > LOOKS_MAX) throw new Error(`it does not wait in FUSE but in "${place}"`);
    place = await readFile(`/proc/${child.pid}/wchan`, "utf8").catch(() => "");
    seen = /fuse|folio|request_wait/.test(place) ? seen + 1 : 0;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
