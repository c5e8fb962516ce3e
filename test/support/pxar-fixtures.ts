import { readFileSync, readdirSync } from "node:fs";

import { ByteWriter } from "../../src/format/bytes/byte-writer.ts";
import { residentBytes } from "../../src/format/bytes/resident-source.ts";
import { type PxarEncoder } from "../../src/format/pxar/encoder.ts";
import { NO_XATTRS, type PxarAcl, type PxarMetadata } from "../../src/format/pxar/metadata.ts";
import { type PxarDirectory, type PxarNode } from "../../src/format/pxar/node.ts";
import { type PxarTree } from "../../src/format/pxar/tree-reader.ts";

const root = new URL("../../fixtures/pxar/", import.meta.url);

/** Bytes of a file below fixtures/pxar. */
export function pxarFixture(path: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(path, root)));
}

/** Text of a file below fixtures/pxar. */
export function pxarFixtureText(path: string): string {
  return readFileSync(new URL(path, root), "utf8");
}

/** Names of the version 1 archives, without extension. */
export function pxarFixtureNames(): string[] {
  return readdirSync(new URL("v1/", root))
    .filter((name) => name.endsWith(".pxar"))
    .map((name) => name.slice(0, -5));
}

/** Metadata with everything that is not given being empty. */
export function metadataOf(fields: Partial<PxarMetadata> & { mode: number }): PxarMetadata {
  return {
    flags: 0,
    uid: 0,
    gid: 0,
    mtimeSec: 0,
    mtimeNanos: 0,
    xattrs: NO_XATTRS,
    acl: undefined,
    fcaps: undefined,
    quotaProjectId: undefined,
    ...fields,
  };
}

/** Feeds a whole tree to an encoder, copying content with `copy`. */
export function encodeTree(
  tree: PxarTree,
  encoder: PxarEncoder,
  copy: (node: PxarNode & { kind: "file" }) => void,
): void {
  const offsets = new Map<number, number>();
  const addChildren = (directory: PxarDirectory): void => {
    for (const node of tree.children(directory)) {
      const { name } = node;
      switch (node.kind) {
        case "directory":
          encoder.startDirectory(name, node.metadata);
          addChildren(node);
          encoder.endDirectory();
          break;
        case "file":
          offsets.set(node.nameOffset, encoder.startFile(name, node.metadata, node.size));
          copy(node);
          encoder.endFile();
          break;
        case "hardlink":
          encoder.addHardLink(name, node.targetPath, offsets.get(node.targetNameOffset) ?? -1);
          break;
        case "symlink":
          encoder.addSymlink(name, node.metadata, node.target);
          break;
        case "block-device":
        case "character-device":
          encoder.addDevice(name, node.metadata, node);
          break;
        case "fifo":
          encoder.addFifo(name, node.metadata);
          break;
        case "socket":
          encoder.addSocket(name, node.metadata);
          break;
      }
    }
  };
  const rootNode = tree.root();
  encoder.startRoot(rootNode.metadata);
  addChildren(rootNode);
  encoder.endDirectory();
  encoder.finish();
}

/** A sink that remembers everything. */
export function memorySink(): ByteWriter {
  return new ByteWriter(64 * 1024);
}

/** Every node of a tree with its path, in archive order. */
export function* walkTree(
  tree: PxarTree,
): Generator<{ readonly path: string; readonly node: PxarNode }, void, void> {
  function* below(
    directory: PxarDirectory,
    prefix: string,
  ): Generator<{ readonly path: string; readonly node: PxarNode }, void, void> {
    for (const node of tree.children(directory)) {
      const path = prefix + Buffer.from(node.name).toString("latin1");
      yield { path, node };
      if (node.kind === "directory") yield* below(node, `${path}/`);
    }
  }
  yield { path: "/", node: tree.root() };
  yield* below(tree.root(), "/");
}

/** Renders an ACL as the decoder of the reference does. */
export function aclDebugText(acl: PxarAcl): string {
  const permissions = (value: number | undefined): string =>
    `Permissions(${value === undefined ? "18446744073709551615" : String(value)})`;
  const list = (kind: "User" | "Group", entries: PxarAcl["users"]): string =>
    `[${entries
      .map(
        (entry) =>
          `${kind} { ${kind === "User" ? "uid" : "gid"}: ${entry.id}, permissions: ${permissions(entry.permissions)} }`,
      )
      .join(", ")}]`;
  const groupObject =
    acl.groupObject === undefined
      ? "None"
      : `Some(GroupObject { permissions: ${permissions(acl.groupObject)} })`;
  const defaults =
    acl.defaults === undefined
      ? "None"
      : `Some(Default { user_obj_permissions: ${permissions(acl.defaults.userObject)}, group_obj_permissions: ${permissions(acl.defaults.groupObject)}, other_permissions: ${permissions(acl.defaults.other)}, mask_permissions: ${permissions(acl.defaults.mask)} })`;
  return `Acl { users: ${list("User", acl.users)}, groups: ${list("Group", acl.groups)}, group_obj: ${groupObject}, default: ${defaults}, default_users: ${list("User", acl.defaultUsers)}, default_groups: ${list("Group", acl.defaultGroups)} }`;
}

/** Renders what a node is as the decoder of the reference does. */
export function kindDebugText(node: PxarNode, withPayload: boolean): string {
  const data = (bytes: Uint8Array): string => `[${[...bytes, 0].join(", ")}]`;
  switch (node.kind) {
    case "file": {
      const payload = withPayload
        ? `, payload_offset: ${node.payload.archive === "payload" ? `Some(${node.payload.headerOffset})` : "None"}`
        : "";
      return `File { size: ${node.size}, offset: None${payload} }`;
    }
    case "directory":
      return "Directory";
    case "symlink":
      return `Symlink(Symlink { data: ${data(node.target)} })`;
    case "hardlink":
      return `Hardlink(Hardlink { offset: ${node.nameOffset - node.targetNameOffset}, data: ${data(node.targetPath)} })`;
    case "fifo":
      return "Fifo";
    case "socket":
      return "Socket";
    case "block-device":
    case "character-device":
      return `Device(Device { major: ${node.major}, minor: ${node.minor} })`;
  }
}

/** A resident source that counts reads and bytes. */
export function countingSource(bytes: Uint8Array): {
  readonly size: number;
  read(offset: number, size: number): Uint8Array;
  reads: number;
  readBytes: number;
} {
  const inner = residentBytes(bytes);
  return {
    size: inner.size,
    reads: 0,
    readBytes: 0,
    read(offset: number, size: number): Uint8Array {
      this.reads++;
      this.readBytes += size;
      return inner.read(offset, size);
    },
  };
}
