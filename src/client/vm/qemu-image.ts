import { mkdtemp, open, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";

import { NbdClient } from "./nbd-client.ts";
import { ALLOCATION_CONTEXT } from "./nbd-wire.ts";
import { runTool } from "./run-tool.ts";

/** Formats of images that are not what a guest sees, by the ending of their names. */
const formats = {
  ".qcow2": { name: "qcow2", offset: 0, magics: ["514649fb"] },
  // The second is that of a text that names the files of the image.
  ".vmdk": { name: "vmdk", offset: 0, magics: ["4b444d56", "23204469"] },
  ".vdi": { name: "vdi", offset: 64, magics: ["7f10dabe"] },
} as const;

/** Files of a vmdk image that have nothing but the guest's bytes in them. */
const FLAT = "-flat.vmdk";

/** Name that QEMU has for a format. */
export type QemuFormat = (typeof formats)[keyof typeof formats]["name"];

/**
 * The format of an image file, if it is one that QEMU has to be asked to read.
 *
 * Both the ending of the name and the first bytes have to say so: the bytes of a raw disk are its guest's, who could write
 * there what makes QEMU open other files of this machine.
 */
export async function qemuFormatOf(path: string): Promise<QemuFormat | undefined> {
  const known = Object.entries(formats).find(([ending]) => ending === extname(path).toLowerCase());
  if (!known || path.toLowerCase().endsWith(FLAT)) return undefined;
  const [, { name, offset, magics }] = known;
  if (!(await stat(path)).isFile()) return undefined; // A pipe would be waited for.
  const file = await open(path, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, offset);
    const magic = buffer.toString("hex");
    return bytesRead === 4 && magics.some((one) => one === magic) ? name : undefined;
  } finally {
    await file.close();
  }
}

/** An image as its guest sees it, open for reading through `qemu-nbd`, which ends with it. */
export interface QemuImage extends AsyncDisposable {
  readonly client: NbdClient;
}

/** Name of the export. */
const EXPORT = "image";

/**
 * Opens an image that no guest has open for writing.
 *
 * @throws {VmError} `VM_TOOL_MISSING` without `qemu-nbd`; `VM_TOOL_FAILED` with what it says, for example that a guest has the
 *   image open.
 */
export async function openQemuImage(
  path: string,
  { format, signal }: { readonly format: QemuFormat; readonly signal: AbortSignal },
): Promise<QemuImage> {
  const folder = await mkdtemp(join(tmpdir(), "amber-image-"));
  const socket = join(folder, "nbd.sock");
  const pidFile = join(folder, "pid");
  const dispose = async (): Promise<void> => {
    // It ends by itself when its client has gone; this is for the case that none has come.
    const pid = Number(await readFile(pidFile, "utf8").catch(() => ""));
    if (pid > 0) kill(pid);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const where = ["--socket", socket, "--pid-file", pidFile, "--export-name", EXPORT];
    const how = ["--fork", "--read-only", "--format", format, "--", path];
    const action = `read the image "${path}"`;
    await runTool("qemu-nbd", [...where, ...how], { action, inPackage: "qemu-utils", signal });
    const client = await NbdClient.open({
      path: socket,
      exportName: EXPORT,
      contexts: [ALLOCATION_CONTEXT],
      signal,
    });
    return {
      client,
      [Symbol.asyncDispose]: async () => {
        client[Symbol.dispose]();
        await dispose();
      },
    };
  } catch (error) {
    await dispose();
    signal.throwIfAborted();
    throw error;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGTERM");
  } catch {
    // It has ended.
  }
}
