import { type ResidentSource } from "../format/bytes/resident-source.ts";
import { FormatError } from "../format/format-error.ts";
import { PxarScanner } from "../format/pxar/scanner.ts";
import { FsError } from "./fs-error.ts";

/** Failures of the host after which the counts are left as they are. */
const FAILURES_MAX = 3;

/** Inodes with extended attributes that are remembered one by one. */
const WITH_ATTRIBUTES_MAX = 50_000;

/** What no failure has as its cause. */
const NOTHING_YET = Symbol("nothing yet");

/** Number of an inode within its archive: of a file, by the offset of its FILENAME item. */
export function localInodeOfLeaf(nameOffset: number): number {
  return 2 * nameOffset;
}

/** The same of a directory, by the offset behind its last byte. */
export function localInodeOfDirectory(end: number): number {
  return 2 * (end - 1) + 1;
}

/**
 * What no entry of an archive states by itself: how often a file is named, how many directories a directory holds, and
 * which entries have extended attributes at all.
 *
 * It comes from one pass over all entries, made before the first count is given out as certain; restartable, it goes on where it
 * was interrupted. Only what differs from the ordinary is kept: files with several names, directories that
 * hold directories, entries with attributes.
 */
export class ArchiveCensus {
  readonly #scanner: PxarScanner;
  readonly #extraNames = new Map<number, number>();
  readonly #subdirectories = new Map<number, number>();
  /** Directories being passed through: how many directories each has held so far, and whether it has attributes. */
  readonly #open: { subdirectories: number; readonly hasAttributes: boolean }[] = [];
  /** Local inode numbers; not complete when there are more than {@link WITH_ATTRIBUTES_MAX}. */
  readonly #withAttributes = new Set<number>();
  /** `broken`: ended before the end of the archive. */
  #state: "running" | "whole" | "broken" = "running";
  #entryCount = 0;

  #failureCount = 0;
  #lastCause: unknown = NOTHING_YET;

  /** Reads nothing yet. */
  constructor(archive: ResidentSource) {
    this.#scanner = new PxarScanner(archive, {
      leaf: (nameOffset, hasAttributes) => {
        this.#entryCount++;
        if (hasAttributes) this.#noteAttributes(localInodeOfLeaf(nameOffset));
      },
      hardLink: (targetNameOffset) => {
        this.#entryCount++;
        this.#extraNames.set(targetNameOffset, (this.#extraNames.get(targetNameOffset) ?? 0) + 1);
      },
      directoryStart: (hasAttributes) => {
        this.#entryCount++;
        const parent = this.#open.at(-1);
        if (parent) parent.subdirectories++;
        this.#open.push({ subdirectories: 0, hasAttributes });
      },
      directoryEnd: (end) => {
        this.#endDirectory(end);
      },
    });
  }

  /** Whether the archive has been read as far as it will be. */
  get isComplete(): boolean {
    return this.#state !== "running";
  }

  /** Entries of the archive, as far as it was read. */
  get entryCount(): number {
    return this.#entryCount;
  }

  /** Whether the whole archive was read, and no entry of it has extended attributes. */
  get isWithoutAttributes(): boolean {
    return this.#state === "whole" && this.#withAttributes.size === 0;
  }

  /**
   * Reads the archive to its end, if that has not been done.
   *
   * An archive that is damaged somewhere keeps ordinary counts from there on: the rest of it can be read all the same.
   * Where something cannot be fetched, counts are ordinary for now.
   *
   * @throws {NotResident} When it cannot go on yet.
   */
  complete(): void {
    if (this.#state !== "running") return;
    try {
      this.#scanner.run();
      this.#state = "whole";
    } catch (error) {
      if (error instanceof FormatError) this.#state = "broken";
      else if (error instanceof FsError) this.#noteFailure(error);
      else throw error;
    }
  }

  /** Names of the file whose first name's FILENAME item is at `nameOffset`. */
  namesOf(nameOffset: number): number {
    return 1 + (this.#extraNames.get(nameOffset) ?? 0);
  }

  /** Link count of the directory that ends at `end`: itself, its name, and `..` of each directory in it. */
  linksOfDirectory(end: number): number {
    return 2 + (this.#subdirectories.get(end) ?? 0);
  }

  /** Whether the entry of this local inode number is known to have no extended attributes. */
  lacksAttributes(localInode: number): boolean {
    const isKnown = this.#state === "whole" && this.#withAttributes.size < WITH_ATTRIBUTES_MAX;
    return isKnown && !this.#withAttributes.has(localInode);
  }

  #endDirectory(end: number): void {
    const directory = this.#open.pop();
    if (!directory) return;
    if (directory.subdirectories > 0) this.#subdirectories.set(end, directory.subdirectories);
    if (directory.hasAttributes) this.#noteAttributes(localInodeOfDirectory(end));
  }

  #noteAttributes(localInode: number): void {
    if (this.#withAttributes.size < WITH_ATTRIBUTES_MAX) this.#withAttributes.add(localInode);
  }

  /** Chunks that cannot be had now may be had later; but each try may be a wait, so there are few. */
  #noteFailure({ cause }: FsError): void {
    if (cause === this.#lastCause) return;
    this.#lastCause = cause;
    // Without a cause it is a limit of ours, which stays.
    if (cause === undefined || ++this.#failureCount >= FAILURES_MAX) this.#state = "broken";
  }
}
