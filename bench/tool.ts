/** What every program in the comparison has to do. */
import { type Sample } from "./timed-run.ts";

/** What is measured, in this order, by the group that `--steps` chooses. */
export const stepGroups = {
  tree: [
    "first backup",
    "unchanged backup",
    "restore",
    "mount, find -ls",
    "mount, cp -a drivers/gpu",
    "mount, read 1 GiB file",
  ],
  image: [
    "image, first backup",
    "image, unchanged backup",
    "image, restore",
    "image mount, read 1 GiB",
    "image mount, read it again",
    "image mount, 4 readers of 256 MiB",
    "image mount, 4 readers again",
    "image mount, 2000 random reads",
    "image mount, the same reads again",
    "image mount, cp --sparse=auto",
  ],
} as const;
/** A group of steps. */
export type StepGroup = keyof typeof stepGroups;
/** One of the steps. */
export type Step = (typeof stepGroups)[StepGroup][number];

/** A mount of what was backed up; what was not is not there. */
export interface Mounted {
  /** Where the tree is, the big file, and the image. */
  readonly tree: string;
  readonly big: string;
  readonly image: string;
  /** Processes that make the mount. */
  readonly pids: readonly number[];
  unmount(): Promise<void>;
}

/** What is backed up, and where everything else may lie. */
export interface Places {
  readonly tree: string;
  /** Folder with `big.bin` in it. */
  readonly big: string;
  /** Folder with `disk.img` in it. */
  readonly image: string;
  readonly work: string;
}

/** How a program deals with the image of a disk. */
export interface ImageUse {
  backup(): Sample;
  /** Restores into an empty folder; returns where the image then is. */
  restore(target: string): Sample & { readonly path: string };
}

/** One program under test; every method does the whole step, mounts are made outside the timed part. */
export interface Tool {
  readonly name: string;
  /** Absent where a program has none, or would only repeat another's numbers. */
  readonly images?: ImageUse;
  prepare(): Promise<void>;
  backup(): Sample;
  restore(target: string): Sample;
  backupBig(): Sample;
  mount(): Promise<Mounted>;
  /** Processes of its own that run beside every step. */
  pids(): readonly number[];
  /** Ends what runs. */
  close(): Promise<void>;
}
