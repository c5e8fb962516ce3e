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

/** What a transport has started before it was known what is to be mounted. Disposing of it ends that, unless it has mounted. */
export interface PreparedMount extends AsyncDisposable {
  /**
   * Mounts what the module makes of `argument`; resolves when the kernel has accepted the mount and requests are being
   * answered. Once.
   */
  mount(argument: unknown, options: MountOptions): Promise<Mount>;
}

/** A way to reach the kernel; two implementations pass `test/contract/transport.contract.ts`. */
export interface Transport {
  /** Name for `--transport`. */
  readonly name: "fuse" | "fuse-native";
  /**
   * Starts what takes time, with the module that a {@link FileSystemRecipe} names: whoever has to ask a server first does that
   * meanwhile. Never fails; what goes wrong is told by `mount`.
   */
  prepare(moduleUrl: string): PreparedMount;
  /** Prepares and mounts. */
  mount(recipe: FileSystemRecipe, options: MountOptions): Promise<Mount>;
}
