import { writeFile } from "node:fs/promises";

/**
 * Makes the kernel fail every request of a FUSE mount, those under way and those to come, through the control file
 * system of FUSE.
 *
 * The one who mounted may; where that file system is not mounted, nothing happens.
 *
 * @param device Device numbers of the mount, `major:minor`.
 */
export async function abortConnection(device: string): Promise<void> {
  const minor = device.split(":")[1] ?? "";
  // Gone already, not permitted, or no control file system: there is nothing else to try.
  await writeFile(`/sys/fs/fuse/connections/${minor}/abort`, "1").catch(() => undefined);
}
