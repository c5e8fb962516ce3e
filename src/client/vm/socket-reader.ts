import { type Socket } from "node:net";

/** Bytes that wait to be read before the other side has to. */
const WAITING_BYTES_MAX = 4 * 1024 * 1024;

/** Reads exact numbers of bytes from a socket; calls must not overlap. */
export class SocketReader {
  readonly #socket: Socket;
  readonly #pieces: Buffer[] = [];
  #waitingBytes = 0;
  #wake: (() => void) | undefined;
  #failure: Error | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (piece: Buffer) => {
      this.#pieces.push(piece);
      this.#waitingBytes += piece.length;
      if (this.#waitingBytes > WAITING_BYTES_MAX) socket.pause();
      this.#wake?.();
    });
    socket.on("error", (error: Error) => {
      this.#end(error);
    });
    socket.on("close", () => {
      this.#end(new Error("the connection was closed"));
    });
  }

  /** Reads that many bytes, owned. */
  async read(size: number): Promise<Buffer> {
    const bytes = Buffer.alloc(size);
    await this.readInto(bytes);
    return bytes;
  }

  /** Fills the memory, which may be shared. */
  async readInto(target: Uint8Array): Promise<void> {
    for (let done = 0; done < target.length;) {
      const piece = this.#pieces[0];
      if (!piece) {
        await this.#more();
        continue;
      }
      const part = piece.subarray(0, target.length - done);
      target.set(part, done);
      done += part.length;
      this.#waitingBytes -= part.length;
      if (part.length === piece.length) this.#pieces.shift();
      else this.#pieces[0] = piece.subarray(part.length);
    }
    if (this.#waitingBytes <= WAITING_BYTES_MAX && this.#socket.isPaused()) this.#socket.resume();
  }

  async #more(): Promise<void> {
    if (this.#failure) throw this.#failure;
    if (this.#socket.isPaused()) this.#socket.resume();
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
  }

  #end(error: Error): void {
    this.#failure ??= error;
    this.#wake?.();
  }
}
