import { type DirectoryHandle } from "../../linux/directory-handle.ts";
import { type TreePath } from "./tree-path.ts";

/** What a walk leaves out. */
export interface ExcludeRules {
  /**
   * The walk enters a directory; rules of its own are added.
   *
   * @param names All names in it.
   * @param ignore Told of each rule that cannot be used.
   * @returns What {@link leaveDirectory} needs.
   */
  enterDirectory(
    handle: DirectoryHandle,
    path: TreePath,
    names: readonly Uint8Array[],
    ignore: (reason: string) => void,
  ): number;
  /** The walk leaves the directory: its rules are dropped. */
  leaveDirectory(mark: number): void;
  /** Whether an entry is left out. */
  excludes(directory: TreePath, name: Uint8Array, mode: number): boolean;
}
