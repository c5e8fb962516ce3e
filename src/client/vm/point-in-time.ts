import { chown, mkdtemp, open, rm, stat, statfs, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { isJsonObject } from "../../format/manifest/parse-json.ts";
import { type Claim, ignoreRefusal, setupNames, undoSetup, useNode } from "./block-setup.ts";
import {
  beginBitmaps,
  type BitmapPlan,
  commitBitmaps,
  freezeBitmaps,
  revertBitmaps,
} from "./dirty-bitmaps.ts";
import { NbdClient } from "./nbd-client.ts";
import { ALLOCATION_CONTEXT, bitmapContext } from "./nbd-wire.ts";
import { type QmpClient, QmpRefusal } from "./qmp-client.ts";
import { objects, text, type VmDisk } from "./vm-disks.ts";
import { VmError } from "./vm-error.ts";

/** How long a write of the guest waits for its old block to be saved, before the point in time is given up instead. */
const SAVE_TIMEOUT_SEC = 45;

/** Less room than this where old blocks are kept means that it ran out. */
const FLEECING_BYTES_LEFT = 1024 * 1024;

/** What a point in time is made with. */
export interface PointInTimeOptions {
  readonly qmp: QmpClient;
  /** Path of QEMU's monitor, whose owner QEMU runs as. */
  readonly qmpPath: string;
  /** What was noted in QEMU before; with the same disks in the same order. */
  readonly claim: Claim;
  readonly plans: readonly BitmapPlan[];
  /** Folder for old blocks of what the guest overwrites meanwhile. */
  readonly fleecingFolder: string;
  readonly signal: AbortSignal;
}

/**
 * All disks of a guest as they were at one moment, while the guest goes on.
 *
 * A filter in front of each disk saves the old block to a file before the guest overwrites it, so that a slow reader never
 * slows the guest; when that file cannot take any more, the point in time is lost and not the guest. Nothing is left in QEMU
 * once {@link PointInTime.end} has resolved.
 *
 * @see spec sources-feasibility.md §1.3
 */
export class PointInTime {
  readonly #options: PointInTimeOptions;
  #folder: string | undefined;
  #hasServer = false;
  #hasBegunBitmaps = false;
  #hasFrozenBitmaps = false;

  constructor(options: PointInTimeOptions) {
    this.#options = options;
  }

  /** Puts the filters in place without connecting them: nothing changes for the guest. */
  async prepare(): Promise<void> {
    const { qmp, plans } = this.#options;
    this.#folder = await this.#makeFolder();
    await startNbdServer(qmp, this.#socketPath);
    this.#hasServer = true;
    for (const [i, { disk }] of plans.entries()) {
      if (!disk.isWritable) continue;
      const { fleecing, filter } = setupNames(i);
      await this.#addFleecing(fleecing, disk);
      await qmp.execute("blockdev-add", {
        driver: "copy-before-write",
        "node-name": filter,
        file: disk.node,
        target: fleecing,
        "on-cbw-error": "break-snapshot",
        "cbw-timeout": SAVE_TIMEOUT_SEC,
      });
    }
  }

  /**
   * The moment. Writes between its first and last step are noted twice and never missed; but only a guest that is paused
   * meanwhile has all its disks at the same moment.
   */
  async cut(): Promise<void> {
    const { qmp, plans } = this.#options;
    await beginBitmaps(qmp, plans);
    this.#hasBegunBitmaps = true;
    for (const [i, { disk }] of plans.entries()) {
      if (disk.isWritable) await useNode(qmp, disk.device, setupNames(i).filter);
    }
    await freezeBitmaps(qmp, plans);
    this.#hasFrozenBitmaps = true;
  }

  /** Makes the disks readable. */
  async share(): Promise<void> {
    const { qmp, plans } = this.#options;
    for (const [i, { disk, base, next }] of plans.entries()) {
      const { filter, access, exportId } = setupNames(i);
      const names = [...(base === undefined ? [] : [base]), ...(disk.isWritable ? [next] : [])];
      if (disk.isWritable) {
        const node = { driver: "snapshot-access", "node-name": access, file: filter };
        await qmp.execute("blockdev-add", node);
      }
      await qmp.execute("block-export-add", {
        id: exportId,
        type: "nbd",
        "node-name": disk.isWritable ? access : disk.node,
        name: disk.name,
        writable: false,
        bitmaps: names.map((name) => ({ node: disk.node, name })),
      });
    }
  }

  /** Opens a disk as it was. */
  async open({ disk, base, next }: BitmapPlan): Promise<NbdClient> {
    const names = [...(base === undefined ? [] : [base]), ...(disk.isWritable ? [next] : [])];
    return await NbdClient.open({
      path: this.#socketPath,
      exportName: disk.name,
      contexts: [ALLOCATION_CONTEXT, ...names.map((name) => bitmapContext(name))],
      signal: this.#options.signal,
    });
  }

  /** Says of an error in reading whether it is because the old blocks had no room. */
  async explain(error: unknown): Promise<unknown> {
    if (!(error instanceof VmError)) return error;
    const { fleecingFolder, qmp } = this.#options;
    // A QEMU that has ended does not answer, and that is then the reason.
    const ended = await guestStatus(qmp).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (ended !== undefined) return ended;
    const { bavail, bsize } = await statfs(fleecingFolder);
    if (bavail * bsize >= FLEECING_BYTES_LEFT) return error;
    const detail = `"${fleecingFolder}" is full, which holds old blocks while the guest writes`;
    return new VmError("VM_FLEECING_FULL", "keep the point in time", { detail, cause: error });
  }

  /**
   * Takes everything out of QEMU again. Bitmaps are kept for the next backup, which reads since this one if it succeeded,
   * and since the one before if it failed.
   *
   * @throws {VmError} When QEMU is gone or does not obey; the next backup then finishes this.
   */
  async end(outcome: "succeeded" | "failed", qmp: QmpClient = this.#options.qmp): Promise<void> {
    const { claim, plans } = this.#options;
    try {
      await undoSetup(qmp, claim);
      if (this.#hasServer) await qmp.execute("nbd-server-stop").catch(ignoreRefusal);
      if (outcome === "succeeded") await commitBitmaps(qmp, plans);
      else if (this.#hasFrozenBitmaps) await revertBitmaps(qmp, plans);
      else if (this.#hasBegunBitmaps) {
        await revertBitmaps(
          qmp,
          plans.map((plan) => ({ ...plan, base: undefined })),
        );
      }
    } finally {
      if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
    }
  }

  get #socketPath(): string {
    if (this.#folder === undefined) throw new TypeError("prepare comes first");
    return join(this.#folder, "nbd.sock");
  }

  /** For the socket; QEMU, which may run as another user, makes it there. */
  async #makeFolder(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), "amber-vm-"));
    await giveToOwner(folder, this.#options.qmpPath);
    return folder;
  }

  /** The file has no name once QEMU has it open, so nothing is left on the disk whatever happens. */
  async #addFleecing(nodeName: string, { name, size }: VmDisk): Promise<void> {
    const { qmp, fleecingFolder, qmpPath } = this.#options;
    const folder = await mkdtemp(join(fleecingFolder, "amber-fleecing-"));
    try {
      const path = join(folder, name);
      const file = await open(path, "wx", 0o600);
      try {
        await file.truncate(size);
      } finally {
        await file.close();
      }
      await giveToOwner(folder, qmpPath);
      await giveToOwner(path, qmpPath);
      await qmp.execute("blockdev-add", {
        driver: "raw",
        "node-name": nodeName,
        discard: "unmap",
        file: { driver: "file", filename: path, discard: "unmap" },
      });
      await unlink(path);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

async function giveToOwner(path: string, model: string): Promise<void> {
  const { uid, gid } = await stat(model);
  if (uid !== process.getuid?.()) await chown(path, uid, gid);
}

async function startNbdServer(qmp: QmpClient, path: string): Promise<void> {
  const addr = { type: "unix", data: { path } };
  const start = async (): Promise<void> => {
    await qmp.execute("nbd-server-start", { addr, "max-connections": 16 });
  };
  try {
    await start();
  } catch (cause) {
    if (!(cause instanceof QmpRefusal)) throw cause;
    const exports = objects(await qmp.execute("query-block-exports"));
    if (exports.length > 0) {
      const names = exports.map((one) => text(one["id"])).join(", ");
      const detail = `another program exports ${names}`;
      throw new VmError("VM_NBD_TAKEN", "read the disks", { detail, cause });
    }
    // One that exports nothing was left by a backup that was killed.
    await qmp.execute("nbd-server-stop");
    await start();
  }
}

/** QEMU's word for what the guest does, for example `running`, `paused` or `shutdown`. */
export async function guestStatus(qmp: QmpClient): Promise<string> {
  const status = await qmp.execute("query-status");
  return isJsonObject(status) ? text(status["status"]) : "";
}
