import { type PxarDirectory, type PxarNode } from "../../format/pxar/node.ts";
import { idOfParts, nameOfPart } from "../snapshot/archive-path.ts";
import { type ComparedItem } from "./vault-messages.ts";
import { itemOf, partOfBytes, type VaultTree } from "./vault-tree.ts";

/** What {@link compareTrees} found. */
export interface Comparison {
  readonly items: readonly ComparedItem[];
  /** Whether there is nothing more than was asked for at most. */
  readonly isComplete: boolean;
}

/**
 * Finds what differs between two trees, by kind, size, time and place of links; content is not read.
 *
 * A folder that is there only once is one item, whatever is in it. Memory grows with what is found and with the depth.
 */
export async function compareTrees(
  before: VaultTree,
  after: VaultTree,
  { archive, itemsMax }: { readonly archive: string; readonly itemsMax: number },
): Promise<Comparison> {
  const items: ComparedItem[] = [];
  const pending: { path: readonly string[]; before: PxarDirectory; after: PxarDirectory }[] = [
    { path: [archive], before: await before.root(), after: await after.root() },
  ];
  for (let pair = pending.pop(); pair; pair = pending.pop()) {
    const old = new Map(
      (await before.children(pair.before)).map((node) => [partOfBytes(node.name), node]),
    );
    for (const node of await after.children(pair.after)) {
      const part = partOfBytes(node.name);
      const previous = old.get(part);
      old.delete(part);
      if (previous?.kind === "directory" && node.kind === "directory") {
        pending.push({ path: [...pair.path, part], before: previous, after: node });
      } else if (!previous) items.push(compared(pair.path, part, { after: node }));
      else if (isDifferent(previous, node)) {
        items.push(compared(pair.path, part, { before: previous, after: node }));
      }
    }
    for (const [part, node] of old) items.push(compared(pair.path, part, { before: node }));
    if (items.length > itemsMax) return { items: items.slice(0, itemsMax), isComplete: false };
  }
  return { items: items.sort((a, b) => (a.path < b.path ? -1 : 1)), isComplete: true };
}

function compared(
  parent: readonly string[],
  part: string,
  { before, after }: { readonly before?: PxarNode; readonly after?: PxarNode },
): ComparedItem {
  const path = [...parent, part];
  const shown = after ?? before;
  return {
    id: idOfParts(path),
    path: path.slice(1).map(nameOfPart).join("/"),
    change: !before ? "added" : !after ? "removed" : "changed",
    type: shown ? itemOf(shown, parent).type : "f",
    ...(before?.kind === "file" ? { sizeBefore: before.size } : {}),
    ...(after?.kind === "file" ? { sizeAfter: after.size } : {}),
  };
}

function isDifferent(before: PxarNode, after: PxarNode): boolean {
  if (before.kind !== after.kind) return true;
  if (before.kind === "hardlink" || after.kind === "hardlink") {
    return (
      before.kind === "hardlink" &&
      after.kind === "hardlink" &&
      partOfBytes(before.targetPath) !== partOfBytes(after.targetPath)
    );
  }
  const [old, now] = [before.metadata, after.metadata];
  if (old.mtimeSec !== now.mtimeSec || old.mtimeNanos !== now.mtimeNanos) return true;
  if (before.kind === "file" && after.kind === "file") return before.size !== after.size;
  return (
    before.kind === "symlink" &&
    after.kind === "symlink" &&
    partOfBytes(before.target) !== partOfBytes(after.target)
  );
}
