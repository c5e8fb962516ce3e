import { WRITER_ID_MAX } from "../../format/limits.ts";
import { type IndexClose, type IndexReport } from "./index-report.ts";
import { type IndexWriter } from "./index-writer.ts";
import { KeyedTurns } from "./keyed-turns.ts";
import { type Durability } from "./store-backend.ts";
import { StoreError } from "./store-error.ts";

/** Kinds of index writers. */
export type WriterKind = IndexWriter["kind"];

interface OpenWriter {
  readonly writer: IndexWriter;
  /** A failed close leaves the writer here for good, so that the session cannot finish without its archive. */
  isClosed: boolean;
}

/**
 * The index writers of one session, by the ids that its client knows them by (spec backup-protocol.md §3).
 *
 * Ids count up from 1 over both kinds. Steps of one writer run one after another, in the order of the calls.
 */
export class SessionWriters {
  readonly #writers = new Map<number, OpenWriter>();
  readonly #turns = new KeyedTurns<number>();
  #lastId = 0;

  /** Number of writers that are open, or whose close failed. */
  get count(): number {
    return this.#writers.size;
  }

  /**
   * Fails when there are no more ids.
   *
   * @throws {StoreError} `STORE_UPLOAD_REFUSED`.
   */
  requireRoom(): void {
    if (this.#lastId >= WRITER_ID_MAX) throw refused("too many index writers");
  }

  /** Takes charge of a writer; gives its id. */
  add(writer: IndexWriter): number {
    const id = ++this.#lastId;
    this.#writers.set(id, { writer, isClosed: false });
    return id;
  }

  /**
   * An open writer.
   *
   * @throws {StoreError} `STORE_UPLOAD_REFUSED` for an unknown id, one of the other kind, a closed one.
   */
  require(kind: WriterKind, id: number): IndexWriter {
    return this.#require(kind, id).writer;
  }

  /** Runs a step of a writer when all earlier ones have ended. */
  async inTurn<T>(id: number, step: () => Promise<T>): Promise<T> {
    return await this.#turns.run(id, step);
  }

  /**
   * Closes a writer, inside its turn; if that fails, it stays and is of no use any more.
   *
   * @throws {StoreError} `STORE_UPLOAD_REFUSED`, as {@link require} and `IndexWriter.close`.
   */
  async close(
    kind: WriterKind,
    id: number,
    options: { readonly claim: IndexClose; readonly durability: Durability },
  ): Promise<IndexReport> {
    const entry = this.#require(kind, id);
    entry.isClosed = true;
    const report = await entry.writer.close(options.claim, options.durability);
    this.#writers.delete(id);
    return report;
  }

  /** Drops all that were not closed, with their files. */
  async discard(): Promise<void> {
    for (const { writer } of this.#writers.values()) await writer[Symbol.asyncDispose]();
    this.#writers.clear();
  }

  #require(kind: WriterKind, id: number): OpenWriter {
    const entry = this.#writers.get(id);
    if (entry?.writer.kind !== kind) throw refused(`${kind} writer '${id}' not registered`);
    if (entry.isClosed) throw refused(`${kind} writer '${entry.writer.archive}' is already closed`);
    return entry;
  }
}

function refused(detail: string): StoreError {
  return new StoreError("STORE_UPLOAD_REFUSED", detail);
}
