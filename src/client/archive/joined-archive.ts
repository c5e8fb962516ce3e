import { type ByteSource } from "../../chunks/byte-source.ts";
import { type ResidentChunks } from "../../chunks/resident-chunks.ts";
import { type ByteSink } from "../../format/bytes/byte-sink.ts";
import { ByteWriter } from "../../format/bytes/byte-writer.ts";
import { FormatError } from "../../format/format-error.ts";
import { PxarEncoder } from "../../format/pxar/encoder.ts";
import { ITEM_HEADER_BYTES } from "../../format/pxar/item.ts";
import {
  type PxarDirectory,
  type PxarFile,
  type PxarHardLink,
  type PxarNode,
} from "../../format/pxar/node.ts";
import { checkPayloadHeader, PxarTree } from "../../format/pxar/tree-reader.ts";
import { EXCLUDE_RECORD_NAME, excludeRecordMetadata } from "./exclude-record.ts";

/** Content that is read at once, in bytes. */
const CONTENT_BYTES = 4 * 1024 * 1024;

/** A split archive that is open. */
export interface SplitArchive {
  readonly metadata: ResidentChunks;
  readonly payload: ByteSource;
}

/**
 * A split archive as the bytes of one that is not split (format version 1), so that it can go where there is only one stream.
 *
 * Entries keep their order and all they have. The record of exclude patterns becomes the file that version 1 has for it
 * (spec pxar.md §9.3, §9.4), unless the tree has one of that name. Memory: the entries of the directories on one path, one
 * piece of content, and 16 bytes for each regular file.
 *
 * @returns Pieces, owned.
 * @throws {FormatError} `ChunkError`; the signal's reason.
 */
export async function* joinedArchive(
  split: SplitArchive,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  const joining = new Joining(split, signal);
  yield* joining.pieces();
}

class Joining {
  readonly #split: SplitArchive;
  readonly #signal: AbortSignal;
  readonly #tree: PxarTree;
  readonly #output = new PieceSink();
  readonly #encoder = new PxarEncoder({ metadata: this.#output });
  /** Places of regular files in both archives, in archive order. */
  readonly #from: number[] = [];
  readonly #to: number[] = [];

  constructor(split: SplitArchive, signal: AbortSignal) {
    this.#split = split;
    this.#signal = signal;
    this.#tree = new PxarTree(split.metadata);
  }

  async *pieces(): AsyncGenerator<Uint8Array, void, void> {
    const { root, prelude } = await this.#read(() => ({
      root: this.#tree.root(),
      prelude: this.#tree.header().prelude,
    }));
    this.#encoder.startRoot(root.metadata);
    const children = await this.#children(root);
    const open = [children.values()];
    for (let level = open.at(-1); level !== undefined; level = open.at(-1)) {
      const next = level.next();
      if (next.done === true) {
        if (open.length === 1) this.#addExcludeRecord(prelude, children);
        open.pop();
        this.#encoder.endDirectory();
      } else if (next.value.kind === "directory") {
        this.#encoder.startDirectory(next.value.name, next.value.metadata);
        open.push((await this.#children(next.value)).values());
      } else if (next.value.kind === "file") yield* this.#file(next.value);
      else this.#addOther(next.value);
      if (this.#output.size >= CONTENT_BYTES) yield this.#output.take();
    }
    this.#encoder.finish();
    yield this.#output.take();
  }

  async *#file(file: PxarFile): AsyncGenerator<Uint8Array, void, void> {
    const { name, nameOffset, metadata, size, payload } = file;
    const { headerOffset, offset } = payload;
    const head = await this.#content(
      headerOffset,
      ITEM_HEADER_BYTES + Math.min(size, CONTENT_BYTES),
    );
    checkPayloadHeader(head, size);
    this.#from.push(nameOffset);
    this.#to.push(this.#encoder.startFile(name, metadata, size));
    this.#output.write(head.subarray(ITEM_HEADER_BYTES));
    for (let done = head.length - ITEM_HEADER_BYTES; done < size;) {
      yield this.#output.take();
      const piece = await this.#content(offset + done, Math.min(size - done, CONTENT_BYTES));
      this.#output.write(piece);
      done += piece.length;
    }
    this.#encoder.endFile();
  }

  async #content(offset: number, size: number): Promise<Uint8Array> {
    const { payload } = this.#split;
    if (offset + size > payload.size) {
      throw new FormatError("FORMAT_INVALID", "pxar archive", "a reference beyond its payload");
    }
    return await payload.readAt(offset, size, { signal: this.#signal });
  }

  #addOther(node: Exclude<PxarNode, PxarFile | PxarDirectory>): void {
    const encoder = this.#encoder;
    switch (node.kind) {
      case "symlink":
        encoder.addSymlink(node.name, node.metadata, node.target);
        return;
      case "block-device":
      case "character-device":
        encoder.addDevice(node.name, node.metadata, node);
        return;
      case "fifo":
        encoder.addFifo(node.name, node.metadata);
        return;
      case "socket":
        encoder.addSocket(node.name, node.metadata);
        return;
      case "hardlink":
        encoder.addHardLink(node.name, node.targetPath, this.#newPlaceOf(node));
    }
  }

  #newPlaceOf({ targetNameOffset }: PxarHardLink): number {
    let low = 0;
    for (let high = this.#from.length; low < high;) {
      const middle = (low + high) >>> 1;
      if ((this.#from[middle] ?? 0) < targetNameOffset) low = middle + 1;
      else high = middle;
    }
    const place = this.#to[low];
    if (this.#from[low] === targetNameOffset && place !== undefined) return place;
    throw new FormatError("FORMAT_INVALID", "pxar archive", "a hard link to no earlier file");
  }

  #addExcludeRecord(prelude: Uint8Array | undefined, children: readonly PxarNode[]): void {
    const content = prelude && excludePatterns(prelude);
    const isTaken = children.some(({ name }) => Buffer.from(name).equals(EXCLUDE_RECORD_NAME));
    if (content === undefined || isTaken) return;
    const metadata = excludeRecordMetadata({ uid: 0, gid: 0 });
    this.#encoder.startFile(EXCLUDE_RECORD_NAME, metadata, content.length);
    this.#output.write(content);
    this.#encoder.endFile();
  }

  async #children(directory: PxarDirectory): Promise<readonly PxarNode[]> {
    return await this.#read(() => this.#tree.children(directory));
  }

  async #read<T>(operation: () => T): Promise<T> {
    return await this.#split.metadata.run(operation, { signal: this.#signal });
  }
}

/** The patterns of a prelude as lines; readers ignore what they do not know (spec pxar.md §9.4). */
function excludePatterns(prelude: Uint8Array): Uint8Array | undefined {
  try {
    const parsed: unknown = JSON.parse(new TextDecoder().decode(prelude));
    const members = new Map<string, unknown>(Object.entries(parsed ?? {}));
    const text = members.get("exclude-patterns");
    return typeof text === "string" ? new TextEncoder().encode(text) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Gathers what is written into pieces. */
class PieceSink implements ByteSink {
  readonly #writer = new ByteWriter(2 * CONTENT_BYTES);
  #takenBytes = 0;

  get position(): number {
    return this.#takenBytes + this.#writer.position;
  }

  /** Bytes since the last piece. */
  get size(): number {
    return this.#writer.position;
  }

  write(bytes: Uint8Array): void {
    this.#writer.write(bytes);
  }

  /** What was written since the last piece; owned by the caller. */
  take(): Uint8Array {
    const piece = this.#writer.view().slice();
    this.#takenBytes += piece.length;
    this.#writer.reset();
    return piece;
  }
}
