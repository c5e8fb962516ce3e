import { NotResident } from "../../src/format/bytes/resident-source.ts";
import {
  type Attributes,
  type DirectoryEntry,
  type FileSystem,
  type FileSystemHost,
  type InodeKind,
  ROOT_INODE,
} from "../../src/fs/file-system.ts";
import { FsError } from "../../src/fs/fs-error.ts";

/** One file system object; what is left out is ordinary. */
export interface MemoryNode {
  readonly kind: InodeKind;
  readonly permissions?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtimeSec?: number;
  readonly mtimeNanos?: number;
  readonly device?: readonly [number, number];
  readonly timeoutMs?: number;
  readonly attributes?: Readonly<Record<string, Uint8Array>>;
  readonly target?: Uint8Array;
  readonly size?: number;
  readonly read?: (offset: number, size: number) => readonly Uint8Array[];
  readonly seek?: (offset: number, what: "data" | "hole") => number;
  /** Names are binary strings (one character per byte); two names of one node object are hard links. */
  readonly children?: () => Readonly<Record<string, MemoryNode>>;
}

const typeBits: Readonly<Record<InodeKind, number>> = {
  file: 0o100000,
  directory: 0o040000,
  symlink: 0o120000,
  "block-device": 0o060000,
  "character-device": 0o020000,
  fifo: 0o010000,
  socket: 0o140000,
};

/** Bytes of a binary string, and back. */
export function bytesOf(name: string): Uint8Array {
  return Uint8Array.from(Buffer.from(name, "latin1"));
}

/** A file system over {@link MemoryNode}s, with the semantics of the interface and no more. */
export class MemoryFileSystem implements FileSystem {
  readonly #nodes: MemoryNode[] = [];
  readonly #inoByNode = new Map<MemoryNode, number>();
  readonly #parents = new Map<number, number>([[ROOT_INODE, ROOT_INODE]]);
  readonly #names = new Map<MemoryNode, number>();
  readonly #accept: (need: unknown, answer: unknown) => void;
  readonly #isImmutable: boolean;

  /** `isImmutable`: the caller's word that no directory changes and that all nodes with attributes were listed. */
  constructor(
    root: MemoryNode,
    {
      accept = () => undefined,
      isImmutable = false,
    }: {
      readonly accept?: ((need: unknown, answer: unknown) => void) | undefined;
      readonly isImmutable?: boolean | undefined;
    } = {},
  ) {
    this.#accept = accept;
    this.#isImmutable = isImmutable;
    this.#inoOf(root);
  }

  lookup(parent: number, name: Uint8Array): Attributes {
    const child = this.#children(parent)[Buffer.from(name).toString("latin1")];
    if (!child) throw new FsError("ENOENT", "look up a name");
    return this.#adopt(child, parent);
  }

  forget(): void {
    // Everything stays in memory.
  }

  getAttributes(ino: number): Attributes {
    const node = this.#node(ino);
    return {
      ino,
      kind: node.kind,
      mode: typeBits[node.kind] | (node.permissions ?? (node.kind === "directory" ? 0o755 : 0o644)),
      nlink: this.#names.get(node) ?? (node.kind === "directory" ? 2 : 1),
      uid: node.uid ?? 0,
      gid: node.gid ?? 0,
      size: node.size ?? node.target?.length ?? 0,
      deviceMajor: node.device?.[0] ?? 0,
      deviceMinor: node.device?.[1] ?? 0,
      mtimeSec: node.mtimeSec ?? 1_700_000_000,
      mtimeNanos: node.mtimeNanos ?? 0,
      ...(node.timeoutMs === undefined ? {} : { timeoutMs: node.timeoutMs }),
    };
  }

  readDirectory(ino: number): { parent: number; entries: readonly DirectoryEntry[] } {
    const entries = Object.entries(this.#children(ino)).map(([name, child]) => ({
      name: bytesOf(name),
      attributes: this.#adopt(child, ino),
    }));
    return { parent: this.#parents.get(ino) ?? ROOT_INODE, entries };
  }

  readLink(ino: number): Uint8Array {
    const { target } = this.#node(ino);
    if (!target) throw new FsError("EINVAL", "read a link");
    return target;
  }

  read(ino: number, offset: number, size: number): readonly Uint8Array[] {
    const node = this.#node(ino);
    const end = Math.min(offset + size, node.size ?? 0);
    if (!node.read) throw new FsError("EISDIR", "read");
    return end <= offset ? [] : node.read(offset, end - offset);
  }

  seek(ino: number, offset: number, what: "data" | "hole"): number {
    const { size = 0, seek } = this.#node(ino);
    if (offset >= size) throw new FsError("ENXIO", "seek");
    return seek ? seek(offset, what) : what === "data" ? offset : size;
  }

  listExtendedAttributes(ino: number): readonly Uint8Array[] {
    return Object.keys(this.#node(ino).attributes ?? {}).map(bytesOf);
  }

  getExtendedAttribute(ino: number, name: Uint8Array): Uint8Array | undefined {
    return this.#node(ino).attributes?.[Buffer.from(name).toString("latin1")];
  }

  lacksExtendedAttributes(): boolean {
    return this.#isImmutable && this.#nodes.every(({ attributes }) => attributes === undefined);
  }

  prepare(): boolean {
    return false;
  }

  status(): { totalBytes: number; inodeCount: number } {
    return { totalBytes: 123 * 4096, inodeCount: this.#nodes.length };
  }

  accept(need: unknown, answer: unknown): void {
    this.#accept(need, answer);
  }

  #node(ino: number): MemoryNode {
    const node = this.#nodes[ino - 1];
    if (!node) throw new FsError("ESTALE", "find an inode");
    return node;
  }

  #children(ino: number): Readonly<Record<string, MemoryNode>> {
    const { children } = this.#node(ino);
    if (!children) throw new FsError("ENOTDIR", "look into a file");
    const all = children();
    for (const node of Object.values(all)) this.#names.delete(node);
    for (const node of Object.values(all)) {
      if (node.kind !== "directory") this.#names.set(node, (this.#names.get(node) ?? 0) + 1);
    }
    return all;
  }

  #adopt(child: MemoryNode, parent: number): Attributes {
    const ino = this.#inoOf(child);
    if (child.kind === "directory") this.#parents.set(ino, parent);
    return this.getAttributes(ino);
  }

  #inoOf(node: MemoryNode): number {
    const known = this.#inoByNode.get(node);
    if (known !== undefined) return known;
    this.#nodes.push(node);
    this.#inoByNode.set(node, this.#nodes.length);
    return this.#nodes.length;
  }
}

/** A file with this content. */
export function memoryFile(content: Uint8Array, rest: Partial<MemoryNode> = {}): MemoryNode {
  return {
    kind: "file",
    size: content.length,
    read: (offset, size) => [content.subarray(offset, offset + size)],
    ...rest,
  };
}

/** A directory with a fixed listing. */
export function memoryDirectory(
  children: Readonly<Record<string, MemoryNode>>,
  rest: Partial<MemoryNode> = {},
): MemoryNode {
  return { kind: "directory", children: () => children, ...rest };
}

/** Bytes that depend on their offset, so that a shifted read shows; the same for every reader. */
export function patternBytes(offset: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) {
    const at = offset + i;
    bytes[i] = (at ^ (at >>> 8) ^ (at >>> 16)) * 167;
  }
  return bytes;
}

/** Size of the piece that one need of a fetched file brings. */
export const FETCHED_BLOCK_BYTES = 64 * 1024;

/** What a fetched file asks for. */
export interface BlockNeed {
  readonly file: string;
  readonly block: number;
}

/** Size of every fetched file. */
export const FETCHED_FILE_BYTES = 5 * FETCHED_BLOCK_BYTES + 100;

/** Hole and data of the sparse file. */
export const SPARSE = { dataOffset: 2 ** 32, dataBytes: 65536, size: 5 * 2 ** 30 + 3 } as const;

/** Entries of the large directory. */
export const MANY_COUNT = 10_000;

/** Names that are hard on a transport, as binary strings; the second list is valid UTF-8 on top. */
export const oddNames: readonly string[] = [
  "\xff\xfe not utf-8",
  "\x80",
  "caf\xe9",
  String.fromCharCode(...Array.from({ length: 254 }, (_, i) => (i + 1 === 0x2f ? 0x20 : i + 1))),
  "\xc3".repeat(255),
];

export const utf8Names: readonly string[] = [
  "with blank",
  "with\nnewline",
  "-rf",
  "...",
  Buffer.from("čaj-☕-日本").toString("latin1"),
  "n".repeat(255),
];

function askFor(need: BlockNeed): never {
  // eslint-disable-next-line @typescript-eslint/only-throw-error -- a miss is no failure and carries no stack
  throw new NotResident(need);
}

/** Who is named in the access list of `acl.txt`. */
export const LISTED_USER = 65534;

/** user::rw-, user:65534:r--, group::---, mask::r--, other::--- as linux/posix_acl_xattr.h lays it out. */
const accessList = Uint8Array.from(
  [
    [2, 0, 0, 0],
    ...[
      [0x01, 6, 0xffffffff],
      [0x02, 4, LISTED_USER],
      [0x04, 0, 0xffffffff],
      [0x10, 4, 0xffffffff],
      [0x20, 0, 0xffffffff],
    ].map(([tag = 0, permission = 0, id = 0]) => [
      ...[tag, 0, permission, 0],
      ...[id, id >>> 8, id >>> 16, id >>> 24].map((byte) => byte & 255),
    ]),
  ].flat(),
);

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

function makeTree(host: FileSystemHost, blocks: Map<string, Uint8Array | Error>): MemoryNode {
  const hard = memoryFile(text("hard"));
  const names = (list: readonly string[]): MemoryNode =>
    memoryDirectory(Object.fromEntries(list.map((name) => [name, memoryFile(bytesOf(name))])));
  const zeros = new Uint8Array(1024 * 1024);
  let generation = 0;

  const fetched = (file: string): MemoryNode => ({
    kind: "file",
    size: FETCHED_FILE_BYTES,
    read: (offset, size) => {
      const pieces: Uint8Array[] = [];
      for (let at = offset; at < offset + size;) {
        const block = Math.floor(at / FETCHED_BLOCK_BYTES);
        const bytes = blocks.get(`${file}:${block}`);
        if (bytes === undefined) askFor({ file, block });
        if (bytes instanceof Error) {
          blocks.delete(`${file}:${block}`);
          throw new FsError("EIO", `read ${file}`, { cause: bytes });
        }
        if (file === "prefetching") host.prefetch({ file, block: block + 1 } satisfies BlockNeed);
        const within = at - block * FETCHED_BLOCK_BYTES;
        const piece = bytes.subarray(within, within + offset + size - at);
        pieces.push(piece);
        at += piece.length;
      }
      return pieces;
    },
  });

  const fetchedDirectory = (file: string): MemoryNode => ({
    kind: "directory",
    children: () => {
      if (!blocks.has(`${file}:0`)) askFor({ file, block: 0 });
      return { inside: memoryFile(text("fetched")) };
    },
  });

  return memoryDirectory(
    {
      "plain.txt": memoryFile(text("hello\n"), {
        uid: 1000,
        gid: 1001,
        mtimeSec: 1_600_000_000,
        mtimeNanos: 123_456_789,
        attributes: {
          "user.comment": text("a remark"),
          "user.empty": new Uint8Array(),
          "user.large": patternBytes(0, 60_000),
        },
      }),
      "old.txt": memoryFile(text("old"), { mtimeSec: -315_619_201, mtimeNanos: 5 }),
      "future.txt": memoryFile(text("future"), { mtimeSec: 2 ** 33, mtimeNanos: 999_999_999 }),
      "empty.txt": memoryFile(new Uint8Array()),
      "pattern.bin": {
        kind: "file",
        size: 3 * 1024 * 1024 + 17,
        // In pieces of odd size, as chunks are.
        read: (offset, size) => {
          const middle = Math.floor(size / 3);
          return [patternBytes(offset, middle), patternBytes(offset + middle, size - middle)];
        },
      },
      "sparse.bin": {
        kind: "file",
        size: SPARSE.size,
        read: (offset, size) => {
          const start = Math.max(offset, SPARSE.dataOffset);
          const end = Math.min(offset + size, SPARSE.dataOffset + SPARSE.dataBytes);
          if (end <= start) return [zeros.subarray(0, size)];
          return [
            zeros.subarray(0, start - offset),
            patternBytes(start, end - start),
            zeros.subarray(0, offset + size - end),
          ];
        },
        seek: (offset, what) => {
          const end = SPARSE.dataOffset + SPARSE.dataBytes;
          if (what === "data") {
            if (offset >= end) throw new FsError("ENXIO", "seek");
            return Math.max(offset, SPARSE.dataOffset);
          }
          return offset >= SPARSE.dataOffset && offset < end ? end : offset;
        },
      },
      link: { kind: "symlink", permissions: 0o777, target: text("plain.txt") },
      "odd-link": { kind: "symlink", permissions: 0o777, target: bytesOf("\xff/\xfe\n") },
      "hard-a": hard,
      "hard-b": hard,
      null: { kind: "character-device", permissions: 0o666, device: [1, 3] },
      disk: { kind: "block-device", permissions: 0o660, device: [259, 300_000] },
      pipe: { kind: "fifo" },
      socket: { kind: "socket" },
      suid: memoryFile(text("#!/bin/false"), { permissions: 0o6755 }),
      sticky: memoryDirectory({}, { permissions: 0o1777 }),
      many: memoryDirectory(
        Object.fromEntries(
          Array.from({ length: MANY_COUNT }, (_, i) => [
            `entry-${String(i).padStart(5, "0")}`,
            memoryFile(text(String(i))),
          ]),
        ),
      ),
      names: names(utf8Names),
      deep: memoryDirectory({
        a: memoryDirectory({ b: memoryDirectory({ file: memoryFile(text("deep")) }) }),
      }),
      "other-owner.txt": memoryFile(text("secret"), { permissions: 0o600, uid: 4242, gid: 4242 }),
      // The owning group has no access though the mode's middle bits, which are the mask, say so.
      "acl.txt": memoryFile(text("listed"), {
        permissions: 0o640,
        attributes: { "system.posix_acl_access": accessList },
      }),
      "bad.bin": {
        kind: "file",
        size: 100,
        read: () => {
          throw new FsError("EIO", "read bad.bin");
        },
      },
      "bug.bin": {
        kind: "file",
        size: 100,
        read: () => {
          throw new TypeError("a mistake in a file system");
        },
      },
      // Only for transports with a thread of their own: both take the thread down with them.
      "ends-thread.bin": {
        kind: "file",
        size: 100,
        read: () => {
          // eslint-disable-next-line n/no-process-exit -- ends the thread, as running out of memory does
          process.exit(3);
        },
      },
      "endless.bin": {
        kind: "file",
        size: 100,
        read: () => {
          for (;;);
        },
      },
      changing: {
        kind: "directory",
        timeoutMs: 0,
        get mtimeNanos() {
          return generation;
        },
        children: () => ({ [`generation-${++generation}`]: memoryFile(text("now")) }),
      },
      "delayed.bin": fetched("delayed"),
      "failing.bin": fetched("failing"),
      "never.bin": fetched("never"),
      "forgetful.bin": fetched("forgetful"),
      "prefetching.bin": fetched("prefetching"),
      "fetched-directory": fetchedDirectory("directory"),
      "never-directory": fetchedDirectory("never"),
      "non-utf8": {
        kind: "directory",
        children: () =>
          Object.fromEntries(oddNames.map((name) => [name, memoryFile(bytesOf(name))])),
      },
    },
    { permissions: 0o755 },
  );
}

/** A tree in which nothing changes; its number of inodes, as `statfs` shows it, is how often attributes were asked for. */
class StillFileSystem extends MemoryFileSystem {
  #asked = 0;

  constructor(hasAttributes: boolean) {
    const attributes = { "user.comment": text("a remark") };
    const tree = memoryDirectory({
      "a.txt": memoryFile(text("a")),
      "b.txt": memoryFile(text("b"), hasAttributes ? { attributes } : {}),
      many: memoryDirectory(
        Object.fromEntries(
          Array.from({ length: MANY_COUNT }, (_, i) => [`entry-${i}`, memoryFile(text(String(i)))]),
        ),
      ),
    });
    super(tree, { isImmutable: true });
    this.readDirectory(ROOT_INODE);
  }

  override lacksExtendedAttributes(): boolean {
    this.#asked++;
    return super.lacksExtendedAttributes();
  }

  override status(): { totalBytes: number; inodeCount: number } {
    return { ...super.status(), inodeCount: this.#asked };
  }
}

/** The tree of the contract suite; used through a recipe, so in whichever thread the transport chooses. */
export function makeFileSystem(argument: unknown, host: FileSystemHost): FileSystem {
  if (argument === "still" || argument === "still with attributes") {
    return new StillFileSystem(argument === "still with attributes");
  }
  if (argument === "broken") throw new TypeError("this file system cannot be made");
  const blocks = new Map<string, Uint8Array | Error>();
  const tree = makeTree(host, blocks);
  return new MemoryFileSystem(tree, {
    accept: (need, answer) => {
      const { file, block } = need as BlockNeed;
      if (file === "forgetful") return;
      if (answer instanceof Error || answer instanceof Uint8Array) {
        blocks.set(`${file}:${block}`, answer);
      }
    },
  });
}
