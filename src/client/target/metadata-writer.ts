import {
  CHATTR_FLAGS_INITIAL,
  chattrFlagsOf,
  FAT_ATTRIBUTES_STORED,
  fatAttributesOfFlags,
} from "../../format/pxar/inode-flag-bits.ts";
import { type PxarMetadata } from "../../format/pxar/metadata.ts";
import {
  ACCESS_ACL_ATTRIBUTE,
  DEFAULT_ACL_ATTRIBUTE,
  posixAclValuesOf,
} from "../../format/pxar/posix-acl.ts";
import { setAttribute, setAttributeAt } from "../../linux/extended-attributes.ts";
import { setMode, setOwner } from "../../linux/file-content.ts";
import { setModificationTime, setModificationTimeAt } from "../../linux/file-times.ts";
import { CHATTR, setFatAttributes, setFlags, setProjectId } from "../../linux/inode-flags.ts";
import { type PlaceOfName, setModeAt, setOwnerAt } from "../../linux/name-calls.ts";
import { SystemError } from "../../linux/system-error.ts";
import { type RestoreProblemKind } from "./restore-problem.ts";
import { type RestoreOptions } from "./restore-request.ts";

/** Is told of each part of an entry's metadata that cannot be set. */
export type MetadataProblem = (kind: RestoreProblemKind, reason: string) => void;

const PERMISSION_BITS = 0o7777;
/** Without its owner, a set-user-id program would run as whoever restored it. */
const UNOWNED_BITS = 0o1777;
const CAPABILITY_NAME: Uint8Array = Buffer.from("security.capability");
const ACCESS_ACL_NAME: Uint8Array = Buffer.from(ACCESS_ACL_ATTRIBUTE);
const DEFAULT_ACL_NAME: Uint8Array = Buffer.from(DEFAULT_ACL_ATTRIBUTE);

/** All flags an archive can hold; those that lock a file last. */
const FLAGS_IN_ORDER: readonly number[] = [
  ...Object.values(CHATTR).filter((flag) => flag !== CHATTR.append && flag !== CHATTR.immutable),
  CHATTR.append,
  CHATTR.immutable,
];

/** Sets extended attributes, by descriptor or by name. */
type SetAttribute = (name: Uint8Array, value: Uint8Array) => void;

/**
 * Gives restored entries their metadata, in the order in which nothing undoes what came before (spec pxar.md §8.5).
 *
 * What the user may not do or the file system cannot is told, and the rest is done nevertheless.
 */
export class MetadataWriter {
  readonly #ignore: RestoreOptions["ignore"];
  readonly #problem: MetadataProblem;

  constructor(ignore: RestoreOptions["ignore"], problem: MetadataProblem) {
    this.#ignore = ignore;
    this.#problem = problem;
  }

  /** Sets the inode flags that have to be there before a new file gets its content. */
  startFile(fd: number, metadata: PxarMetadata): void {
    if (metadata.flags === 0) return;
    const flags = chattrFlagsOf(metadata.flags) & CHATTR_FLAGS_INITIAL;
    if (flags === 0) return;
    this.#attempt("flags", () => {
      setFlags(fd, flags, flags);
    });
  }

  /**
   * Completes a regular file or directory that is open and has its content.
   *
   * @param present What it is known to have already, which need not be set.
   */
  finishOpen(
    fd: number,
    metadata: PxarMetadata,
    present: { readonly owner: boolean; readonly mode: boolean },
  ): void {
    const { mode, uid, gid, mtimeSec, mtimeNanos, flags } = metadata;
    const isOwned =
      !this.#ignore.ownership &&
      (present.owner ||
        this.#attempt("owner", () => {
          setOwner(fd, uid, gid);
        }));
    this.#setAttributes(metadata, (name, value) => {
      setAttribute(fd, name, value);
    });
    if (metadata.quotaProjectId !== undefined) {
      const projectId = Number(metadata.quotaProjectId);
      this.#attempt("project", () => {
        setProjectId(fd, projectId);
      });
    }
    if (!this.#ignore.permissions && !present.mode) {
      this.#attempt("mode", () => {
        setMode(fd, mode & (isOwned ? PERMISSION_BITS : UNOWNED_BITS));
      });
    }
    this.#attempt("time", () => {
      setModificationTime(fd, { seconds: mtimeSec, nanoseconds: mtimeNanos });
    });
    if (flags !== 0) this.#setFlags(fd, flags);
  }

  /** Completes a symbolic link, device, fifo or socket. */
  finishNamed({ directoryFd, name }: PlaceOfName, metadata: PxarMetadata, isLink: boolean): void {
    const { mode, uid, gid, mtimeSec, mtimeNanos } = metadata;
    const isOwned =
      !this.#ignore.ownership &&
      this.#attempt("owner", () => {
        setOwnerAt(directoryFd, name, { uid, gid });
      });
    if (!isLink) {
      this.#setAttributes(metadata, (attribute, value) => {
        setAttributeAt(directoryFd, name, attribute, value);
      });
      if (!this.#ignore.permissions) {
        this.#attempt("mode", () => {
          setModeAt(directoryFd, name, mode & (isOwned ? PERMISSION_BITS : UNOWNED_BITS));
        });
      }
    }
    this.#attempt("time", () => {
      setModificationTimeAt(directoryFd, name, { seconds: mtimeSec, nanoseconds: mtimeNanos });
    });
  }

  #setAttributes({ xattrs, fcaps, acl, mode }: PxarMetadata, set: SetAttribute): void {
    if (!this.#ignore.xattrs) {
      for (const { name, value } of xattrs) {
        this.#attempt("attributes", () => {
          set(name, value);
        });
      }
    }
    if (fcaps !== undefined && !this.#ignore.fcaps) {
      this.#attempt("capabilities", () => {
        set(CAPABILITY_NAME, fcaps);
      });
    }
    if (acl === undefined || this.#ignore.acls) return;
    const { access, defaults } = posixAclValuesOf(acl, mode);
    this.#attempt("acl", () => {
      if (access) set(ACCESS_ACL_NAME, access);
      if (defaults) set(DEFAULT_ACL_NAME, defaults);
    });
  }

  /** Flags come last: an immutable file takes nothing any more. */
  #setFlags(fd: number, flags: number): void {
    const chattr = chattrFlagsOf(flags);
    // One by one, because a file system refuses all of a set when it lacks one.
    for (const flag of FLAGS_IN_ORDER) {
      if ((chattr & flag) === 0) continue;
      this.#attempt("flags", () => {
        setFlags(fd, flag, flag);
      });
    }
    const fat = fatAttributesOfFlags(flags);
    if (fat !== 0) {
      this.#attempt("flags", () => {
        setFatAttributes(fd, fat, FAT_ATTRIBUTES_STORED);
      });
    }
  }

  /** Whether it worked. */
  #attempt(kind: RestoreProblemKind, set: () => void): boolean {
    try {
      set();
      return true;
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      this.#problem(kind, error.code);
      return false;
    }
  }
}
