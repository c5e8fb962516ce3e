import { sameBytes } from "../format/pxar/metadata.ts";
import { timeText } from "../format/snapshot/time-text.ts";
import { FsError } from "./fs-error.ts";
import { type GroupKey, type SnapshotKey } from "./fs-need.ts";
import { type ListingMemory } from "./listing-versions.ts";
import { type ShownFile, shownFiles } from "./shown-file.ts";
import { type VirtualNode } from "./virtual-node.ts";

/** A child of a virtual directory: another virtual node, or an archive whose root directory stands there. */
export type VirtualChild =
  | { readonly name: string; readonly node: VirtualNode }
  | {
      readonly name: string;
      readonly snapshot: SnapshotKey;
      readonly archive: ShownFile & { readonly kind: "archive" };
    };

const encoder = new TextEncoder();

/** Name of the link to the newest snapshot of a group. */
const LATEST = "latest";

/** Order in which types are shown (spec datastore.md §1.1). */
const types = ["ct", "host", "vm"];

/**
 * What is in a virtual directory, from what the host lists; restartable.
 *
 * @throws {FsError} ENOTDIR for a node that is no directory.
 */
export function virtualChildren(node: VirtualNode, memory: ListingMemory): readonly VirtualChild[] {
  switch (node.kind) {
    case "namespace":
      return childrenOfNamespace(node.namespace, memory);
    case "namespaces": {
      const prefix = node.namespace === "" ? "" : `${node.namespace}/`;
      return memory.get(node).map((component) => ({
        name: component,
        node: { kind: "namespace", namespace: prefix + component },
      }));
    }
    case "type": {
      const { namespace, type } = node;
      return memory
        .get({ kind: "groups", namespace })
        .filter((group) => group.type === type)
        .map(({ id, lastTimeSec = 0 }) => ({
          name: id,
          node: { kind: "group", group: { namespace, type, id }, lastTimeSec },
        }));
    }
    case "group":
      return childrenOfGroup(node.group, memory);
    case "snapshot": {
      const { snapshot } = node;
      return shownFilesOf(snapshot, memory).map((file) =>
        file.kind === "archive"
          ? { name: file.name, snapshot, archive: file }
          : { name: file.name, node: { kind: "file", snapshot, file } },
      );
    }
    case "latest":
    case "file":
      throw new FsError("ENOTDIR", "list a file");
  }
}

/**
 * The child of a virtual directory that has this name; asks for no more than it takes to find it. Restartable.
 *
 * @throws {FsError} ENOTDIR for a node that is no directory.
 */
export function virtualChild(
  node: VirtualNode,
  name: Uint8Array,
  memory: ListingMemory,
): VirtualChild | undefined {
  const isNamed = (child: VirtualChild): boolean => sameBytes(encoder.encode(child.name), name);
  const type =
    node.kind === "namespace" ? typesOf(node.namespace, memory).find(isNamed) : undefined;
  return type ?? virtualChildren(node, memory).find(isNamed);
}

/** Names in the directory of a snapshot; restartable. */
export function shownFilesOf(snapshot: SnapshotKey, memory: ListingMemory): readonly ShownFile[] {
  return shownFiles(memory.get({ kind: "open-snapshot", snapshot }).files);
}

/** Asks at once for all that the attributes of these children will be made from, one after another. */
export function prefetchAttributes(children: readonly VirtualChild[], memory: ListingMemory): void {
  for (const child of children) {
    if ("archive" in child) {
      const { snapshot, archive } = child;
      memory.prefetch({ kind: "open-archive", snapshot, archive: archive.tree.name });
    } else if (child.node.kind === "file" && child.node.file.kind === "blob") {
      const { snapshot, file } = child.node;
      memory.prefetch({ kind: "blob", snapshot, archive: file.file.name });
    }
  }
}

function childrenOfNamespace(namespace: string, memory: ListingMemory): readonly VirtualChild[] {
  memory.prefetch({ kind: "namespaces", namespace });
  const children = typesOf(namespace, memory);
  if (memory.get({ kind: "namespaces", namespace }).length > 0) {
    children.push({ name: "ns", node: { kind: "namespaces", namespace } });
  }
  return children;
}

/** The types that there are groups of. */
function typesOf(namespace: string, memory: ListingMemory): VirtualChild[] {
  const groups = memory.get({ kind: "groups", namespace });
  const present = types.filter((type) => groups.some((group) => group.type === type));
  return present.map((type) => ({ name: type, node: { kind: "type", namespace, type } }));
}

function childrenOfGroup(
  { namespace, type, id }: GroupKey,
  memory: ListingMemory,
): readonly VirtualChild[] {
  const group = { namespace, type, id };
  const times = memory
    .get({ kind: "snapshots", group })
    .filter(({ isFinished }) => isFinished)
    .map(({ timeSec }) => timeSec)
    .toSorted((a, b) => a - b);
  const children: VirtualChild[] = times.map((timeSec) => ({
    name: timeText(timeSec),
    node: { kind: "snapshot", snapshot: { ...group, timeSec } },
  }));
  const latest = times.at(-1);
  if (latest !== undefined) {
    children.push({ name: LATEST, node: { kind: "latest", group, timeSec: latest } });
  }
  return children;
}
