import { FormatError } from "../../format/format-error.ts";
import { pxarFlagsOf } from "../../format/pxar/inode-flag-bits.ts";
import { NO_XATTRS, type PxarMetadata, type PxarXattr } from "../../format/pxar/metadata.ts";
import {
  ACCESS_ACL_ATTRIBUTE,
  DEFAULT_ACL_ATTRIBUTE,
  pxarAclOf,
} from "../../format/pxar/posix-acl.ts";
import { type DirectoryHandle } from "../../linux/directory-handle.ts";
import { listAttributesAt, readAttributeAt } from "../../linux/extended-attributes.ts";
import { FILE_TYPE, type FileStatus, STATUS_COMPRESSED } from "../../linux/file-status.ts";
import { FILE_SYSTEM, fileSystemTypeOf } from "../../linux/file-system-type.ts";
import {
  CHATTR,
  fatAttributesOf,
  flagsAt,
  flagsOf,
  type InodeFlags,
} from "../../linux/inode-flags.ts";
import { closeDescriptor, openForReading } from "../../linux/open-at.ts";
import { SystemError } from "../../linux/system-error.ts";

/** Something that could not be read as it is; the backup goes on without it. */
export interface SourceWarning {
  /** Why, as an errno name or a {@link FormatError} code. */
  readonly code: string;
  /** What is missing in the archive because of it, for people. */
  readonly effect: string;
}

/** What {@link MetadataReader} needs to know. */
export interface MetadataReaderOptions {
  /** Whether attribute lists that are too long for the kernel's interface end the backup or are left out. */
  readonly oversizedAttributes: "fail" | "skip";
  /** Told of attributes that cannot be read, while the entry is being read. */
  readonly warn: (warning: SourceWarning) => void;
}

/** Length of attribute names that an archive can hold (spec pxar.md §8.2). */
const ATTRIBUTE_NAME_BYTES_MAX = 255;
const CAPABILITY_ATTRIBUTE = "security.capability";
const NTACL_ATTRIBUTE = "security.NTACL";
const SELF = Uint8Array.of(0x2e);

/** File systems whose regular files cannot have flags that `flagsAt` does not know. */
const FLAGS_BY_NAME: ReadonlySet<number> = new Set([
  FILE_SYSTEM.ext4,
  FILE_SYSTEM.tmpfs,
  FILE_SYSTEM.xfs,
]);
/** File systems with quota projects (spec pxar.md §8.4). */
const WITH_PROJECTS: ReadonlySet<number> = new Set([
  FILE_SYSTEM.ext4,
  FILE_SYSTEM.fuse,
  FILE_SYSTEM.xfs,
  FILE_SYSTEM.zfs,
]);
/** File systems with FAT attributes (spec pxar.md §8.1). */
const WITH_FAT_ATTRIBUTES: ReadonlySet<number> = new Set([FILE_SYSTEM.fuse, FILE_SYSTEM.msdos]);

/**
 * Reads what an archive stores about an inode: owner, mode, time, extended attributes, ACLs, capabilities, inode
 * flags, quota project (spec pxar.md §8).
 *
 * Where the kernel allows it, regular files are not opened for this (Linux 6.17 on ext4, xfs and tmpfs): three calls
 * per file.
 */
export class MetadataReader {
  readonly #options: MetadataReaderOptions;
  readonly #fileSystems = new Map<number, number>();

  constructor(options: MetadataReaderOptions) {
    this.#options = options;
  }

  /**
   * Metadata of an open directory.
   *
   * @throws {SystemError} `E2BIG` when the options say so.
   */
  ofDirectory(directory: DirectoryHandle, status: FileStatus): PxarMetadata {
    const type = this.#fileSystemOf(directory, status);
    const flags = this.#storedFlags(flagsOf(directory.fd), directory.fd, type);
    return this.#assemble(directory.fd, SELF, status, flags);
  }

  /**
   * Metadata of anything else in an open directory.
   *
   * @throws {SystemError} `ENOENT` when it is gone, `E2BIG` when the options say so.
   */
  ofEntry(directory: DirectoryHandle, name: Uint8Array, status: FileStatus): PxarMetadata {
    const kind = status.mode & FILE_TYPE.mask;
    if (kind === FILE_TYPE.symlink) return plainMetadata(status);
    const flags =
      kind === FILE_TYPE.regular ? this.#flagsOfFile(directory, name, status) : NO_STORED_FLAGS;
    return this.#assemble(directory.fd, name, status, flags);
  }

  #fileSystemOf(directory: DirectoryHandle, status: FileStatus): number {
    let type = this.#fileSystems.get(status.device);
    if (type === undefined) {
      type = fileSystemTypeOf(directory.fd);
      this.#fileSystems.set(status.device, type);
    }
    return type;
  }

  #flagsOfFile(directory: DirectoryHandle, name: Uint8Array, status: FileStatus): StoredFlags {
    const type = this.#fileSystemOf(directory, status);
    if (FLAGS_BY_NAME.has(type)) {
      const flags = flagsAt(directory.fd, name);
      if (flags) {
        const compress = (status.attributes & STATUS_COMPRESSED) !== 0 ? CHATTR.compress : 0;
        if (flags.chattr === 0 && flags.projectId === 0 && compress === 0) return NO_STORED_FLAGS;
        return this.#storedFlags({ ...flags, chattr: flags.chattr | compress }, -1, type);
      }
    }
    let fd: number;
    try {
      fd = openForReading(directory.fd, name);
    } catch (error) {
      // Whoever reads the content meets the same error and reports it.
      if (error instanceof SystemError) return NO_STORED_FLAGS;
      throw error;
    }
    try {
      return this.#storedFlags(flagsOf(fd), fd, type);
    } finally {
      closeDescriptor(fd);
    }
  }

  #storedFlags(flags: InodeFlags, fd: number, type: number): StoredFlags {
    const fat = WITH_FAT_ATTRIBUTES.has(type) ? fatAttributesOf(fd) : 0;
    return {
      flags: pxarFlagsOf(flags.chattr, fat),
      quotaProjectId:
        flags.projectId !== 0 && WITH_PROJECTS.has(type) ? BigInt(flags.projectId) : undefined,
    };
  }

  #assemble(
    directoryFd: number,
    name: Uint8Array,
    status: FileStatus,
    { flags, quotaProjectId }: StoredFlags,
  ): PxarMetadata {
    const names = this.#listAttributes(directoryFd, name);
    if (names.length === 0) {
      if (flags === 0 && quotaProjectId === undefined) return plainMetadata(status);
      return { ...plainMetadata(status), flags, quotaProjectId };
    }
    const xattrs: PxarXattr[] = [];
    const special = new Map<string, Uint8Array>();
    for (const attribute of names) {
      const isXattr = isStoredXattr(attribute);
      if (!isXattr && !SPECIAL_ATTRIBUTES.has(attribute)) continue;
      const value = this.#readAttribute(directoryFd, name, attribute);
      if (value === undefined) continue;
      if (isXattr) xattrs.push({ name: Buffer.from(attribute, "latin1"), value });
      else special.set(attribute, value);
    }
    return {
      ...plainMetadata(status),
      flags,
      quotaProjectId,
      xattrs: xattrs.length > 0 ? xattrs : NO_XATTRS,
      fcaps: special.get(CAPABILITY_ATTRIBUTE),
      acl: this.#aclOf(special),
    };
  }

  #listAttributes(directoryFd: number, name: Uint8Array): readonly string[] {
    try {
      return listAttributesAt(directoryFd, name);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      const isTooLong = error.code === "E2BIG";
      if (error.code === "ENOENT" || (isTooLong && this.#options.oversizedAttributes === "fail")) {
        throw error;
      }
      this.#options.warn({ code: error.code, effect: "archived without extended attributes" });
      return [];
    }
  }

  #readAttribute(directoryFd: number, name: Uint8Array, attribute: string): Uint8Array | undefined {
    try {
      return readAttributeAt(directoryFd, name, attribute);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      this.#options.warn({ code: error.code, effect: `archived without attribute "${attribute}"` });
      return undefined;
    }
  }

  #aclOf(special: ReadonlyMap<string, Uint8Array>): PxarMetadata["acl"] {
    const access = special.get(ACCESS_ACL_ATTRIBUTE);
    const defaults = special.get(DEFAULT_ACL_ATTRIBUTE);
    if (access === undefined && defaults === undefined) return undefined;
    try {
      return pxarAclOf({ access, defaults });
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      this.#options.warn({ code: error.code, effect: "archived without its access control list" });
      return undefined;
    }
  }
}

interface StoredFlags {
  readonly flags: number;
  readonly quotaProjectId: bigint | undefined;
}

const NO_STORED_FLAGS: StoredFlags = { flags: 0, quotaProjectId: undefined };
const SPECIAL_ATTRIBUTES: ReadonlySet<string> = new Set([
  CAPABILITY_ATTRIBUTE,
  ACCESS_ACL_ATTRIBUTE,
  DEFAULT_ACL_ATTRIBUTE,
]);

function isStoredXattr(attribute: string): boolean {
  return (
    (attribute.startsWith("user.") ||
      attribute.startsWith("trusted.") ||
      attribute === NTACL_ATTRIBUTE) &&
    attribute.length <= ATTRIBUTE_NAME_BYTES_MAX
  );
}

/** Metadata of an inode without attributes and flags: what its status says. */
export function plainMetadata(status: FileStatus): PxarMetadata {
  return {
    mode: status.mode,
    flags: 0,
    uid: status.uid,
    gid: status.gid,
    mtimeSec: status.mtimeSec,
    mtimeNanos: status.mtimeNsec,
    xattrs: NO_XATTRS,
    acl: undefined,
    fcaps: undefined,
    quotaProjectId: undefined,
  };
}
