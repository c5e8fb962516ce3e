import { type SourceEntry, type TreeVisitor } from "../source/walk-tree.ts";
import {
  entryToRecord,
  type EntryToRecord,
  LEAVE_RECORD_BYTES,
  RECORD_KIND,
  type RecordMemory,
  writeEntryRecord,
  writeLeaveRecord,
} from "./entry-record.ts";
import { type WalkSender } from "./walk-stream.ts";

/** A block that is not full is sent after this time, so that a slow file system does not hold up the packing. */
const BLOCK_MS = 20;

interface OpenBlock extends RecordMemory {
  readonly slot: number;
  readonly begunAtMs: number;
}

/** Writes down a walk for the packing thread, in blocks of shared memory; blocks while all are full. */
export class WalkRecorder implements TreeVisitor {
  readonly #sender: WalkSender;
  #block: OpenBlock | undefined;
  #size = 0;

  constructor(sender: WalkSender) {
    this.#sender = sender;
  }

  enterDirectory(entry: SourceEntry): void {
    this.#write(entryToRecord(RECORD_KIND.enter, entry));
  }

  visitEntry(entry: SourceEntry): void {
    this.#write(entryToRecord(RECORD_KIND.visit, entry));
  }

  leaveDirectory(): void {
    const memory = this.#room(LEAVE_RECORD_BYTES);
    writeLeaveRecord(memory, this.#size);
    this.#size += LEAVE_RECORD_BYTES;
  }

  /** Sends what is left. */
  finish(): void {
    this.#flush();
  }

  #write(record: EntryToRecord): void {
    if (record.size > this.#sender.arena.slotBytes) {
      this.#flush();
      const memory = memoryOf(new Uint8Array(record.size));
      writeEntryRecord(memory, 0, record);
      this.#sender.send({ kind: "record", bytes: memory.bytes });
      return;
    }
    const memory = this.#room(record.size);
    writeEntryRecord(memory, this.#size, record);
    this.#size += record.size;
  }

  /** The current block, with room for a record; a new one when there is none. */
  #room(size: number): RecordMemory {
    const block = this.#block;
    if (block) {
      const isFull = this.#size + size > block.bytes.length;
      if (!isFull && performance.now() - block.begunAtMs < BLOCK_MS) return block;
      this.#flush();
    }
    const { arena } = this.#sender;
    const slot = arena.acquire();
    const memory = memoryOf(arena.view(slot, 0, arena.slotBytes));
    this.#block = { slot, begunAtMs: performance.now(), ...memory };
    return this.#block;
  }

  #flush(): void {
    if (this.#block) this.#sender.send({ kind: "block", slot: this.#block.slot, size: this.#size });
    this.#block = undefined;
    this.#size = 0;
  }
}

function memoryOf(bytes: Uint8Array): RecordMemory {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) };
}
