import { joinedBytes } from "../bytes/joined-bytes.ts";
import { FormatError } from "../format-error.ts";
import { type PxarNode } from "./node.ts";
import { type PxarTree } from "./tree-reader.ts";

const SLASH: Uint8Array = Uint8Array.of(0x2f);

/**
 * Path of the entry whose FILENAME item is at an offset, from the root down: any bytes, without a slash in front.
 *
 * Entries do not say what they are in, but lie in it: of each directory on the way the goodbye table is looked through.
 *
 * @throws {FormatError} When a table on the way is damaged, or leads to no such entry.
 */
export function pathOfEntry(tree: PxarTree, nameOffset: number): Uint8Array {
  const names: Uint8Array[] = [];
  let node: PxarNode | undefined = tree.root();
  while (node?.kind === "directory" && node.nameOffset !== nameOffset) {
    node = tree.entryAround(node, nameOffset);
    if (node) names.push(...(names.length > 0 ? [SLASH] : []), node.name);
  }
  if (node?.nameOffset !== nameOffset) {
    throw new FormatError("FORMAT_INVALID", "pxar archive", `no entry at offset ${nameOffset}`);
  }
  return joinedBytes(names);
}
