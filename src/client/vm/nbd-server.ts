import { once } from "node:events";
import { lstat, rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";

import { acceptNbdClient, ALLOCATION_ID, type NbdAcceptance } from "./nbd-acceptance.ts";
import { type NbdExport } from "./nbd-export.ts";
import { nbd, nbdCommands, nbdErrors, nbdReplies, ONE_EXTENT } from "./nbd-wire.ts";
import { SocketReader } from "./socket-reader.ts";
import { VmError } from "./vm-error.ts";

/** A range of an export that a client wanted to read. */
export interface UnreadableRange {
  readonly target: NbdExport;
  /** Where it begins, in bytes. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
}

/** How exports are served. */
export interface NbdServerOptions {
  /** Path of the Unix socket; only this user can connect to it. */
  readonly path: string;
  readonly exports: readonly NbdExport[];
  /** Told why a range could not be read, and which; the client gets an input/output error. */
  readonly onError: (error: unknown, range: UnreadableRange) => void;
}

/** Bytes of a Unix socket's path; from the kernel, without the zero at the end. */
const SOCKET_PATH_BYTES_MAX = 107;

/** Longest read; what clients are told. */
const READ_BYTES_MAX = 32 * 1024 * 1024;

/** Bytes that are being read for one client; one read more may begin below it. */
const UNDER_WAY_BYTES_MAX = 64 * 1024 * 1024;

/** Requests of one client that are not answered yet, whatever they are; ours, clients send far fewer at once. */
const UNDER_WAY_MAX = 128;

interface Request {
  readonly flags: number;
  readonly command: number;
  readonly cookie: bigint;
  readonly offset: number;
  readonly size: number;
}

/**
 * Serves read-only exports to NBD clients such as QEMU, over a Unix socket (NBD's doc/proto.md).
 *
 * Memory: {@link UNDER_WAY_BYTES_MAX}, one read and {@link UNDER_WAY_MAX} small answers for each client, also for one that
 * never reads them: nothing more is taken from it until an answer has left. A client that breaks the protocol loses its connection, and
 * only that.
 */
export class NbdServer implements AsyncDisposable {
  readonly #options: NbdServerOptions;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  private constructor(options: NbdServerOptions) {
    this.#options = options;
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      void this.#serve(socket);
    });
  }

  /**
   * Begins to listen; a socket that was left behind by a program that has ended is replaced.
   *
   * @throws {VmError} `VM_SOCKET_TAKEN` for a path where something else is, or that is too long.
   */
  static async listen(options: NbdServerOptions): Promise<NbdServer> {
    await makeRoom(options.path);
    const server = new NbdServer(options);
    const listening = once(server.#server, "listening");
    const mask = process.umask(0o177);
    try {
      server.#server.listen(options.path); // Binds at once, so that the mask holds for nothing else.
    } finally {
      process.umask(mask);
    }
    try {
      await listening;
    } catch (cause) {
      throw new VmError("VM_SOCKET_TAKEN", `listen at "${options.path}"`, { cause });
    }
    return server;
  }

  /** Path of the socket. */
  get path(): string {
    return this.#options.path;
  }

  /** Cuts its clients off, and takes the socket away. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async #serve(socket: Socket): Promise<void> {
    const reader = new SocketReader(socket);
    const stop = new AbortController();
    socket.on("close", () => {
      stop.abort(new VmError("VM_LOST", "serve an NBD client"));
    });
    try {
      const accepted = await acceptNbdClient(socket, reader, this.#options.exports);
      if (accepted) await this.#answerRequests(socket, reader, { accepted, signal: stop.signal });
      socket.end();
    } catch {
      socket.destroy(); // It hung up, or it does not speak NBD.
    }
  }

  async #answerRequests(
    socket: Socket,
    reader: SocketReader,
    client: { readonly accepted: NbdAcceptance; readonly signal: AbortSignal },
  ): Promise<void> {
    const underWay = new Set<Promise<void>>();
    let bytes = 0;
    for (;;) {
      const request = await readRequest(reader);
      if (request.command === nbdCommands.disconnect) break;
      if (request.command === nbdCommands.write) await discard(reader, request.size);
      while (bytes > UNDER_WAY_BYTES_MAX || underWay.size >= UNDER_WAY_MAX)
        await Promise.race(underWay);
      const size = request.command === nbdCommands.read ? request.size : 0;
      bytes += size;
      const answered = this.#answer(socket, request, client).finally(() => {
        bytes -= size;
        underWay.delete(answered);
      });
      underWay.add(answered);
    }
    await Promise.all(underWay);
  }

  /** Resolves when the answer has left, however it ended. */
  async #answer(
    socket: Socket,
    request: Request,
    { accepted, signal }: { readonly accepted: NbdAcceptance; readonly signal: AbortSignal },
  ): Promise<void> {
    const { target, hasAllocation } = accepted;
    const { command, offset, size, flags } = request;
    const pieces = async (): Promise<readonly Uint8Array[]> => {
      const isInside = size > 0 && offset + size <= target.size;
      switch (command) {
        case nbdCommands.read:
          if (!isInside || size > READ_BYTES_MAX) return failed(request, accepted, "invalid");
          return data(request, accepted, await target.read(offset, size, signal));
        case nbdCommands.blockStatus: {
          if (!isInside || !hasAllocation) return failed(request, accepted, "invalid");
          const extents = target.extents(offset, size);
          const told = (flags & ONE_EXTENT) === 0 ? extents : extents.slice(0, 1);
          const body = Buffer.alloc(4 + 8 * told.length);
          body.writeUInt32BE(ALLOCATION_ID, 0);
          for (const [i, extent] of told.entries()) {
            body.writeUInt32BE(extent.size, 4 + 8 * i);
            body.writeUInt32BE(extent.flags, 8 + 8 * i);
          }
          return [structuredHead(request, nbdReplies.blockStatus, body.length), body];
        }
        case nbdCommands.flush:
        case nbdCommands.cache:
          return succeeded(request, accepted);
        case nbdCommands.write:
        case nbdCommands.writeZeroes:
        case nbdCommands.trim:
          return failed(request, accepted, "notPermitted");
        default:
          return failed(request, accepted, "unsupported");
      }
    };
    const answer = await pieces().catch((error: unknown) => {
      if (!signal.aborted) this.#options.onError(error, { target, offset, size });
      return failed(request, accepted, "inputOutput");
    });
    if (socket.destroyed) return;
    await new Promise<void>((resolve) => {
      // One after the other without a pause, so that no other answer comes between.
      for (const [i, piece] of answer.entries()) {
        if (i < answer.length - 1) socket.write(piece);
        else {
          socket.write(piece, () => {
            resolve();
          });
        }
      }
    });
  }
}

/** Removes a socket that nobody listens at; refuses everything else. */
async function makeRoom(path: string): Promise<void> {
  const taken = (detail: string, cause?: unknown): VmError =>
    new VmError("VM_SOCKET_TAKEN", `listen at "${path}"`, { detail, cause });
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX) {
    throw taken(`the path is longer than ${SOCKET_PATH_BYTES_MAX} bytes`);
  }
  const status = await lstat(path).catch((error: unknown) => {
    if (isCode(error, "ENOENT")) return undefined;
    throw taken("what is there cannot be found out", error);
  });
  if (!status) return;
  if (!status.isSocket()) throw taken("something is there that is no socket");
  const probe = connect(path);
  const isAlive = await once(probe, "connect")
    .then(
      () => true,
      (error: unknown) => {
        if (isCode(error, "ECONNREFUSED") || isCode(error, "ENOENT")) return false;
        throw taken("a program may listen there", error);
      },
    )
    .finally(() => probe.destroy());
  if (isAlive) throw taken("a program listens there");
  await rm(path, { force: true });
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

async function readRequest(reader: SocketReader): Promise<Request> {
  const head = await reader.read(28);
  if (head.readUInt32BE(0) !== nbd.requestMagic) {
    throw new VmError("VM_PROTOCOL", "serve an NBD client", { detail: "a request begins wrongly" });
  }
  return {
    flags: head.readUInt16BE(4),
    command: head.readUInt16BE(6),
    cookie: head.readBigUInt64BE(8),
    offset: Number(head.readBigUInt64BE(16)),
    size: head.readUInt32BE(24),
  };
}

/** What a write would write, which is refused once it is all there. */
async function discard(reader: SocketReader, size: number): Promise<void> {
  const piece = Buffer.alloc(64 * 1024);
  for (let left = size; left > 0; left -= piece.length) {
    await reader.readInto(piece.subarray(0, left));
  }
}

function succeeded(request: Request, { replies }: NbdAcceptance): readonly Uint8Array[] {
  return replies === "simple"
    ? [simpleHead(request, 0)]
    : [structuredHead(request, nbdReplies.none, 0)];
}

function data(
  request: Request,
  { replies }: NbdAcceptance,
  bytes: Uint8Array,
): readonly Uint8Array[] {
  if (replies === "simple") return [simpleHead(request, 0), bytes];
  const offset = Buffer.alloc(8);
  offset.writeBigUInt64BE(BigInt(request.offset));
  const head = structuredHead(request, nbdReplies.offsetData, offset.length + bytes.length);
  return [Buffer.concat([head, offset]), bytes];
}

function failed(
  request: Request,
  { replies }: NbdAcceptance,
  why: keyof typeof nbdErrors,
): readonly Uint8Array[] {
  if (replies === "simple") return [simpleHead(request, nbdErrors[why])];
  const body = Buffer.alloc(6); // Number and the length of a text, which there is none of.
  body.writeUInt32BE(nbdErrors[why], 0);
  return [structuredHead(request, nbdReplies.error, body.length), body];
}

function simpleHead({ cookie }: Request, error: number): Buffer {
  const head = Buffer.alloc(16);
  head.writeUInt32BE(nbd.simpleReplyMagic, 0);
  head.writeUInt32BE(error, 4);
  head.writeBigUInt64BE(cookie, 8);
  return head;
}

/** Of an answer that is all of one piece. */
function structuredHead({ cookie }: Request, type: number, size: number): Buffer {
  const head = Buffer.alloc(20);
  head.writeUInt32BE(nbd.structuredReplyMagic, 0);
  head.writeUInt16BE(nbd.structuredDone, 4);
  head.writeUInt16BE(type, 6);
  head.writeBigUInt64BE(cookie, 8);
  head.writeUInt32BE(size, 16);
  return head;
}
