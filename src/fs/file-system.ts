/** What kind of thing an inode is. */
export type InodeKind =
  "file" | "directory" | "symlink" | "block-device" | "character-device" | "fifo" | "socket";

/** Attributes of one inode, as `stat(2)` shows them. */
export interface Attributes {
  /** Unique and stable for the life of the mount and, for the same content, across mounts. */
  readonly ino: number;
  readonly kind: InodeKind;
  /** Permission, set-id and sticky bits with the file type bits of `st_mode`. */
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes. */
  readonly size: number;
  /** Bytes without holes, as far as these are known; absent: all of {@link size}. */
  readonly allocatedBytes?: number;
  /** Device numbers of a device node, else 0. */
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  /** Whole seconds, floor: negative before 1970. */
  readonly mtimeSec: number;
  /** 0 to 999,999,999, added to {@link mtimeSec}. */
  readonly mtimeNanos: number;
  /**
   * How long the kernel may believe these attributes, the name that led to them and, of a directory, its listing.
   *
   * Absent: as long as the mount lives, which is right for everything inside an archive. Directories that gain and
   * lose entries (groups, snapshots), their entries and links that move (`latest`) carry one. A link whose target
   * changes, and a file whose content does, must become a new inode: the kernel keeps both by inode number. A directory
   * whose entries change must show another modification time: the kernel keeps its listing as long as that is the same.
   */
  readonly timeoutMs?: number;
  /**
   * Whether the link count is not known yet: the kernel must ask again for attributes when somebody wants them, while the
   * name stays. Asked for by {@link FileSystem.getAttributes} or a lookup, those of a file are only where something cannot be
   * read for now.
   */
  readonly isProvisional?: boolean;
}

/** One name in a directory. */
export interface DirectoryEntry {
  /** Raw bytes of the name, not necessarily UTF-8. */
  readonly name: Uint8Array;
  readonly attributes: Attributes;
}

/** Figures of `statfs(2)`. */
export interface FileSystemStatus {
  /** Total and used bytes of what is shown. */
  readonly totalBytes: number;
  readonly inodeCount: number;
}

/** Inode number of the root directory, fixed by the FUSE protocol. */
export const ROOT_INODE = 1;

/**
 * A read-only file system as transports see it.
 *
 * Methods are synchronous and restartable: when something has to be fetched first they throw `NotResident`
 * (src/format/bytes/resident-source.ts); the transport hands the need to the host, gives the answer to
 * {@link FileSystem.accept} and calls the method again. A failure for the caller is thrown as `FsError`, whose code is
 * an errno name. So the same file system runs in a thread that speaks to the kernel and in one that has an event loop.
 * Checked, through both transports, by `test/contract/transport.contract.ts`.
 */
export interface FileSystem {
  /** Attributes of `name` in the directory `parent`. Fails with ENOENT, ENOTDIR, EIO. */
  lookup(parent: number, name: Uint8Array): Attributes;
  /** The kernel dropped `count` references that lookups and directory reads gave it. */
  forget(ino: number, count: number): void;
  /** Attributes of an inode that a lookup or directory read has named. */
  getAttributes(ino: number): Attributes;
  /**
   * Every entry of a directory without `.` and `..`, in a stable order; the array is immutable and may be kept.
   *
   * @returns The entries, and the inode of the parent directory for `..`.
   */
  readDirectory(ino: number): {
    readonly parent: number;
    readonly entries: readonly DirectoryEntry[];
  };
  /** Target of a symbolic link: raw bytes. */
  readLink(ino: number): Uint8Array;
  /**
   * Content of a file from `offset`, at most `size` bytes, less only at its end.
   *
   * @returns Pieces to be handed out in order, borrowed until the next call; together at most `size` bytes.
   */
  read(ino: number, offset: number, size: number): readonly Uint8Array[];
  /** Start of the next data (`"data"`) or hole (`"hole"`) at or after `offset`; ENXIO beyond the end. */
  seek(ino: number, offset: number, what: "data" | "hole"): number;
  /** Names of the extended attributes, each without NUL. */
  listExtendedAttributes(ino: number): readonly Uint8Array[];
  /**
   * Value of an extended attribute, borrowed; `undefined` when there is none of this name.
   *
   * No error, because nearly every answer is this one, and an error costs more than finding it.
   */
  getExtendedAttribute(ino: number, name: Uint8Array): Uint8Array | undefined;
  /**
   * Whether it is certain that no inode has an extended attribute or ever will, so that the kernel need not ask for
   * values again.
   *
   * Called for every request for a value until it says yes; false while that is not known.
   */
  lacksExtendedAttributes(): boolean;
  /**
   * Does a little of what will probably be asked for next; called while nobody asks for anything.
   *
   * @returns Whether there was something to do, so that calling again may be of use.
   */
  prepare(): boolean;
  /** Figures for `df`. */
  status(): FileSystemStatus;
  /**
   * Takes what the host fetched for a need; a need that failed is answered with an `Error`, which has the name,
   * message and `code` of the host's own but not its class. The call that needed it must then fail, not ask again.
   */
  accept(need: unknown, answer: unknown): void;
}

/** What a file system may ask of the host it runs in, besides throwing `NotResident`. */
export interface FileSystemHost {
  /** Asks for something that will be needed soon; answered through `accept`, at any later time. Never blocks. */
  prefetch(need: unknown): void;
  /** Gives back memory that an answer came in, by the number that came with it; nobody here uses it any more. */
  giveBack(loan: number): void;
}

/**
 * How a transport makes its file system in the thread where it runs.
 *
 * The module exports `makeFileSystem(argument, host): FileSystem`.
 */
export interface FileSystemRecipe {
  /** URL of the module, as in `import.meta.url`. */
  readonly moduleUrl: string;
  /** Passed on by structured clone; shared memory inside stays shared. */
  readonly argument: unknown;
}

/** Export that a module named in a {@link FileSystemRecipe} must have. */
export type MakeFileSystem = (argument: unknown, host: FileSystemHost) => FileSystem;
