import { deserialize, serialize } from "node:v8";

import { type SharedArena } from "../../chunks/shared-arena.ts";
import { NO_XATTRS, type PxarMetadata } from "../../format/pxar/metadata.ts";
import { pathOfDirectory, ROOT_PATH } from "../source/tree-path.ts";
import { type DirectoryPlace, type EntrySink, type FileToMake } from "./entry-sink.ts";
import { type JobRing } from "./job-ring.ts";

/** Kinds of records; 0 is the ring's own. */
const RECORD = { directory: 1, begin: 2, write: 3, end: 4, abandon: 5, leave: 6, stop: 7 } as const;

/** Bytes of metadata that has nothing but what every entry has. */
const PLAIN_BYTES = 40;
/** First byte of metadata: absent, plain, or in V8's own form. */
const FORM = { absent: 0, plain: 1, serialized: 2 } as const;
const WRITE_BYTES = 24;
const DIRECTORY_BYTES = 8;
/** Longest path that a thread is told for its messages. */
const PATH_BYTES_MAX = 4096;

/** What a {@link FileQueue} works with. */
export interface FileQueueOptions {
  readonly ring: JobRing;
  /** Where all content lies; the slot of a piece is held until it was written. */
  readonly arena: SharedArena;
  /** Makes what is too long for the ring, when that is empty. */
  readonly direct: EntrySink;
}

/** Passes files and directories to a thread that makes them with {@link runFileJobs}, in order. */
export class FileQueue implements EntrySink {
  readonly #ring: JobRing;
  readonly #arena: SharedArena;
  readonly #direct: EntrySink;
  #directoryFd = -1;
  #isDirect = false;

  constructor({ ring, arena, direct }: FileQueueOptions) {
    this.#ring = ring;
    this.#arena = arena;
    this.#direct = direct;
  }

  /** How much the thread has to do; already outdated when it returns. */
  get pendingBytes(): number {
    return this.#ring.pendingBytes;
  }

  begin(directory: DirectoryPlace, file: FileToMake): void {
    const { name, metadata, size } = file;
    const head = 8 + aligned(name.length);
    const wanted = encodedMetadata(metadata);
    this.#isDirect = head + wanted.size > this.#ring.recordBytesMax;
    if (this.#isDirect) {
      this.drain();
      this.#direct.begin(directory, file);
      return;
    }
    this.#tellDirectory(directory);
    const record = this.#ring.reserve(head + 8 + wanted.size);
    const view = viewOf(record);
    view.setFloat64(0, size, true);
    view.setUint32(8, name.length, true);
    record.set(name, 16);
    wanted.put(record.subarray(8 + head));
    this.#ring.commit(RECORD.begin, record.length);
  }

  write(piece: Uint8Array, offset: number): void {
    if (this.#isDirect) {
      this.#direct.write(piece, offset);
      return;
    }
    const slot = this.#arena.slotOf(piece);
    this.#arena.share(slot);
    const record = this.#ring.reserve(WRITE_BYTES);
    const view = viewOf(record);
    view.setUint32(0, slot, true);
    view.setUint32(4, piece.byteOffset - this.#arena.addressOf(slot), true);
    view.setUint32(8, piece.length, true);
    view.setFloat64(16, offset, true);
    this.#ring.commit(RECORD.write, WRITE_BYTES);
  }

  end(): void {
    if (this.#isDirect) this.#direct.end();
    else this.#send(RECORD.end);
  }

  abandon(): void {
    if (this.#isDirect) this.#direct.abandon();
    else this.#send(RECORD.abandon);
  }

  leave(directory: DirectoryPlace, metadata: PxarMetadata | undefined): void {
    const wanted = encodedMetadata(metadata);
    if (wanted.size > this.#ring.recordBytesMax) {
      this.drain();
      this.#direct.leave(directory, metadata);
    } else {
      this.#tellDirectory(directory);
      wanted.put(this.#ring.reserve(wanted.size));
      this.#ring.commit(RECORD.leave, wanted.size);
    }
    // The descriptor's number may come again for another directory.
    this.#directoryFd = -1;
  }

  /** Waits until the thread has made everything. */
  drain(): void {
    this.#ring.drain();
  }

  #send(kind: number): void {
    this.#ring.reserve(0);
    this.#ring.commit(kind, 0);
  }

  #tellDirectory({ fd, path, access }: DirectoryPlace): void {
    if (fd === this.#directoryFd) return;
    this.#directoryFd = fd;
    const text = pathOfDirectory(path).subarray(0, PATH_BYTES_MAX);
    const record = this.#ring.reserve(DIRECTORY_BYTES + text.length);
    const view = viewOf(record);
    view.setInt32(0, fd, true);
    view.setUint32(4, access === "private" ? 1 : 0, true);
    record.set(text, DIRECTORY_BYTES);
    this.#ring.commit(RECORD.directory, record.length);
  }
}

/** Tells the thread at the other end of a ring that nothing more comes. */
export function endFileJobs(ring: JobRing): void {
  ring.reserve(0);
  ring.commit(RECORD.stop, 0);
}

/** Makes everything that comes through a ring, until {@link endFileJobs}. */
export function runFileJobs(ring: JobRing, arena: SharedArena, sink: EntrySink): void {
  let directory: DirectoryPlace = { fd: -1, path: ROOT_PATH, access: "shared" };
  for (;;) {
    const { kind, bytes } = ring.next();
    const view = viewOf(bytes);
    switch (kind) {
      case RECORD.directory: {
        const name = bytes.slice(DIRECTORY_BYTES);
        directory = {
          fd: view.getInt32(0, true),
          path: name.length === 0 ? ROOT_PATH : { parent: ROOT_PATH, name },
          access: view.getUint32(4, true) === 1 ? "private" : "shared",
        };
        break;
      }
      case RECORD.begin: {
        const nameBytes = view.getUint32(8, true);
        const metadata = decodeMetadata(bytes.subarray(16 + aligned(nameBytes)));
        if (!metadata) throw new TypeError("a file has metadata");
        const name = bytes.slice(16, 16 + nameBytes);
        sink.begin(directory, { name, metadata, size: view.getFloat64(0, true) });
        break;
      }
      case RECORD.write: {
        const slot = view.getUint32(0, true);
        const piece = arena.view(slot, view.getUint32(4, true), view.getUint32(8, true));
        sink.write(piece, view.getFloat64(16, true));
        arena.release(slot);
        break;
      }
      case RECORD.end:
        sink.end();
        break;
      case RECORD.abandon:
        sink.abandon();
        break;
      case RECORD.leave:
        sink.leave(directory, decodeMetadata(bytes));
        break;
      case RECORD.stop:
        return;
      default:
        throw new TypeError(`there is no record of kind ${kind}`);
    }
  }
}

/** Metadata as it goes into a record. */
interface EncodedMetadata {
  readonly size: number;
  readonly put: (into: Uint8Array) => void;
}

function encodedMetadata(metadata: PxarMetadata | undefined): EncodedMetadata {
  if (!metadata) {
    return {
      size: 8,
      put: (into) => {
        into[0] = FORM.absent;
      },
    };
  }
  const { xattrs, acl, fcaps, quotaProjectId } = metadata;
  const isPlain =
    xattrs.length === 0 && acl === undefined && fcaps === undefined && quotaProjectId === undefined;
  if (isPlain) {
    return {
      size: PLAIN_BYTES,
      put: (into) => {
        putPlain(into, metadata);
      },
    };
  }
  const serialized = serialize(metadata);
  return {
    size: 8 + serialized.length,
    put: (into) => {
      into[0] = FORM.serialized;
      into.set(serialized, 8);
    },
  };
}

function putPlain(into: Uint8Array, metadata: PxarMetadata): void {
  const view = viewOf(into);
  into[0] = FORM.plain;
  view.setUint32(4, metadata.mode, true);
  view.setUint32(8, metadata.uid, true);
  view.setUint32(12, metadata.gid, true);
  view.setFloat64(16, metadata.mtimeSec, true);
  view.setUint32(24, metadata.mtimeNanos, true);
  view.setFloat64(32, metadata.flags, true);
}

function decodeMetadata(bytes: Uint8Array): PxarMetadata | undefined {
  const view = viewOf(bytes);
  switch (bytes[0] ?? FORM.absent) {
    case FORM.absent:
      return undefined;
    case FORM.plain:
      return {
        mode: view.getUint32(4, true),
        uid: view.getUint32(8, true),
        gid: view.getUint32(12, true),
        mtimeSec: view.getFloat64(16, true),
        mtimeNanos: view.getUint32(24, true),
        flags: view.getFloat64(32, true),
        xattrs: NO_XATTRS,
        acl: undefined,
        fcaps: undefined,
        quotaProjectId: undefined,
      };
    default:
      // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- the other end puts nothing else here
      return deserialize(bytes.slice(8)) as PxarMetadata;
  }
}

function aligned(size: number): number {
  return (size + 7) & ~7;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
