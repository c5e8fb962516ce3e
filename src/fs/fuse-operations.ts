import { LRUCache } from "lru-cache";

import { FormatError } from "../format/format-error.ts";
import { type FileSystem } from "./file-system.ts";
import { type ErrnoName, FsError } from "./fs-error.ts";
import { type DirectoryListing, type DirectoryPage } from "./fuse-directory.ts";
import {
  FUSE_MAJOR,
  FUSE_MINOR,
  FUSE_MINOR_MIN,
  FUSE_NAME_BYTES_MAX,
  FUSE_REPLY_HEADER_BYTES,
  FUSE_TRANSFER_BYTES_MAX,
  fuseInitFlags,
  fuseOpenFlags,
} from "./fuse-protocol.ts";
import { type FuseReplyEncoder } from "./fuse-reply.ts";
import { type FuseOperation, type FuseRequest } from "./fuse-request.ts";

/** Pieces of content that are sent without joining them; the kernel takes 1024 at most. */
const PIECES_MAX = 512;

/** Listings in use that are kept where directories have no handles. */
const LISTINGS_MAX = 16;

/** `whence` of `lseek(2)`, as far as the kernel asks us. */
const seekTargets: ReadonlyMap<number, "data" | "hole"> = new Map([
  [3, "data"],
  [4, "hole"],
]);

/**
 * A reply: the size of one in the encoder's memory, or pieces (a header first) that lie elsewhere. A request that gets
 * none, such as a notice about references, is answered with `undefined`.
 */
export type FuseReply = number | readonly Uint8Array[] | undefined;

/** What the operations work with. */
export interface FuseOperationsParts {
  readonly fileSystem: FileSystem;
  readonly encoder: FuseReplyEncoder;
  /** Let the kernel check permissions with access control lists, as a mount needs that others may use. */
  readonly enforcesAccessLists: boolean;
}

/**
 * The meaning of each request: which call of the file system answers it, and how the reply is made.
 *
 * Neither files nor directories are opened (the kernel is told that it need not ask), except by kernels that insist on it:
 * then the listing taken at the first page of a directory serves all later ones of that reader.
 */
export class FuseOperations {
  readonly #parts: FuseOperationsParts;
  readonly #directories = new Map<number, { readonly ino: number; listing?: DirectoryListing }>();
  /** The same of directories that were not opened, by inode. */
  readonly #listings = new LRUCache<number, DirectoryListing>({ max: LISTINGS_MAX });
  #lastHandle = 0;
  #mayRefuseOpen = false;
  #mayRefuseOpenDirectory = false;

  /** Starts without any directory open. */
  constructor(parts: FuseOperationsParts) {
    this.#parts = parts;
  }

  /**
   * Makes the reply to a request.
   *
   * @returns Borrowed: valid until the next call.
   * @throws {NotResident} When something has to be fetched first; the call can then be repeated.
   * @throws {FsError} When the answer is an error, for {@link answerFailure}.
   */
  answer(request: FuseRequest): FuseReply {
    const { unique, ino, operation } = request;
    const { fileSystem, encoder } = this.#parts;
    switch (operation.kind) {
      case "lookup":
        return this.#answerLookup(unique, ino, operation.name);
      case "getattr":
        return encoder.encodeAttributes(unique, fileSystem.getAttributes(ino));
      case "read":
        return this.#answerRead(unique, ino, operation);
      case "opendir":
        return this.#answerOpenDirectory(unique, ino);
      case "readdir":
      case "readdirplus":
        return this.#answerReadDirectory(unique, ino, operation);
      case "releasedir":
        this.#directories.delete(operation.handle);
        return encoder.encodeEmpty(unique);
      case "readlink":
        return encoder.encodeBytes(unique, fileSystem.readLink(ino));
      case "open":
        return this.#answerOpen(unique, operation.writes);
      case "getxattr": {
        // The kernel remembers ENOSYS for the whole mount. Lists are answered all the same: tar warns about every
        // file whose attributes cannot be listed.
        if (fileSystem.lacksExtendedAttributes()) return encoder.encodeError(unique, "ENOSYS");
        const value = fileSystem.getExtendedAttribute(ino, operation.name);
        if (!value) return encoder.encodeError(unique, "ENODATA");
        return this.#answerExtendedAttribute(unique, value, operation.size);
      }
      case "listxattr": {
        const list = joinNames(fileSystem.listExtendedAttributes(ino));
        return this.#answerExtendedAttribute(unique, list, operation.size);
      }
      case "lseek":
        return this.#answerSeek(unique, ino, operation);
      case "statfs":
        return encoder.encodeStatus(unique, fileSystem.status());
      case "forget":
        for (const forgotten of operation.forgotten) {
          fileSystem.forget(forgotten.ino, forgotten.count);
        }
        return undefined;
      case "release":
      case "destroy":
        return encoder.encodeEmpty(unique);
      case "change":
        throw new FsError("EROFS", "change a backup");
      case "init":
      case "interrupt":
        throw new TypeError(`${operation.kind} is not for answer()`);
      case "malformed":
        throw new FsError("EINVAL", "read a request");
      case "unsupported":
        throw new FsError("ENOSYS", `answer request ${operation.opcode}`);
    }
  }

  /** Makes the reply that a request failed; a request without reply stays without. */
  answerFailure(request: FuseRequest, code: ErrnoName): FuseReply {
    if (request.operation.kind === "forget") return undefined;
    return this.#parts.encoder.encodeError(request.unique, code);
  }

  /**
   * Agrees with the kernel on what both can do.
   *
   * @throws {FormatError} `FORMAT_UNSUPPORTED` for a kernel that is too old.
   */
  answerInit(unique: number, offer: FuseOperation & { readonly kind: "init" }): number {
    const { encoder, enforcesAccessLists } = this.#parts;
    if (offer.major < FUSE_MAJOR || (offer.major === FUSE_MAJOR && offer.minor < FUSE_MINOR_MIN)) {
      const detail = `the kernel speaks FUSE ${offer.major}.${offer.minor}, which is too old`;
      throw new FormatError("FORMAT_UNSUPPORTED", "FUSE request", detail);
    }
    let wanted =
      fuseInitFlags.asyncRead |
      fuseInitFlags.autoInvalData |
      fuseInitFlags.doReaddirplus |
      fuseInitFlags.asyncDirectIo |
      fuseInitFlags.noOpenSupport |
      fuseInitFlags.parallelDirops |
      fuseInitFlags.maxPages |
      fuseInitFlags.cacheSymlinks |
      fuseInitFlags.noOpendirSupport;
    if (enforcesAccessLists) wanted |= fuseInitFlags.posixAcl;
    const flags = (wanted & offer.flags) >>> 0;
    this.#mayRefuseOpenDirectory = (flags & fuseInitFlags.noOpendirSupport) !== 0;
    this.#mayRefuseOpen = (flags & fuseInitFlags.noOpenSupport) !== 0;
    const maxReadahead = Math.min(offer.maxReadahead, FUSE_TRANSFER_BYTES_MAX);
    const minor = offer.major > FUSE_MAJOR ? FUSE_MINOR : Math.min(offer.minor, FUSE_MINOR);
    return encoder.encodeInit(unique, { minor, flags, maxReadahead });
  }

  #answerLookup(unique: number, parent: number, name: Uint8Array): number {
    const { fileSystem, encoder } = this.#parts;
    if (name.length > FUSE_NAME_BYTES_MAX) throw new FsError("ENAMETOOLONG", "look up a name");
    try {
      return encoder.encodeEntry(unique, fileSystem.lookup(parent, name));
    } catch (error) {
      const isStable =
        error instanceof FsError &&
        error.code === "ENOENT" &&
        fileSystem.getAttributes(parent).timeoutMs === undefined;
      if (!isStable) throw error;
      return encoder.encodeNoEntry(unique);
    }
  }

  #answerRead(unique: number, ino: number, range: { offset: number; size: number }): FuseReply {
    const { fileSystem, encoder } = this.#parts;
    const size = Math.min(range.size, FUSE_TRANSFER_BYTES_MAX);
    const pieces = fileSystem.read(ino, range.offset, size);
    let total = 0;
    for (const piece of pieces) total += piece.length;
    if (total > size) throw new FsError("EIO", "read: the file system returned more than asked");
    const header = encoder.bytes.subarray(0, encoder.encodeHeader(unique, total));
    if (pieces.length <= PIECES_MAX) return [header, ...pieces];
    return encoder.encodeBytes(unique, Buffer.concat(pieces, total));
  }

  /** Once refused with ENOSYS, the kernel opens files itself and keeps their pages: they cannot change. */
  #answerOpen(unique: number, writes: boolean): number {
    const { encoder } = this.#parts;
    if (writes) throw new FsError("EROFS", "open for writing");
    if (this.#mayRefuseOpen) throw new FsError("ENOSYS", "open");
    return encoder.encodeOpen(unique, 0, fuseOpenFlags.keepCache);
  }

  /** Once refused with ENOSYS, the kernel opens directories itself too, and keeps their listings. */
  #answerOpenDirectory(unique: number, ino: number): number {
    const { fileSystem, encoder } = this.#parts;
    if (this.#mayRefuseOpenDirectory) return encoder.encodeError(unique, "ENOSYS");
    const isStable = fileSystem.getAttributes(ino).timeoutMs === undefined;
    const handle = ++this.#lastHandle;
    this.#directories.set(handle, { ino });
    const flags = isStable ? fuseOpenFlags.keepCache | fuseOpenFlags.cacheDirectory : 0;
    return encoder.encodeOpen(unique, handle, flags);
  }

  #answerReadDirectory(
    unique: number,
    ino: number,
    page: DirectoryPage & { readonly handle: number },
  ): number {
    const { encoder } = this.#parts;
    if (this.#mayRefuseOpenDirectory) {
      const listing = this.#listingUnderWay(ino, page.offset) ?? this.#list(ino);
      const size = encoder.encodeDirectory(unique, listing, page);
      // The end has been reached; whoever is still on the way gets the one of then.
      if (size === FUSE_REPLY_HEADER_BYTES) this.#listings.delete(ino);
      else this.#listings.set(ino, listing);
      return size;
    }
    const directory = this.#directories.get(page.handle);
    if (!directory) throw new FsError("EINVAL", "read a directory that is not open");
    directory.listing ??= this.#list(directory.ino);
    return encoder.encodeDirectory(unique, directory.listing, page);
  }

  /**
   * The listing that a reader without a handle goes on with. Not every reader comes to the end: where entries change, who
   * starts anew must not get what somebody left behind long ago.
   */
  #listingUnderWay(ino: number, offset: number): DirectoryListing | undefined {
    const known = this.#listings.get(ino);
    if (!known || offset > 0) return known;
    return this.#parts.fileSystem.getAttributes(ino).timeoutMs === undefined ? known : undefined;
  }

  #list(ino: number): DirectoryListing {
    return { ino, ...this.#parts.fileSystem.readDirectory(ino) };
  }

  #answerExtendedAttribute(unique: number, value: Uint8Array, room: number): number {
    const { encoder } = this.#parts;
    if (room === 0) return encoder.encodeAttributeSize(unique, value.length);
    if (value.length > room) throw new FsError("ERANGE", "return an extended attribute");
    return encoder.encodeBytes(unique, value);
  }

  #answerSeek(unique: number, ino: number, request: { offset: number; whence: number }): number {
    const { fileSystem, encoder } = this.#parts;
    const what = seekTargets.get(request.whence);
    if (what === undefined) throw new FsError("EINVAL", "seek");
    const offset = Math.min(request.offset, Number.MAX_SAFE_INTEGER);
    return encoder.encodeOffset(unique, fileSystem.seek(ino, offset, what));
  }
}

/** Names one after another, each ended by NUL, as `listxattr(2)` returns them. */
function joinNames(names: readonly Uint8Array[]): Uint8Array {
  const size = names.reduce((sum, name) => sum + name.length + 1, 0);
  const list = new Uint8Array(size);
  let at = 0;
  for (const name of names) {
    list.set(name, at);
    at += name.length + 1;
  }
  return list;
}
