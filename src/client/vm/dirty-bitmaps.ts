import { createHash, randomBytes } from "node:crypto";

import { type QmpClient } from "./qmp-client.ts";
import { type VmBitmap, type VmDisk } from "./vm-disks.ts";

/** Bytes that a bit stands for: a chunk, which is read whole anyway (spec index.md §6.2). */
const GRANULARITY = 4 * 1024 * 1024;

/** Name that has no bitmap before it. */
const NONE = "none";

/**
 * A backup job as part of a bitmap's name: jobs of one guest to different places note changes separately.
 *
 * @param target What tells the place apart: server, datastore, namespace and group.
 */
export function bitmapJob(target: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(target)).digest("hex").slice(0, 8);
}

/** What becomes of the bitmaps of one disk in one backup. */
export interface BitmapPlan {
  readonly disk: VmDisk;
  /** Has noted every change since the snapshot that this one builds on; `undefined` when everything has to be read. */
  readonly base: string | undefined;
  /** Notes the changes from this backup on. */
  readonly next: string;
  /** Older ones of the same job that are good for nothing, removed when this backup has succeeded. */
  readonly stale: readonly string[];
  /** Why everything has to be read, for people; `undefined` when it has not, or there was nothing before. */
  readonly distrust: string | undefined;
}

/** What the previous snapshot says about a disk. */
export interface TrackedDisk {
  /** Name of the bitmap that was begun with it. */
  readonly bitmap: string;
  /** Bytes of the disk. */
  readonly size: number;
}

/**
 * Decides for a disk whether its bitmap can be trusted.
 *
 * @param tracked What the previous snapshot says; `undefined` when there is none that can be built on.
 */
export function planBitmap(
  disk: VmDisk,
  { job, tracked }: { readonly job: string; readonly tracked: TrackedDisk | undefined },
): BitmapPlan {
  const own = disk.bitmaps.filter(({ name }) => name.startsWith(`amber-${job}-`));
  const found = own.find(({ name }) => name === tracked?.bitmap);
  const distrust = tracked ? reasonAgainst(found, disk, tracked) : undefined;
  const base = tracked && distrust === undefined ? tracked.bitmap : undefined;
  const after = base === undefined ? NONE : partsOf(base).id;
  return {
    disk,
    base,
    next: `amber-${job}-${randomBytes(6).toString("hex")}-${after}`,
    stale: own.map(({ name }) => name).filter((name) => name !== base),
    distrust,
  };
}

function reasonAgainst(
  found: VmBitmap | undefined,
  disk: VmDisk,
  tracked: TrackedDisk,
): string | undefined {
  if (!found) return "changes were not noted since the previous backup";
  if (found.isInconsistent) return "the noted changes were lost when QEMU was killed";
  if (!found.isRecording) return "changes were not noted all the time";
  if (disk.size !== tracked.size) return "the size has changed";
  return undefined;
}

/** Own id of a bitmap, and that of the one before it. */
function partsOf(name: string): { readonly id: string; readonly before: string } {
  const [, , id = "", before = NONE] = name.split("-");
  return { id, before };
}

/**
 * Puts together what a backup that broke off has left in two halves: one bitmap that notes no more, and the next one.
 *
 * @returns Whether something was changed, so that disks have to be listed again.
 */
export async function joinInterrupted(
  qmp: QmpClient,
  disks: readonly VmDisk[],
  trackedBitmaps: ReadonlySet<string>,
): Promise<boolean> {
  let isChanged = false;
  for (const { node, bitmaps } of disks) {
    const base = bitmaps.find(
      ({ name, isRecording, isInconsistent }) =>
        trackedBitmaps.has(name) && !isRecording && !isInconsistent,
    );
    const next = bitmaps.find(
      ({ name, isRecording }) =>
        isRecording && base !== undefined && partsOf(name).before === partsOf(base.name).id,
    );
    if (!base || !next) continue;
    await transact(qmp, takeBack(node, base.name, next.name));
    isChanged = true;
  }
  return isChanged;
}

/** Begins to note changes in the new bitmaps of all disks. */
export async function beginBitmaps(qmp: QmpClient, plans: readonly BitmapPlan[]): Promise<void> {
  await transact(
    qmp,
    writable(plans).map(({ disk, next }) => {
      const { node, keepsBitmaps } = disk;
      const data = { node, name: next, persistent: keepsBitmaps, granularity: GRANULARITY };
      return { type: "block-dirty-bitmap-add", data };
    }),
  );
}

/** Ends noting changes in the bitmaps that this backup reads. */
export async function freezeBitmaps(qmp: QmpClient, plans: readonly BitmapPlan[]): Promise<void> {
  const actions = plans.flatMap(({ disk: { node }, base }) =>
    base === undefined ? [] : [{ type: "block-dirty-bitmap-disable", data: { node, name: base } }],
  );
  await transact(qmp, actions);
}

/** The backup has succeeded: what was noted before it is not needed any more. */
export async function commitBitmaps(qmp: QmpClient, plans: readonly BitmapPlan[]): Promise<void> {
  const actions = plans.flatMap(({ disk: { node }, base, stale }) =>
    [...stale, ...(base === undefined ? [] : [base])].map((name) => ({
      type: "block-dirty-bitmap-remove",
      data: { node, name },
    })),
  );
  await transact(qmp, actions);
}

/** The backup has failed: what was noted during it belongs to what was noted before. */
export async function revertBitmaps(qmp: QmpClient, plans: readonly BitmapPlan[]): Promise<void> {
  const actions = writable(plans).flatMap(({ disk: { node }, base, next }) =>
    base === undefined
      ? [{ type: "block-dirty-bitmap-remove", data: { node, name: next } }]
      : takeBack(node, base, next),
  );
  await transact(qmp, actions);
}

interface Action {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** In one transaction no write falls between the two. */
function takeBack(node: string, base: string, next: string): readonly Action[] {
  return [
    { type: "block-dirty-bitmap-enable", data: { node, name: base } },
    { type: "block-dirty-bitmap-merge", data: { node, target: base, bitmaps: [next] } },
    { type: "block-dirty-bitmap-remove", data: { node, name: next } },
  ];
}

function writable(plans: readonly BitmapPlan[]): readonly BitmapPlan[] {
  return plans.filter(({ disk }) => disk.isWritable);
}

async function transact(qmp: QmpClient, actions: readonly Action[]): Promise<void> {
  if (actions.length > 0) await qmp.execute("transaction", { actions });
}
