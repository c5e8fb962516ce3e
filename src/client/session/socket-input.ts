import { Readable } from "node:stream";
import { type TLSSocket } from "node:tls";

/** Bytes that are read at once; TLS hands out 16 KiB at most. */
const BUFFER_BYTES = 64 * 1024;

/** Bytes that are kept for whoever reads the first answer; more is said by no server that was asked nothing yet. Ours. */
const EARLY_BYTES_MAX = 256 * 1024;

/**
 * What comes on a socket, in one piece of memory that is used again for each read.
 *
 * Otherwise Node.js makes new memory for every 16 KiB, whose garbage costs more than its contents (docs/decisions/0018-reading-over-http2.md).
 *
 * First everything is in a stream, for an answer in HTTP/1.1; from {@link SocketInput.passTo} on it goes to a listener. A peer that fills
 * the stream meanwhile, which may be one that nobody trusts yet, is let go of.
 */
export class SocketInput {
  /** For the options of the socket, which has to be made with them. */
  readonly onread: {
    readonly buffer: Uint8Array;
    readonly callback: (size: number, buffer: Uint8Array) => boolean;
  };
  /** What comes until somebody listens, and the end of the socket. */
  readonly early: Readable = new Readable({ read: () => undefined });
  #socket: TLSSocket | undefined;
  #listener: ((bytes: Uint8Array) => void) | undefined;

  /** Memory for one socket. */
  constructor() {
    this.onread = {
      buffer: Buffer.allocUnsafeSlow(BUFFER_BYTES),
      callback: (size, buffer) => {
        this.#take(buffer.subarray(0, size));
        return true;
      },
    };
  }

  /** Takes what comes in the socket's stream as well, for one that was made without {@link onread}; ends {@link early} as it does. */
  follow(socket: TLSSocket): void {
    const { early } = this;
    this.#socket = socket;
    socket.on("data", (part: Buffer) => {
      this.#take(part);
    });
    early.on("error", () => undefined);
    socket.on("end", () => {
      if (!early.destroyed && !this.#listener) early.push(null);
    });
    socket.on("error", (error: Error) => early.destroy(error));
    socket.on("close", () => early.destroy());
  }

  /** Passes on what has come and was not read, and from now on whatever comes. Bytes are borrowed. */
  passTo(listener: (bytes: Uint8Array) => void): void {
    this.#listener = listener;
    for (;;) {
      const part: unknown = this.early.read();
      if (!(part instanceof Uint8Array)) return;
      listener(part);
    }
  }

  #take(bytes: Uint8Array): void {
    if (this.#listener) this.#listener(bytes);
    else if (this.early.readableLength + bytes.length <= EARLY_BYTES_MAX) {
      this.early.push(Buffer.from(bytes));
    } else this.#socket?.destroy(new Error("the server says more than it was asked"));
  }
}
