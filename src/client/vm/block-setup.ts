import { type Json } from "../../format/manifest/canonical-json.ts";
import { isJsonObject, parseJson } from "../../format/manifest/parse-json.ts";
import { type QmpClient, QmpRefusal } from "./qmp-client.ts";
import { objects, text } from "./vm-disks.ts";
import { VmError } from "./vm-error.ts";

/** QOM id of the object that says that a backup is running; QEMU allows one of a name, so it is the lock too. */
const CLAIM_ID = "amber-backup";

const CLAIM_PATH = `/objects/${CLAIM_ID}`;

/** Who set up what in QEMU: enough to undo it, also for somebody else later. */
export interface Claim {
  /** Process that makes the backup, and when it started, in the kernel's ticks. */
  readonly owner: { readonly pid: number; readonly startTicks: string };
  /** Devices and the nodes that they use without the backup, in the order of {@link setupNames}. */
  readonly disks: readonly { readonly device: string; readonly node: string }[];
}

/** What the parts of the setup of a disk are called, all names being free once the claim is there. */
export function setupNames(i: number): {
  readonly fleecing: string;
  readonly filter: string;
  readonly access: string;
  readonly exportId: string;
} {
  return {
    fleecing: `amber-fleecing-${i}`,
    filter: `amber-filter-${i}`,
    access: `amber-access-${i}`,
    exportId: `amber-export-${i}`,
  };
}

/** Longest wait for an export to be gone after its clients were cut off. */
const EXPORT_END_MS = 30_000;

/**
 * Undoes what a backup left behind whose process has ended.
 *
 * @param isAlive Whether the process of a claim still runs.
 * @returns Whether there was anything.
 * @throws {VmError} `VM_BACKUP_RUNNING`, `VM_REFUSED`.
 */
export async function undoAbandoned(
  qmp: QmpClient,
  isAlive: (owner: Claim["owner"]) => Promise<boolean>,
): Promise<boolean> {
  const left = await findClaim(qmp);
  if (!left) return false;
  if (await isAlive(left.owner)) throw busy(left);
  await undoSetup(qmp, left);
  return true;
}

/**
 * Notes in QEMU that a backup is running, before it sets up anything.
 *
 * @throws {VmError} `VM_BACKUP_RUNNING` when somebody was faster; `VM_REFUSED`.
 */
export async function claimVm(qmp: QmpClient, claim: Claim): Promise<void> {
  try {
    const data = JSON.stringify(claim);
    await qmp.execute("object-add", { "qom-type": "secret", id: CLAIM_ID, data });
  } catch (cause) {
    const other = cause instanceof QmpRefusal ? await findClaim(qmp) : undefined;
    throw other ? busy(other) : cause;
  }
}

function busy({ owner }: Claim): VmError {
  const detail = `process ${owner.pid} backs it up`;
  return new VmError("VM_BACKUP_RUNNING", "back up the virtual machine", { detail });
}

async function findClaim(qmp: QmpClient): Promise<Claim | undefined> {
  const known = objects(await qmp.execute("qom-list", { path: "/objects" }));
  if (!known.some(({ name }) => name === CLAIM_ID)) return undefined;
  const data = await qmp.execute("qom-get", { path: CLAIM_PATH, property: "data" });
  return parseClaim(parseJson(text(data), "claim on the virtual machine"));
}

function parseClaim(value: Json): Claim {
  const object = isJsonObject(value) ? value : {};
  const owner = isJsonObject(object["owner"]) ? object["owner"] : {};
  return {
    owner: { pid: Number(owner["pid"]), startTicks: text(owner["startTicks"]) },
    disks: objects(object["disks"]).map(({ device, node }) => ({
      device: text(device),
      node: text(node),
    })),
  };
}

/**
 * Takes everything that belongs to a claim out of QEMU again, and the claim last; what is not there is no failure.
 *
 * The guest's devices use their own nodes afterwards. May be called again after it failed.
 *
 * @throws {VmError} `VM_LOST`, `VM_REFUSED`, `VM_TIMEOUT`.
 */
export async function undoSetup(qmp: QmpClient, { disks }: Claim): Promise<void> {
  const names = disks.map((_disk, i) => setupNames(i));
  await endExports(
    qmp,
    names.map(({ exportId }) => exportId),
  );
  const uses = objects(await qmp.execute("query-block"));
  for (const [i, { device, node }] of disks.entries()) {
    const { fleecing, filter, access } = setupNames(i);
    await removeNode(qmp, access);
    const isFiltered = uses.some(
      ({ inserted }) => isJsonObject(inserted) && inserted["node-name"] === filter,
    );
    if (isFiltered) await useNode(qmp, device, node);
    await removeNode(qmp, filter);
    await removeNode(qmp, fleecing);
  }
  await qmp.execute("object-del", { id: CLAIM_ID }).catch(ignoreRefusal);
}

/** Makes a device use another node from now on. */
export async function useNode(qmp: QmpClient, device: string, node: string): Promise<void> {
  await qmp.execute("qom-set", { path: device, property: "drive", value: node });
}

async function endExports(qmp: QmpClient, ids: readonly string[]): Promise<void> {
  const before = objects(await qmp.execute("query-block-exports"));
  const ours = before.map(({ id }) => text(id)).filter((id) => ids.includes(id));
  for (const id of ours) {
    const ended = qmp.waitFor(
      ({ name, data }) => name === "BLOCK_EXPORT_DELETED" && data["id"] === id,
      { what: "the end of an export", timeoutMs: EXPORT_END_MS },
    );
    ended.catch(() => undefined); // Not awaited when the command fails.
    await qmp.execute("block-export-del", { id, mode: "hard" });
    await ended;
  }
  if (ours.length > 0 && ours.length === before.length)
    await qmp.execute("nbd-server-stop").catch(ignoreRefusal);
}

async function removeNode(qmp: QmpClient, node: string): Promise<void> {
  const nodes = objects(await qmp.execute("query-named-block-nodes", { flat: true }));
  if (!nodes.some((one) => one["node-name"] === node)) return;
  await qmp.execute("blockdev-del", { "node-name": node });
}

/** For commands that QEMU refuses when there is nothing to do. */
export function ignoreRefusal(error: unknown): void {
  if (!(error instanceof QmpRefusal)) throw error;
}
