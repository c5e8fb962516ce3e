import { FormatError } from "../format/format-error.ts";
import { NotResident } from "../format/bytes/resident-source.ts";
import { timeText } from "../format/snapshot/time-text.ts";
import { type AnswerMemory, LISTING_MS } from "./answer-memory.ts";
import { type ArchiveSlot, ArchiveSlots } from "./archive-slots.ts";
import { type ArchiveTree } from "./archive-tree.ts";
import {
  type Attributes,
  type DirectoryEntry,
  type FileSystem,
  type FileSystemStatus,
  ROOT_INODE,
} from "./file-system.ts";
import { FsError } from "./fs-error.ts";
import { type FsNeed, type GroupKey, type SnapshotKey } from "./fs-need.ts";
import { ListingVersions } from "./listing-versions.ts";
import { shownFiles } from "./shown-file.ts";
import {
  prefetchAttributes,
  shownFilesOf,
  type VirtualChild,
  virtualChild,
  virtualChildren,
} from "./virtual-children.ts";
import { type Occasion, VirtualAttributes } from "./virtual-attributes.ts";
import { type ZeroChunks } from "./zero-chunks.ts";
import { VIRTUAL_INODE_MIN, virtualInode, type VirtualNode } from "./virtual-node.ts";

/** What is mounted: a namespace with everything below it, or one thing in it. */
export type MountRoot =
  | { readonly kind: "namespace"; readonly namespace: string }
  | { readonly kind: "group"; readonly group: GroupKey }
  | { readonly kind: "snapshot"; readonly snapshot: SnapshotKey }
  | {
      readonly kind: "archive";
      readonly snapshot: SnapshotKey;
      /** Name as the mount shows it, for example `root.pxar`. */
      readonly name: string;
    };

/** What a {@link DatastoreTree} is made of. */
export interface DatastoreTreeParts {
  readonly root: MountRoot;
  readonly memory: AnswerMemory;
  readonly zeros: ZeroChunks;
  /** Owner of what has none in the backup: directories above archives, images, blobs. */
  readonly uid: number;
  readonly gid: number;
}

const encoder = new TextEncoder();

/**
 * A datastore, or a part of it, as a read-only file system:
 * `[ns/<component>/…]<type>/<id>/<time>/<archive>/…`, with a link `latest` in each group.
 *
 * Directories above archives are virtual and made of what the host lists, which is asked again every
 * {@link LISTING_MS}; everything in an archive is immutable. The only state that grows with use are the virtual nodes that
 * the kernel holds and one slot per archive.
 */
export class DatastoreTree implements FileSystem {
  readonly #root: MountRoot;
  readonly #memory: AnswerMemory;
  readonly #slots: ArchiveSlots;
  readonly #versions: ListingVersions;
  readonly #attributes: VirtualAttributes;
  /** Virtual nodes by inode number, with the references that the kernel holds. */
  readonly #nodes = new Map<number, { node: VirtualNode; references: number }>();

  /**
   * Whether the root directory of the archive that is all that is mounted is still to be listed before anybody asks; `waits`: when what
   * that needs has come.
   */
  #rootListing: "due" | "waits" | "done";

  /** The archive in which a directory was listed last, if that was in one. */
  #walked: ArchiveTree | undefined;

  /** The slot of the archive that is all that is mounted, once it is known. */
  #only: ArchiveSlot | undefined;

  constructor({ root, memory, uid, gid, zeros }: DatastoreTreeParts) {
    this.#root = root;
    this.#memory = memory;
    this.#slots = new ArchiveSlots(memory, zeros);
    this.#versions = new ListingVersions(memory);
    this.#attributes = new VirtualAttributes({
      memory,
      slots: this.#slots,
      versions: this.#versions,
      uid,
      gid,
    });
    this.#rootListing = root.kind === "archive" ? "due" : "done";
  }

  lookup(parent: number, name: Uint8Array): Attributes {
    const archive = this.#archiveAt(parent);
    if (archive) return archive.lookup(parent, name);
    const node = this.#nodeAt(parent);
    const child = virtualChild(node, name, this.#memory);
    if (!child) throw new FsError("ENOENT", "find a name");
    return this.#attributesOfChild(child, parent, "asked for");
  }

  forget(ino: number, count: number): void {
    const held = this.#nodes.get(ino);
    if (!held) return;
    held.references -= count;
    if (held.references > 0) return;
    this.#nodes.delete(ino);
    this.#versions.forget(ino);
  }

  getAttributes(ino: number): Attributes {
    const archive = this.#archiveAt(ino);
    if (archive) return archive.getAttributes(ino);
    return this.#attributes.of(this.#nodeAt(ino), ino, "asked for");
  }

  readDirectory(ino: number): { parent: number; entries: readonly DirectoryEntry[] } {
    const archive = this.#archiveAt(ino);
    this.#walked = archive;
    if (archive) return archive.readDirectory(ino);
    const node = this.#nodeAt(ino);
    const children = this.#versions.make(ino, (memory) => virtualChildren(node, memory));
    prefetchAttributes(children, this.#memory);
    const entries = children.map((child) => ({
      name: encoder.encode(child.name),
      attributes: this.#attributesOfChild(child, ino, "listed"),
    }));
    return { parent: this.#parentInode(node), entries };
  }

  readLink(ino: number): Uint8Array {
    const archive = this.#archiveAt(ino);
    if (archive) return archive.readLink(ino);
    const node = this.#nodeAt(ino);
    if (node.kind !== "latest") throw new FsError("EINVAL", "read a link that is none");
    return encoder.encode(timeText(node.timeSec));
  }

  read(ino: number, offset: number, size: number): readonly Uint8Array[] {
    const archive = this.#archiveAt(ino);
    if (archive) return archive.read(ino, offset, size);
    const { snapshot, file } = this.#fileAt(ino);
    if (file.kind === "image") {
      const bytes = this.#slots.bytesOf(snapshot, file.file);
      const wanted = Math.min(size, bytes.size - offset);
      if (wanted <= 0) return [];
      return bytes.pieces(offset, wanted, { end: bytes.size, isStart: offset === 0 });
    }
    return [this.#attributes.smallContent(snapshot, file).subarray(offset, offset + size)];
  }

  seek(ino: number, offset: number, what: "data" | "hole"): number {
    const archive = this.#archiveAt(ino);
    if (archive) return archive.seek(ino, offset, what);
    const { snapshot, file } = this.#fileAt(ino);
    if (file.kind !== "image") {
      const { length } = this.#attributes.smallContent(snapshot, file);
      if (offset >= length) throw new FsError("ENXIO", "seek beyond the end");
      return what === "data" ? offset : length;
    }
    const bytes = this.#slots.bytesOf(snapshot, file.file);
    if (offset >= bytes.size) throw new FsError("ENXIO", "seek beyond the end");
    const found = bytes.find(what, offset, bytes.size);
    if (what === "data" && found === bytes.size) throw new FsError("ENXIO", "find data");
    return found;
  }

  listExtendedAttributes(ino: number): readonly Uint8Array[] {
    return this.#archiveAt(ino)?.listExtendedAttributes(ino) ?? [];
  }

  getExtendedAttribute(ino: number, name: Uint8Array): Uint8Array | undefined {
    return this.#archiveAt(ino)?.getExtendedAttribute(ino, name);
  }

  /** Only of one archive or one snapshot, which does not change: nobody knows what a group will have tomorrow. */
  lacksExtendedAttributes(): boolean {
    const root = this.#root;
    if (root.kind === "archive") {
      return this.#only !== undefined && this.#slots.isWithoutAttributes(this.#only);
    }
    if (root.kind !== "snapshot") return false;
    const opened = this.#memory.peek({ kind: "open-snapshot", snapshot: root.snapshot });
    if (!opened) return false;
    return shownFiles(opened.files).every((shown) => {
      if (shown.kind !== "archive") return true;
      const slot = this.#slots.shownSlot(root.snapshot, shown);
      return slot !== undefined && this.#slots.isWithoutAttributes(slot);
    });
  }

  /** For those who walk through an archive, and for the one who is the first to look into it. */
  prepare(): boolean {
    if (this.#rootListing === "due") return this.#prepareRoot();
    return this.#walked?.prepare() ?? false;
  }

  status(): FileSystemStatus {
    const { totalBytes, entryCount } = this.#slots.totals();
    return { totalBytes, inodeCount: entryCount + this.#nodes.size };
  }

  accept(need: unknown, answer: unknown): void {
    if (this.#rootListing === "waits") this.#rootListing = "due";
    // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- the host gives back what it was given
    this.#memory.accept(need as FsNeed, answer);
  }

  #prepareRoot(): boolean {
    // What fails is not tried again: whoever asks for it learns why.
    this.#rootListing = "done";
    try {
      const archive = this.#archiveAt(ROOT_INODE);
      archive?.expectRootListing();
      const hasWorked = archive?.prepare() ?? false;
      if (hasWorked) this.#rootListing = "due";
      return hasWorked;
    } catch (error) {
      if (error instanceof NotResident) this.#rootListing = "waits";
      throw error;
    }
  }

  /** The archive tree that an inode number belongs to, if any. */
  #archiveAt(ino: number): ArchiveTree | undefined {
    if (ino >= VIRTUAL_INODE_MIN) return undefined;
    const slot = this.#root.kind === "archive" ? this.#onlySlot() : this.#slots.slotOfInode(ino);
    return slot && this.#slots.treeOf(slot);
  }

  #onlySlot(): ArchiveSlot | undefined {
    const root = this.#root;
    if (this.#only || root.kind !== "archive") return this.#only;
    const shown = shownFilesOf(root.snapshot, this.#memory).find(({ name }) => name === root.name);
    if (shown?.kind !== "archive") {
      throw new FsError("ENOENT", `find archive ${root.name} in the snapshot`);
    }
    this.#only = this.#slots.slotOf(root.snapshot, shown, {
      parentInode: ROOT_INODE,
      onlyRootInode: ROOT_INODE,
    });
    return this.#only;
  }

  #nodeAt(ino: number): VirtualNode {
    if (ino === ROOT_INODE) {
      const root = this.#root;
      switch (root.kind) {
        case "namespace":
        case "snapshot":
          return root;
        case "group":
          return { ...root, lastTimeSec: 0 };
        case "archive":
          break; // Its root is in the archive.
      }
    }
    const held = this.#nodes.get(ino);
    if (!held) throw new FsError("ESTALE", "use an inode that is not known");
    return held.node;
  }

  #fileAt(ino: number): VirtualNode & { readonly kind: "file" } {
    const node = this.#nodeAt(ino);
    if (node.kind !== "file") throw new FsError("EISDIR", "read what is not a file");
    return node;
  }

  #inodeOf(node: VirtualNode): number {
    const root = this.#root;
    const ino = virtualInode(node);
    if (root.kind === "archive") return ino;
    const rootNode: VirtualNode = root.kind === "group" ? { ...root, lastTimeSec: 0 } : root;
    return ino === virtualInode(rootNode) ? ROOT_INODE : ino;
  }

  #parentInode(node: VirtualNode): number {
    switch (node.kind) {
      case "namespace": {
        if (node.namespace === "") return ROOT_INODE;
        const slash = node.namespace.lastIndexOf("/");
        const namespace = slash < 0 ? "" : node.namespace.slice(0, slash);
        return this.#inodeOf({ kind: "namespaces", namespace });
      }
      case "namespaces":
      case "type":
        return this.#inodeOf({ kind: "namespace", namespace: node.namespace });
      case "group":
        return this.#inodeOf({
          kind: "type",
          namespace: node.group.namespace,
          type: node.group.type,
        });
      case "snapshot":
        return this.#inodeOf({ kind: "group", group: node.snapshot, lastTimeSec: 0 });
      case "latest":
      case "file":
        throw new FsError("ENOTDIR", "list a file");
    }
  }

  /** Attributes of a child, which the kernel knows from then on. */
  #attributesOfChild(child: VirtualChild, parentInode: number, occasion: Occasion): Attributes {
    if ("archive" in child) {
      const { snapshot, archive } = child;
      const slot = this.#slots.slotOf(snapshot, archive, { parentInode });
      return this.#attributesOfArchive(slot, occasion);
    }
    const ino = this.#inodeOf(child.node);
    const attributes = this.#attributes.of(child.node, ino, occasion);
    const held = this.#nodes.get(ino);
    if (held) {
      held.references++;
      held.node = child.node;
    } else this.#nodes.set(ino, { node: child.node, references: 1 });
    return attributes;
  }

  /** Attributes of an archive's root directory; of one that cannot be opened, those of a closed door. */
  #attributesOfArchive(slot: ArchiveSlot, occasion: Occasion): Attributes {
    try {
      const tree = this.#slots.treeOf(slot);
      // Who asks for one by its name goes into it; a listing shows many.
      if (occasion === "asked for") tree.expectUse();
      return { timeoutMs: LISTING_MS, ...tree.rootAttributes() };
    } catch (error) {
      if (!(error instanceof FsError || error instanceof FormatError)) throw error;
      return this.#attributes.ofClosedArchive(slot);
    }
  }
}
