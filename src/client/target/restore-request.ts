import { type SharedArenaHandle } from "../../chunks/shared-arena.ts";
import { type FormatErrorCode } from "../../format/format-error.ts";
import { type ChunkAsking } from "../archive/blocking-source.ts";
import { type RestoreErrorCode } from "./restore-error.ts";
import { type RestoreProblem } from "./restore-problem.ts";

/** What a restore may do to what is there, and what it leaves out. */
export interface RestoreOptions {
  /** Directories that are there are used, and get the metadata of the archive. */
  readonly existingDirectories: "refuse" | "use";
  /** Kinds of entries that replace what has their name, unless that is a directory. */
  readonly overwrite: {
    readonly files: boolean;
    readonly symlinks: boolean;
    readonly hardLinks: boolean;
    readonly special: boolean;
  };
  /** Parts of the metadata that are not restored. */
  readonly ignore: {
    readonly acls: boolean;
    readonly xattrs: boolean;
    readonly ownership: boolean;
    readonly permissions: boolean;
  };
  /** Whether a device that cannot be made ends the restore. */
  readonly deviceErrors: "fail" | "report";
  /** Whether runs of zeros become holes. */
  readonly zeros: "holes" | "written";
}

/** An archive as the restoring thread sees it. */
export interface AskedArchive {
  /** `.didx` file. */
  readonly index: Uint8Array;
  readonly asking: ChunkAsking;
}

/** What to restore; plain data, for the restoring thread. */
export interface RestoreRequest {
  /** Directory to restore into; made if it is missing, otherwise empty unless the options say more. */
  readonly target: Uint8Array;
  /** The archive, or the metadata archive of a split one. */
  readonly archive: AskedArchive;
  readonly payload: AskedArchive | undefined;
  /** What to restore; everything when empty (spec client-cli.md §2.2). */
  readonly patterns: readonly string[];
  readonly options: RestoreOptions;
  /** Slots that chunks come in. */
  readonly arena: SharedArenaHandle;
  /** Memory of `SharedCounters` over {@link restoreCounterFields}. */
  readonly counters: SharedArrayBuffer;
}

/** What a restoring thread counts: entries of any kind, and bytes of content. */
export const restoreCounterFields = ["entries", "bytes"] as const;

/** One of {@link restoreCounterFields}. */
export type RestoreCounter = (typeof restoreCounterFields)[number];

/** What the restoring thread says: problems while it works, then one of the others. */
export type RestoreAnswer =
  | { readonly kind: "problem"; readonly problem: RestoreProblem }
  | { readonly kind: "done" }
  | {
      readonly kind: "failed";
      readonly failure:
        | {
            readonly kind: "restore";
            readonly code: RestoreErrorCode;
            readonly path: string;
            readonly message: string;
          }
        | { readonly kind: "format"; readonly code: FormatErrorCode; readonly message: string }
        | { readonly kind: "other"; readonly message: string; readonly stack: string };
    };
