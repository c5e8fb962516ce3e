import { DirectoryHandle } from "../../linux/directory-handle.ts";
import { type SourceProblem } from "../source/source-problem.ts";
import { ROOT_PATH, type TreePath } from "../source/tree-path.ts";
import { type TreeVisitor } from "../source/walk-tree.ts";
import { failureCarried } from "./carried-failure.ts";
import {
  readEntryRecord,
  RECORD_KIND,
  type RecordMemory,
  recordKindAt,
  recordSizeAt,
} from "./entry-record.ts";
import { type WalkReceiver } from "./walk-stream.ts";

/**
 * A walk that another thread makes, as it arrives here.
 *
 * Memory: one block at a time, and those that entries a visitor keeps lie in.
 */
export class RecordedWalk {
  readonly #receiver: WalkReceiver;
  readonly #report: (problem: SourceProblem) => void;
  /** Directories the walk is in, the current one last; empty before the root. */
  readonly #path: TreePath[] = [];

  constructor(receiver: WalkReceiver, report: (problem: SourceProblem) => void) {
    this.#receiver = receiver;
    this.#report = report;
  }

  /**
   * Waits for the root, which the caller closes.
   *
   * @throws {SourceError} When the tree cannot be walked.
   */
  openRoot(): DirectoryHandle {
    const message = this.#receiver.receive();
    if (message.kind === "begin") return DirectoryHandle.adopt(message.rootFd);
    if (message.kind === "failed") throw failureCarried(message.failure);
    throw new TypeError(`a walk that begins with ${message.kind}`);
  }

  /**
   * Tells a visitor of all entries; after {@link openRoot}.
   *
   * @throws {SourceError} When the tree cannot be walked.
   */
  replay(visitor: TreeVisitor): void {
    for (;;) {
      const message = this.#receiver.receive();
      switch (message.kind) {
        case "block":
          this.#replayBlock(this.#receiver.takeBlock(message.slot, message.size), visitor);
          break;
        case "record":
          this.#replayBlock(message.bytes, visitor);
          break;
        case "problem":
          this.#report(message.problem);
          break;
        case "failed":
          throw failureCarried(message.failure);
        case "begin":
          throw new TypeError("a walk within a walk");
        case "end":
          return;
      }
    }
  }

  #replayBlock(bytes: Uint8Array, visitor: TreeVisitor): void {
    const memory = { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) };
    for (let at = 0; at < bytes.length; at += recordSizeAt(memory, at)) {
      this.#replayRecord(memory, at, visitor);
    }
  }

  #replayRecord(memory: RecordMemory, at: number, visitor: TreeVisitor): void {
    const path = this.#path;
    const kind = recordKindAt(memory, at);
    if (kind === RECORD_KIND.leave) {
      path.pop();
      visitor.leaveDirectory();
      return;
    }
    const parent = path.at(-1);
    const entry = readEntryRecord(memory, at, parent ?? ROOT_PATH);
    if (kind === RECORD_KIND.visit) {
      visitor.visitEntry(entry);
      return;
    }
    path.push(parent ? { parent, name: entry.name } : ROOT_PATH);
    visitor.enterDirectory(entry);
  }
}
