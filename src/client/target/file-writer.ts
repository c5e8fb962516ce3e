import { type PxarMetadata } from "../../format/pxar/metadata.ts";
import { statusOf } from "../../linux/file-status.ts";
import { unlinkAt } from "../../linux/name-calls.ts";
import { closeDescriptor } from "../../linux/open-at.ts";
import { SystemError } from "../../linux/system-error.ts";
import { pathOf, pathOfDirectory, ROOT_PATH } from "../source/tree-path.ts";
import { type DirectoryPlace, type EntrySink, type FileToMake } from "./entry-sink.ts";
import { MetadataWriter } from "./metadata-writer.ts";
import { giveName, isTaken, makeFile, makePartialFile, type MadeFile } from "./partial-file.ts";
import { RestoreError } from "./restore-error.ts";
import { type RestoreProblem } from "./restore-problem.ts";
import { type RestoreOptions } from "./restore-request.ts";
import { SparseWriter } from "./sparse-writer.ts";

/** Permission bits while something is being restored: nobody else sees half of it. */
export const PRIVATE_FILE = 0o600;

const PERMISSION_BITS = 0o777;
const MODE_BITS = 0o7777;
/** Files of this size are called something else while they are written; renaming costs small ones as much as making them. */
const PARTIAL_BYTES_MIN = 1024 * 1024;

/** What new files in the current directory turn out to have: seen on some, true for all. */
interface Birthright {
  readonly fd: number;
  readonly uid: number;
  readonly gid: number;
  /** Permission bits that are not taken away when they are asked for. */
  granted: number;
}

/**
 * Makes files with system calls of the calling thread.
 *
 * A file of some size, and one that replaces another, is called `NAME.partial` until it has all of its content: nothing that
 * was there is lost before, and a process that is killed leaves no large file cut short under its name.
 *
 * A file asks for its final permissions when it is made, if its directory keeps others out meanwhile; owner and permissions
 * are then set only where they differ. What a new file has is looked up once per directory: the umask, a set-group-id
 * directory, a default ACL or a network file system may change it.
 *
 * @throws {RestoreError} From every method: what is there may not be overwritten, or a system call failed.
 */
export class FileWriter implements EntrySink {
  readonly #options: RestoreOptions;
  readonly #metadata: MetadataWriter;
  readonly #content: SparseWriter;
  #directory: DirectoryPlace = { fd: -1, path: ROOT_PATH, access: "shared" };
  #birthright: Birthright | undefined;
  #file: FileToMake | undefined;
  #fd = -1;
  /** What the file under way is called so far. */
  #madeName: Uint8Array = new Uint8Array(0);
  #askedMode = 0;
  #isLeaving = false;

  /** Tells each problem once per kind and reason. */
  constructor(options: RestoreOptions, report: (problem: RestoreProblem) => void) {
    this.#options = options;
    this.#content = new SparseWriter(options.zeros);
    const reported = new Set<string>();
    this.#metadata = new MetadataWriter(options.ignore, (kind, reason) => {
      const key = `${kind} ${reason}`;
      if (reported.has(key)) return;
      reported.add(key);
      report({ kind, path: this.#path(), reason });
    });
  }

  begin(directory: DirectoryPlace, file: FileToMake): void {
    const { metadata } = file;
    this.#isLeaving = false;
    this.#directory = directory;
    this.#file = file;
    this.#askedMode = this.#modeToAsk(directory, metadata);
    const made = this.#attempt(() => this.#make(directory, file));
    this.#fd = made.fd;
    this.#madeName = made.name;
    this.#metadata.startFile(this.#fd, metadata);
    this.#content.start();
  }

  write(piece: Uint8Array, offset: number): void {
    this.#orRemove(() => {
      this.#content.write(this.#fd, piece, offset);
    });
  }

  end(): void {
    const { metadata, size } = this.#current();
    this.#orRemove(() => {
      this.#content.finish(this.#fd, size);
      this.#giveName();
    });
    try {
      this.#metadata.finishOpen(this.#fd, metadata, this.#present(metadata));
    } finally {
      this.#close();
    }
  }

  abandon(): void {
    this.#close();
    this.#attempt(() => {
      unlinkAt(this.#directory.fd, this.#madeName);
    });
  }

  leave(directory: DirectoryPlace, metadata: PxarMetadata | undefined): void {
    this.#directory = directory;
    this.#isLeaving = true;
    if (this.#birthright?.fd === directory.fd) this.#birthright = undefined;
    try {
      if (metadata)
        this.#metadata.finishOpen(directory.fd, metadata, { owner: false, mode: false });
    } finally {
      closeDescriptor(directory.fd);
    }
  }

  /** Removes a file that is under way, after a failure elsewhere. */
  close(): void {
    if (this.#fd >= 0) this.abandon();
  }

  #make({ fd, access }: DirectoryPlace, { name, size }: FileToMake): MadeFile {
    const place = { directoryFd: fd, name };
    const mayReplace = this.#options.overwrite.files;
    if (size >= PARTIAL_BYTES_MIN) {
      // In a private directory there is nothing but what this restore has made.
      if (access === "shared" && !mayReplace && isTaken(place)) throw this.#exists();
      return makePartialFile(place, this.#askedMode);
    }
    try {
      return makeFile(place, this.#askedMode);
    } catch (error) {
      if (!isExisting(error) || !mayReplace) throw error;
      return makePartialFile(place, this.#askedMode);
    }
  }

  #giveName(): void {
    const { name } = this.#current();
    if (name === this.#madeName) return;
    const existing = this.#options.overwrite.files ? "replace" : "refuse";
    giveName({ directoryFd: this.#directory.fd, name: this.#madeName }, name, existing);
  }

  #exists(): RestoreError {
    return new RestoreError("RESTORE_EXISTS", Buffer.from(this.#path()).toString());
  }

  /** The final permissions, where nobody can reach the file and there is nothing special about them. */
  #modeToAsk({ access }: DirectoryPlace, { mode }: PxarMetadata): number {
    const isPlain = (mode & MODE_BITS & ~PERMISSION_BITS) === 0;
    const mayAsk = access === "private" && isPlain && !this.#options.ignore.permissions;
    return mayAsk ? mode & PERMISSION_BITS : PRIVATE_FILE;
  }

  /** What of the metadata the new file has by itself. */
  #present({ uid, gid, mode }: PxarMetadata): { readonly owner: boolean; readonly mode: boolean } {
    const { fd } = this.#directory;
    if (this.#birthright?.fd !== fd || (this.#askedMode & ~this.#birthright.granted) !== 0) {
      const status = statusOf(this.#fd);
      const granted = this.#birthright?.fd === fd ? this.#birthright.granted : 0;
      this.#birthright = {
        fd,
        uid: status.uid,
        gid: status.gid,
        granted: granted | (status.mode & this.#askedMode),
      };
    }
    const given = this.#birthright;
    return {
      owner: uid === given.uid && gid === given.gid,
      mode: (mode & MODE_BITS) === this.#askedMode && (this.#askedMode & ~given.granted) === 0,
    };
  }

  #current(): FileToMake {
    if (!this.#file) throw new TypeError("no file is being made");
    return this.#file;
  }

  /** A file that cannot be completed does not keep its name. */
  #orRemove(call: () => void): void {
    try {
      this.#attempt(call);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #close(): void {
    const fd = this.#fd;
    this.#fd = -1;
    closeDescriptor(fd);
  }

  #attempt<Value>(call: () => Value): Value {
    try {
      return call();
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      if (isExisting(error)) throw this.#exists();
      const path = Buffer.from(this.#path()).toString();
      const failure = new RestoreError("RESTORE_FAILED", path, error.message);
      failure.cause = error;
      throw failure;
    }
  }

  #path(): Uint8Array {
    const { path } = this.#directory;
    if (this.#isLeaving || !this.#file) return pathOfDirectory(path);
    return pathOf(path, this.#file.name);
  }
}

function isExisting(error: unknown): boolean {
  return error instanceof SystemError && error.code === "EEXIST";
}
