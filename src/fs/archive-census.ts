import { type ResidentSource } from "../format/bytes/resident-source.ts";
import { FormatError } from "../format/format-error.ts";
import { PxarDecoder } from "../format/pxar/decoder.ts";
import { FsError } from "./fs-error.ts";

/** Failures of the host after which the counts are left as they are. */
const FAILURES_MAX = 3;

/** What no failure has as its cause. */
const NOTHING_YET = Symbol("nothing yet");

/**
 * Link counts of an archive, which no entry of it states: how often a file is named, and how many directories a
 * directory holds.
 *
 * They come from one pass over all entries, made before the first count is given out; restartable, it goes on where it
 * was interrupted. Only what differs from the ordinary is kept: files with several names, directories that
 * hold directories.
 */
export class LinkCounts {
  readonly #decoder: PxarDecoder;
  readonly #extraNames = new Map<number, number>();
  readonly #subdirectories = new Map<number, number>();
  /** Directories being passed through: how many directories each has held so far. */
  readonly #open: number[] = [];
  #state: "running" | "ended" = "running";
  #entryCount = 0;
  #fileBytes = 0;

  readonly #prepare: () => void;
  #isPrepared = false;
  #failureCount = 0;
  #lastCause: unknown = NOTHING_YET;

  /** Reads nothing yet; `prepare` is called once, right before the whole archive will be read. */
  constructor(archive: ResidentSource, prepare: () => void) {
    this.#decoder = new PxarDecoder(archive);
    this.#prepare = prepare;
  }

  /** Whether the archive has been read as far as it will be. */
  get isComplete(): boolean {
    return this.#state === "ended";
  }

  /** Entries of the archive, as far as it was read. */
  get entryCount(): number {
    return this.#entryCount;
  }

  /** Bytes of all files, as far as the archive was read. */
  get fileBytes(): number {
    return this.#fileBytes;
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
    if (this.#state === "ended") return;
    if (!this.#isPrepared) {
      this.#isPrepared = true;
      this.#prepare();
    }
    try {
      let isMore = true;
      while (isMore) isMore = this.#step();
      this.#state = "ended";
    } catch (error) {
      if (error instanceof FormatError) this.#state = "ended";
      else if (error instanceof FsError) this.#noteFailure(error);
      else throw error;
    }
  }

  /** Chunks that cannot be had now may be had later; but each try may be a wait, so there are few. */
  #noteFailure({ cause }: FsError): void {
    if (cause === this.#lastCause) return;
    this.#lastCause = cause;
    // Without a cause it is a limit of ours, which stays.
    if (cause === undefined || ++this.#failureCount >= FAILURES_MAX) this.#state = "ended";
  }

  /** Names of the file whose first name's FILENAME item is at `nameOffset`. */
  namesOf(nameOffset: number): number {
    return 1 + (this.#extraNames.get(nameOffset) ?? 0);
  }

  /** Link count of the directory that ends at `end`: itself, its name, and `..` of each directory in it. */
  linksOfDirectory(end: number): number {
    return 2 + (this.#subdirectories.get(end) ?? 0);
  }

  /** Takes one step of the decoder; `false` at the end. */
  #step(): boolean {
    const step = this.#decoder.next();
    if (!step) return false;
    if (step.kind === "directory-end") {
      const count = this.#open.pop() ?? 0;
      if (count > 0) this.#subdirectories.set(this.#decoder.offset, count);
      return true;
    }
    const { node } = step;
    this.#entryCount++;
    if (node.kind === "directory") {
      const parent = this.#open.length - 1;
      if (parent >= 0) this.#open[parent] = (this.#open[parent] ?? 0) + 1;
      this.#open.push(0);
    } else if (node.kind === "hardlink") {
      const { targetNameOffset } = node;
      const before = this.#extraNames.get(targetNameOffset) ?? 0;
      this.#extraNames.set(targetNameOffset, before + 1);
    } else if (node.kind === "file") {
      this.#fileBytes += node.size;
    }
    return true;
  }
}
