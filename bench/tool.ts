/** What every program in the comparison has to do. */
import { type Sample } from "./timed-run.ts";

/** What is measured, in this order. */
export const steps = [
  "first backup",
  "unchanged backup",
  "restore",
  "mount, find -ls",
  "mount, cp -a drivers/gpu",
  "mount, read 1 GiB file",
] as const;
/** One of {@link steps}. */
export type Step = (typeof steps)[number];

/** A mount of what was backed up. */
export interface Mounted {
  /** Where the tree is, and where the big file. */
  readonly tree: string;
  readonly big: string;
  rssMiB(): number;
  unmount(): Promise<void>;
}

/** What is backed up, and where everything else may lie. */
export interface Places {
  readonly tree: string;
  /** Folder with `big.bin` in it. */
  readonly big: string;
  readonly work: string;
}

/** One program under test; every method does the whole step, mounts are made outside the timed part. */
export interface Tool {
  readonly name: string;
  prepare(): Promise<void>;
  backup(): Sample;
  restore(target: string): Sample;
  mount(): Promise<Mounted>;
  backupBig(): Sample;
  close(): Promise<void>;
}
