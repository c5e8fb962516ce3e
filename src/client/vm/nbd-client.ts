import { once } from "node:events";
import { type Socket, connect } from "node:net";

import { type NbdAgreement, type NbdOptions, negotiate } from "./nbd-negotiation.ts";
import {
  DO_NOT_FRAGMENT,
  KNOWS_DO_NOT_FRAGMENT,
  nbd,
  nbdCommands,
  nbdReplies,
} from "./nbd-wire.ts";
import { SocketReader } from "./socket-reader.ts";
import { VmError } from "./vm-error.ts";

/** A stretch of an export of which a meta context says one thing. */
export interface NbdExtent {
  readonly size: number;
  /** Meaning depends on the context. */
  readonly flags: number;
}

/** A request that is under way. */
interface Running {
  readonly offset: number;
  /** Where read bytes go; `undefined` for a block status. */
  readonly target: Uint8Array | undefined;
  readonly extents: Map<string, NbdExtent[]>;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  filled: number;
  failure: Error | undefined;
}

/** Longest description of an error; by the protocol. */
const TEXT_BYTES_MAX = 4096;

/** Longest block status in bytes; ours, half a million extents. */
const STATUS_BYTES_MAX = 4 * 1024 * 1024;

/** Longest range of a block status request. */
const STATUS_RANGE_MAX = 0xffff_0000;

/**
 * Reads an export of an NBD server, such as QEMU's, over a Unix socket; calls may overlap.
 *
 * The server must know structured replies. After the connection has ended, every call fails with `VM_LOST`; a range that
 * cannot be read fails with `VM_DISK_UNREADABLE` alone.
 */
export class NbdClient implements Disposable {
  /** Bytes of the export. */
  readonly size: number;
  readonly #socket: Socket;
  readonly #exportName: string;
  readonly #contexts: ReadonlyMap<number, string>;
  /** QEMU hangs up when a range cannot be read that it sends in pieces, and tells the error when it is one. */
  readonly #readFlags: number;
  readonly #running = new Map<bigint, Running>();
  #lastCookie = 0n;
  #lost: Error | undefined;

  private constructor(socket: Socket, { exportName }: NbdOptions, agreed: NbdAgreement) {
    this.#socket = socket;
    this.#exportName = exportName;
    this.size = agreed.size;
    this.#contexts = agreed.contexts;
    this.#readFlags = (agreed.flags & KNOWS_DO_NOT_FRAGMENT) === 0 ? 0 : DO_NOT_FRAGMENT;
  }

  /**
   * Connects and opens the export.
   *
   * @throws {VmError} `VM_UNREACHABLE`, `VM_LOST`, `VM_PROTOCOL`, `VM_DISK_UNREADABLE` for an unknown export.
   */
  static async open(options: NbdOptions): Promise<NbdClient> {
    const { path, signal, exportName } = options;
    const socket = connect(path);
    signal.addEventListener("abort", () => {
      socket.destroy();
    });
    try {
      await once(socket, "connect");
    } catch (cause) {
      signal.throwIfAborted();
      throw new VmError("VM_UNREACHABLE", `connect to "${path}"`, { cause });
    }
    const reader = new SocketReader(socket);
    try {
      const agreed = await negotiate(socket, reader, options);
      const client = new NbdClient(socket, options, agreed);
      void client.#receive(reader);
      return client;
    } catch (cause) {
      socket.destroy();
      signal.throwIfAborted();
      if (cause instanceof VmError) throw cause;
      throw new VmError("VM_LOST", `open the disk "${exportName}"`, { cause });
    }
  }

  /** Whether the server knows this meta context of the export. */
  hasContext(name: string): boolean {
    return [...this.#contexts.values()].includes(name);
  }

  /** Reads a range into memory, which may be shared. */
  async readInto(target: Uint8Array, offset: number): Promise<void> {
    await this.#request(nbdCommands.read, offset, target.length, target);
  }

  /**
   * Asks what the meta contexts say about the beginning of a range.
   *
   * @returns For each context the extents from `offset` on, at least one; together they may be shorter or longer than `size`.
   */
  async blockStatus(offset: number, size: number): Promise<ReadonlyMap<string, NbdExtent[]>> {
    const asked = Math.min(size, STATUS_RANGE_MAX);
    return (await this.#request(nbdCommands.blockStatus, offset, asked, undefined)).extents;
  }

  /** Hangs up. */
  [Symbol.dispose](): void {
    this.#end(new VmError("VM_LOST", `read the disk "${this.#exportName}"`));
    if (!this.#socket.destroyed) this.#socket.write(request(nbdCommands.disconnect, 0n, 0, 0, 0));
    this.#socket.destroySoon();
  }

  async #request(
    command: number,
    offset: number,
    size: number,
    target: Uint8Array | undefined,
  ): Promise<Running> {
    if (this.#lost) throw this.#lost;
    const cookie = ++this.#lastCookie;
    let running: Running | undefined;
    await new Promise<void>((resolve, reject) => {
      running = {
        offset,
        target,
        extents: new Map(),
        resolve,
        reject,
        filled: 0,
        failure: undefined,
      };
      this.#running.set(cookie, running);
      const flags = target ? this.#readFlags : 0;
      this.#socket.write(request(command, cookie, offset, size, flags));
    });
    if (!running) throw new TypeError("a promise runs its executor at once");
    return running;
  }

  /** Takes answers until the connection ends. */
  async #receive(reader: SocketReader): Promise<void> {
    try {
      for (;;) await this.#takeReply(reader);
    } catch (cause) {
      const what = `read the disk "${this.#exportName}"`;
      this.#end(cause instanceof VmError ? cause : new VmError("VM_LOST", what, { cause }));
      this.#socket.destroy();
    }
  }

  async #takeReply(reader: SocketReader): Promise<void> {
    const magic = (await reader.read(4)).readUInt32BE();
    if (magic !== nbd.structuredReplyMagic) throw this.#broken("an answer begins wrongly");
    const head = await reader.read(16);
    const cookie = head.readBigUInt64BE(4);
    const running = this.#running.get(cookie);
    if (!running) throw this.#broken("an answer that nobody asked for");
    await this.#takeChunk(reader, running, head.readUInt16BE(2), head.readUInt32BE(12));
    if ((head.readUInt16BE(0) & nbd.structuredDone) === 0) return;
    this.#running.delete(cookie);
    const { failure, target, filled } = running;
    if (failure) running.reject(failure);
    else if (target && filled !== target.length) throw this.#broken("an answer with gaps");
    else running.resolve();
  }

  async #takeChunk(
    reader: SocketReader,
    running: Running,
    type: number,
    size: number,
  ): Promise<void> {
    switch (type) {
      case nbdReplies.none:
        return;
      case nbdReplies.offsetData: {
        const offset = await this.#readOffset(reader);
        await reader.readInto(this.#place(running, offset, size - 8));
        return;
      }
      case nbdReplies.offsetHole: {
        const offset = await this.#readOffset(reader);
        this.#place(running, offset, (await reader.read(4)).readUInt32BE()).fill(0);
        return;
      }
      case nbdReplies.blockStatus: {
        if (size > STATUS_BYTES_MAX) throw this.#broken("too many extents");
        this.#takeStatus(running, await reader.read(size));
        return;
      }
      default: {
        if ((type & nbd.isError) === 0 || size > TEXT_BYTES_MAX + 32) {
          throw this.#broken("an answer of an unknown kind");
        }
        const told = await reader.read(size);
        const text = told.toString("utf8", 6, 6 + told.readUInt16BE(4));
        const detail = `error ${told.readUInt32BE(0)}${text === "" ? "" : `, ${text}`}`;
        const what = `read the disk "${this.#exportName}" at ${running.offset}`;
        running.failure ??= new VmError("VM_DISK_UNREADABLE", what, { detail });
      }
    }
  }

  async #readOffset(reader: SocketReader): Promise<number> {
    return Number((await reader.read(8)).readBigUInt64BE());
  }

  /** Where the bytes of a piece of the answer go. */
  #place(running: Running, offset: number, size: number): Uint8Array {
    const { target } = running;
    const start = offset - running.offset;
    if (!target || size < 0 || start < 0 || start + size > target.length) {
      throw this.#broken("bytes that nobody asked for");
    }
    running.filled += size;
    return target.subarray(start, start + size);
  }

  #takeStatus({ extents }: Running, body: Buffer): void {
    const context = this.#contexts.get(body.readUInt32BE(0));
    if (context === undefined) return;
    const told: NbdExtent[] = [];
    for (let at = 4; at + 8 <= body.length; at += 8) {
      told.push({ size: body.readUInt32BE(at), flags: body.readUInt32BE(at + 4) });
    }
    if (told.length === 0 || told.some(({ size }) => size === 0)) {
      throw this.#broken("an extent of no length");
    }
    extents.set(context, told);
  }

  #broken(detail: string): VmError {
    return new VmError("VM_PROTOCOL", `read the disk "${this.#exportName}"`, { detail });
  }

  #end(error: Error): void {
    this.#lost ??= error;
    for (const running of this.#running.values()) running.reject(error);
    this.#running.clear();
  }
}

function request(
  command: number,
  cookie: bigint,
  offset: number,
  size: number,
  flags: number,
): Buffer {
  const bytes = Buffer.alloc(28);
  bytes.writeUInt32BE(nbd.requestMagic, 0);
  bytes.writeUInt16BE(flags, 4);
  bytes.writeUInt16BE(command, 6);
  bytes.writeBigUInt64BE(cookie, 8);
  bytes.writeBigUInt64BE(BigInt(offset), 16);
  bytes.writeUInt32BE(size, 24);
  return bytes;
}
