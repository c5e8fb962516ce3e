import { NO_XATTRS, type PxarMetadata } from "../../format/pxar/metadata.ts";
import { FILE_TYPE } from "../../linux/file-status.ts";
import { type SourceEntry, type TreeVisitor } from "../source/walk-tree.ts";

/** Parts of a tree that an archive can be made without. */
export const leftOutParts = ["xattrs", "fcaps", "acls", "devices", "fifos", "sockets"] as const;

/** One of {@link leftOutParts}. */
export type LeftOut = (typeof leftOutParts)[number];

/** Passes a walk on without some kinds of entries and some metadata. */
export function leavingOut(visitor: TreeVisitor, parts: readonly LeftOut[]): TreeVisitor {
  const without = new Set(parts);
  const reduced = (entry: SourceEntry): SourceEntry => ({
    ...entry,
    metadata: reducedMetadata(entry.metadata, without),
  });
  return {
    enterDirectory: (entry) => {
      visitor.enterDirectory(reduced(entry));
    },
    leaveDirectory: () => {
      visitor.leaveDirectory();
    },
    visitEntry: (entry) => {
      const kind = specialKind(entry.metadata.mode);
      if (kind === undefined || !without.has(kind)) visitor.visitEntry(reduced(entry));
    },
  };
}

function reducedMetadata(metadata: PxarMetadata, without: ReadonlySet<LeftOut>): PxarMetadata {
  return {
    ...metadata,
    xattrs: without.has("xattrs") ? NO_XATTRS : metadata.xattrs,
    acl: without.has("acls") ? undefined : metadata.acl,
    fcaps: without.has("fcaps") ? undefined : metadata.fcaps,
  };
}

function specialKind(mode: number): LeftOut | undefined {
  switch (mode & FILE_TYPE.mask) {
    case FILE_TYPE.blockDevice:
    case FILE_TYPE.characterDevice:
      return "devices";
    case FILE_TYPE.fifo:
      return "fifos";
    case FILE_TYPE.socket:
      return "sockets";
    default:
      return undefined;
  }
}
