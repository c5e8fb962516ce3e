import { type ChildProcess } from "node:child_process";
import { readFile } from "node:fs/promises";

/** Settles when a process sleeps in the kernel for a FUSE file system: in a request that is not answered yet. */
export async function waitsInFuse(child: ChildProcess): Promise<void> {
  for (;;) {
    const place = await readFile(`/proc/${child.pid}/wchan`, "utf8").catch(() => "");
    if (/fuse|folio|request_wait/.test(place)) return;
    // There is no event to wait for: only the kernel knows.
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
