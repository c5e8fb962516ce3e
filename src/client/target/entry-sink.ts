import { type PxarMetadata } from "../../format/pxar/metadata.ts";
import { type TreePath } from "../source/tree-path.ts";

/** A directory that is being filled. */
export interface DirectoryPlace {
  /** Descriptor, which is closed by {@link EntrySink.leave}. */
  readonly fd: number;
  readonly path: TreePath;
  /** `private`: made by this restore, so that nobody else can reach into it before it is left. */
  readonly access: "private" | "shared";
}

/** A regular file to be made. */
export interface FileToMake {
  readonly name: Uint8Array;
  readonly metadata: PxarMetadata;
  /** Bytes of content. */
  readonly size: number;
}

/**
 * Makes regular files, one at a time, and completes the directories they are in.
 *
 * All calls about one directory go to one sink, so that it is left after everything in it was made.
 */
export interface EntrySink {
  /** Makes a file that is empty so far. */
  begin(directory: DirectoryPlace, file: FileToMake): void;
  /** Adds content, borrowed, at this offset of the file. */
  write(piece: Uint8Array, offset: number): void;
  /** Completes the file. */
  end(): void;
  /** Removes the file, whose content cannot be had. */
  abandon(): void;
  /** Gives a directory its metadata, unless it only leads to what was wanted, and closes it. */
  leave(directory: DirectoryPlace, metadata: PxarMetadata | undefined): void;
}
