import { type FileSystemRecipe } from "./file-system.ts";

/** Settings of one mount, complete: defaults are chosen by the command line. */
export interface MountOptions {
  /** Existing directory to mount on, absolute. */
  readonly mountPoint: string;
  /** Shown as the device in `mount` and `df`, for example the repository. */
  readonly sourceName: string;
  /** Let other users see the mount (`allow_other`). */
  readonly allowOther: boolean;
  /** Answers the file system's needs: fetches a chunk, a directory listing. Rejects with any `Error`. */
  readonly resolve: (need: unknown) => Promise<unknown>;
  /** Takes back memory that came with an answer; needed only for answers that lend some. */
  readonly giveBack?: ((loan: number) => void) | undefined;
  /** Called for every request that ended with an error other than "no such name", for the log. */
  readonly onError: (error: Error) => void;
}

/** A mount that exists. */
export interface Mount {
  /**
   * Settles when the mount is gone, whoever unmounted it; rejects with `MountError` when it broke instead. Nobody has
   * to wait for it: a rejection is not reported as unhandled.
   */
  readonly ended: Promise<void>;
  /**
   * Unmounts; lazily when it is busy, so that it always succeeds: processes that still use it get errors. Idempotent;
   * settles when the mount is gone. A process that exits without it, other than by a signal, unmounts on its way out.
   */
  unmount(): Promise<void>;
}

/** A way to reach the kernel; two implementations pass `test/contract/transport.contract.ts`. */
export interface Transport {
  /** Name for `--transport`. */
  readonly name: "fuse" | "fuse-native";
  /** Mounts; resolves when the kernel has accepted the mount and requests are being answered. */
  mount(recipe: FileSystemRecipe, options: MountOptions): Promise<Mount>;
}
