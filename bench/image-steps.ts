/** The steps with the image of a disk, and with a mount of its backup. */
import { mkdirSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";

import { DENSE_BYTES, randomOffsets } from "./disk-image.ts";
import { readAtRandom } from "./read-at-random.ts";
import { onMount, type Record, withServer } from "./step-samples.ts";
import { nextSecond, type Sample, sh, timed } from "./timed-run.ts";
import { type ImageUse, type Mounted, type Places, type Tool } from "./tool.ts";

const MIB = 1024 * 1024;
const RANDOM_READS = 2000;
const SEED = 1;
const READERS = 4;

/** What the image takes up once it is somewhere else, in MiB; the source takes the same. */
export interface AllocatedMiB {
  readonly source: number;
  readonly restored: number;
  readonly copied: number;
}

/**
 * Takes a tool through them; returns whether holes were kept. A copy that is not the image is an error.
 *
 * "Unchanged" is the content: the time stamp is new, as it is with the disk of a machine that runs, so nobody can go by that.
 */
export async function measureImage(
  tool: Tool,
  images: ImageUse,
  { image, work }: Places,
  record: Record,
): Promise<AllocatedMiB> {
  const source = join(image, "disk.img");
  record(
    "image, first backup",
    withServer(tool, () => images.backup()),
  );
  await nextSecond();
  const { atime, mtimeMs } = statSync(source);
  utimesSync(source, atime, mtimeMs / 1000 + 1);
  record(
    "image, unchanged backup",
    withServer(tool, () => images.backup()),
  );

  const target = join(work, "restored");
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target);
  let restored = "";
  record(
    "image, restore",
    withServer(tool, () => {
      const sample = images.restore(target);
      restored = sample.path;
      return sample;
    }),
  );
  const restoredMiB = provenMiB(restored, source);
  rmSync(target, { recursive: true });

  const copy = join(work, "copied.img");
  const mounted = await tool.mount();
  try {
    readMounted(tool, mounted, record);
    record(
      "image mount, cp --sparse=auto",
      onMount(tool, mounted, () => timed("cp", ["--sparse=auto", mounted.image, copy])),
    );
  } finally {
    await mounted.unmount();
  }
  const copiedMiB = provenMiB(copy, source);
  rmSync(copy);
  return { source: allocatedMiB(source), restored: restoredMiB, copied: copiedMiB };
}

/** Reads in order, by several at once, and at random; each cold, and again out of the kernel's page cache. */
function readMounted(tool: Tool, mounted: Mounted, record: Record): void {
  const { image } = mounted;
  const dense = DENSE_BYTES / MIB;
  const read = ["bs=1M", "status=none", "of=/dev/null", `if=${image}`];
  const inOrder = (): Sample => timed("dd", [...read, `count=${dense}`]);
  const part = dense / READERS;
  const each = Array.from(
    { length: READERS },
    (_, i) => `dd ${read.join(" ")} count=${part} skip=${i * part} &`,
  );
  const byMany = (): Sample => timed("bash", ["-c", `${each.join(" ")} wait`]);
  const offsets = randomOffsets(RANDOM_READS, SEED);
  const atRandom = (): ReturnType<typeof readAtRandom> => readAtRandom(image, offsets);

  record("image mount, read 1 GiB", onMount(tool, mounted, inOrder));
  record("image mount, read it again", onMount(tool, mounted, inOrder));
  forget(image);
  record("image mount, 4 readers of 256 MiB", onMount(tool, mounted, byMany));
  record("image mount, 4 readers again", onMount(tool, mounted, byMany));
  forget(image);
  record("image mount, 2000 random reads", onMount(tool, mounted, atRandom));
  record("image mount, the same reads again", onMount(tool, mounted, atRandom));
  forget(image);
}

/** Drops the pages of one file from the kernel's cache. */
function forget(path: string): void {
  sh(`dd if='${path}' iflag=nocache count=0 status=none`);
}

/** MiB that a copy takes up, after it was compared with the source. */
function provenMiB(copy: string, source: string): number {
  sh(`cmp '${copy}' '${source}'`);
  return allocatedMiB(copy);
}

function allocatedMiB(path: string): number {
  return Math.round((statSync(path).blocks * 512) / MIB);
}
