import { LRUCache } from "lru-cache";

import { type FileSystemHost } from "./file-system.ts";
import { FsError } from "./fs-error.ts";
import { type FsAnswers, type FsNeed, isOfListing, needKey } from "./fs-need.ts";
import { HeldChunk } from "./held-chunk.ts";
import { restartWith } from "./restart-with.ts";

/** How long a failure is remembered: long enough for those who wait for it, short enough to notice a return. */
const FAILURE_MS = 3000;

/** The same where the server could not be reached: whoever reads later makes an attempt of their own. */
const UNREACHABLE_MS = 200;

/** Codes of failures that say nothing about what was asked for. */
const unreachableCodes: readonly string[] = [
  "SESSION_UNREACHABLE",
  "SESSION_LOST",
  "SESSION_TIMEOUT",
  "REFUSED_BY_FAILURE",
];

/** How old a list of namespaces, groups or snapshots may get. */
export const LISTING_MS = 5000;

/** Bytes that keeping content costs besides the content. */
const CONTENT_OVERHEAD_BYTES = 256;

/** Bytes that an answer counts which is no content: listings, and indexes, which open archives hold anyway. */
const LISTING_BYTES = 4096;

/**
 * Bytes of chunks of trees that are kept, or two of the longest if these are more: the entry on their border needs both. The
 * kernel keeps names and attributes itself, so more would seldom be of use.
 */
const TREE_BYTES = 16 * 1024 * 1024;

interface Answer {
  readonly value: unknown;
  readonly untilMs: number;
  /** Bytes it counts. */
  readonly size: number;
}

/** What the memory hands out for each kind of need. */
export type RememberedAnswers = Omit<FsAnswers, "chunk"> & { readonly chunk: HeldChunk };

/** Options of an {@link AnswerMemory}. */
export interface AnswerMemoryOptions {
  /** Bytes of answers to keep, chunks above all. */
  readonly bytesMax: number;
  readonly host: FileSystemHost;
  /** Milliseconds that never go back. */
  readonly monotonicMs: () => number;
}

/**
 * What the host has answered, up to a number of bytes: chunks, indexes, blobs and listings in one cache by last use.
 *
 * Everything in it is immutable, but a chunk that is dropped loses its bytes: lent memory goes back to the host then. A need that failed makes {@link get} fail for a few seconds, then it is asked again.
 */
export class AnswerMemory {
  readonly #host: FileSystemHost;
  readonly #monotonicMs: () => number;
  readonly #answers: LRUCache<string, Answer>;
  /** Sizes of the chunks of trees among the answers, in the order of their last use. */
  readonly #treeSizes = new Map<string, number>();
  #treeBytes = 0;
  #longestTreeChunk = 0;
  readonly #failures = new Map<string, { readonly error: Error; readonly untilMs: number }>();
  readonly #underWay = new Set<string>();
  /** Most bytes it keeps. */
  readonly bytesMax: number;

  constructor({ bytesMax, host, monotonicMs }: AnswerMemoryOptions) {
    this.bytesMax = bytesMax;
    this.#host = host;
    this.#monotonicMs = monotonicMs;
    this.#answers = new LRUCache({
      maxSize: bytesMax,
      sizeCalculation: ({ size }) => size,
      dispose: ({ value }, key) => {
        this.#forgetTreeChunk(key);
        this.#drop(value);
      },
    });
  }

  /**
   * The answer to a need.
   *
   * @throws {NotResident} When the host has to be asked.
   * @throws {FsError} When it was asked and failed; EACCES when a key would be needed, or another one, else EIO.
   */
  get<Need extends FsNeed>(need: Need): RememberedAnswers[Need["kind"]] {
    const key = needKey(need);
    const known = this.#answers.get(key);
    if (known && known.untilMs > this.#monotonicMs()) {
      if (isOfTree(need)) this.#useTreeChunk(key, known.size);
      // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- NeedResolver answers each kind with its type
      return known.value as RememberedAnswers[Need["kind"]];
    }
    const failure = this.#failures.get(key);
    if (failure) {
      if (failure.untilMs > this.#monotonicMs()) {
        throw new FsError(errnoOf(failure.error), `get ${describeNeed(need)}`, {
          cause: failure.error,
        });
      }
      this.#failures.delete(key);
    }
    this.#underWay.add(key);
    return restartWith(need);
  }

  /** The answer to a need if it is there, however old; asks nobody and counts as no use. */
  peek<Need extends FsNeed>(need: Need): RememberedAnswers[Need["kind"]] | undefined {
    // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- NeedResolver answers each kind with its type
    return this.#answers.peek(needKey(need))?.value as RememberedAnswers[Need["kind"]] | undefined;
  }

  /** The same unless {@link get} would ask for it again. */
  fresh<Need extends FsNeed>(need: Need): RememberedAnswers[Need["kind"]] | undefined {
    const known = this.#answers.peek(needKey(need));
    return known && known.untilMs > this.#monotonicMs() ? this.peek(need) : undefined;
  }

  /** Asks for something that will be needed soon, unless it is here, under way or known to fail. */
  prefetch(need: FsNeed): void {
    const key = needKey(need);
    if (this.#underWay.has(key) || this.#answers.has(key) || this.#failures.has(key)) return;
    this.#underWay.add(key);
    this.#host.prefetch(need);
  }

  /** Takes an answer or the `Error` that came instead. */
  accept(need: FsNeed, answer: unknown): void {
    const key = needKey(need);
    this.#underWay.delete(key);
    const nowMs = this.#monotonicMs();
    if (answer instanceof Error) {
      const keptMs = unreachableCodes.some((code) => hasCode(answer, code))
        ? UNREACHABLE_MS
        : FAILURE_MS;
      this.#failures.set(key, { error: answer, untilMs: nowMs + keptMs });
      this.#dropOldFailures(nowMs);
      return;
    }
    this.#failures.delete(key);
    const untilMs = isOfListing(need) ? nowMs + LISTING_MS : Number.POSITIVE_INFINITY;
    const { value, size } = remembered(need, answer);
    this.#answers.set(key, { value, untilMs, size });
    // Longer than all the memory, and so not kept.
    if (size > this.bytesMax) this.#drop(value);
    else if (isOfTree(need)) this.#keepTreeChunk(key, size);
  }

  #keepTreeChunk(key: string, size: number): void {
    this.#longestTreeChunk = Math.max(this.#longestTreeChunk, size);
    this.#useTreeChunk(key, size);
    const bytesMax = Math.max(TREE_BYTES, 2 * this.#longestTreeChunk);
    for (const oldest of this.#treeSizes.keys()) {
      if (this.#treeBytes <= bytesMax) return;
      this.#answers.delete(oldest);
    }
  }

  #useTreeChunk(key: string, size: number): void {
    this.#forgetTreeChunk(key);
    this.#treeSizes.set(key, size);
    this.#treeBytes += size;
  }

  #forgetTreeChunk(key: string): void {
    this.#treeBytes -= this.#treeSizes.get(key) ?? 0;
    this.#treeSizes.delete(key);
  }

  #drop(value: unknown): void {
    const loan = value instanceof HeldChunk ? value.drop() : undefined;
    if (loan !== undefined) this.#host.giveBack(loan);
  }

  #dropOldFailures(nowMs: number): void {
    for (const [key, { untilMs }] of this.#failures) {
      if (untilMs <= nowMs) this.#failures.delete(key);
    }
  }
}

function isOfTree(need: FsNeed): boolean {
  return need.kind === "chunk" && need.holds === "tree";
}

function remembered(need: FsNeed, answer: unknown): { value: unknown; size: number } {
  if (need.kind === "chunk") {
    // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- NeedResolver answers each kind with its type
    const value = new HeldChunk(answer as FsAnswers["chunk"]);
    return { value, size: value.bytes.length + CONTENT_OVERHEAD_BYTES };
  }
  if (need.kind === "blob" && answer instanceof Uint8Array) {
    return { value: answer, size: answer.length + CONTENT_OVERHEAD_BYTES };
  }
  return { value: answer, size: LISTING_BYTES };
}

function errnoOf(error: Error): "EACCES" | "EIO" {
  const isLocked = hasCode(error, "FORMAT_KEY_REQUIRED") || hasCode(error, "FORMAT_WRONG_KEY");
  return isLocked ? "EACCES" : "EIO";
}

function hasCode(error: unknown, code: string): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    if ("code" in at && at.code === code) return true;
  }
  return false;
}

function describeNeed(need: FsNeed): string {
  return need.kind === "chunk"
    ? `${needKey(need)} of ${needKey({ ...need, kind: "open-archive" }).slice("open-archive ".length)}`
    : needKey(need);
}
