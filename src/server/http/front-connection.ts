import { type Server } from "node:http";
import { Duplex } from "node:stream";
import { type TLSSocket } from "node:tls";

/** Longest head of a request that is looked at for a missing `Connection` header. */
const HEAD_BYTES_MAX = 16 * 1024;

/** Milliseconds until a connection without a complete request head is closed. */
const HEAD_TIMEOUT_MS = 60_000;

const connections = new WeakMap<Duplex, FrontConnection>();

/**
 * Stands between a TLS connection and the HTTP/1.1 parser until the connection is upgraded.
 *
 * It gives old clients what they need: official clients before 3.0.5 send `Upgrade` without `Connection`, which
 * Node's parser takes for an ordinary request (spec backup-protocol.md §2.1, trap 1), so the missing header is put in
 * before the parser sees the head. Only bytes that arrive while no request is being read or answered are looked at;
 * a body can therefore never be changed. It also closes connections that send no complete head in time.
 *
 * After {@link release} the TLS connection is untouched by any parser, as `node:http2` needs it.
 */
export class FrontConnection {
  readonly #socket: TLSSocket;
  readonly #duplex: Duplex;
  readonly #onData = (bytes: Buffer): void => {
    this.#receive(bytes);
  };
  readonly #onEnd = (): void => {
    this.#flushHead();
    this.#duplex.push(null);
  };
  readonly #onDrain = (): void => {
    this.#writeDone?.();
    this.#writeDone = undefined;
  };
  readonly #onClose = (): void => {
    this.#duplex.destroy();
  };
  readonly #onError = (error: Error): void => {
    this.#duplex.destroy(error);
  };
  #writeDone: (() => void) | undefined;
  #head: Buffer | undefined = Buffer.alloc(0);
  #requestsRunning = 0;
  readonly #onIdle: (() => void)[] = [];
  #headTimer: NodeJS.Timeout | undefined;
  #isReleased = false;

  /** Hands a connection whose TLS handshake is done to an HTTP server that need not listen. */
  static attach(socket: TLSSocket, server: Server): FrontConnection {
    const connection = new FrontConnection(socket);
    server.emit("connection", connection.#duplex);
    return connection;
  }

  /** The connection behind the stream that the HTTP server knows, `undefined` for streams of tests. */
  static of(stream: Duplex): FrontConnection | undefined {
    return connections.get(stream);
  }

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 120_000);
    socket.on("data", this.#onData);
    socket.on("end", this.#onEnd);
    socket.on("drain", this.#onDrain);
    socket.on("close", this.#onClose);
    socket.on("error", this.#onError);
    this.#duplex = new Duplex({
      allowHalfOpen: true,
      read: () => {
        if (!this.#isReleased) socket.resume();
      },
      write: (bytes: Buffer, _encoding, done) => {
        if (socket.destroyed) done(new Error("connection closed"));
        else if (socket.write(bytes)) done();
        else this.#writeDone = done;
      },
      final: (done) => {
        if (!this.#isReleased) socket.end();
        done();
      },
      destroy: (error, done) => {
        clearTimeout(this.#headTimer);
        if (!this.#isReleased) socket.destroy();
        done(error);
      },
    });
    this.#duplex.on("error", ignoreError);
    connections.set(this.#duplex, this);
    this.#startHeadTimer();
  }

  /** Address of the peer, IPv4 in the mapped form that logs of the protocol use. */
  get peerAddress(): string {
    const address = this.#socket.remoteAddress ?? "unknown";
    return address.includes(".") && !address.includes(":") ? `::ffff:${address}` : address;
  }

  /** Settles when no request is being answered, at once for an upgraded connection. */
  async whenIdle(): Promise<void> {
    if (this.#requestsRunning === 0 || this.#isReleased || this.#socket.destroyed) return;
    await new Promise<void>((resolve) => {
      this.#onIdle.push(resolve);
      this.#socket.once("close", resolve);
    });
  }

  /** A request was read; until it is answered, bytes pass unseen. */
  requestStarted(): void {
    this.#requestsRunning += 1;
    clearTimeout(this.#headTimer);
  }

  /** A request was answered. */
  requestEnded(): void {
    this.#requestsRunning -= 1;
    if (this.#requestsRunning > 0) return;
    for (const resolve of this.#onIdle.splice(0)) resolve();
    if (!this.#isReleased) {
      this.#head = Buffer.alloc(0);
      this.#startHeadTimer();
    }
  }

  /**
   * Takes the TLS connection out, paused, with every byte that was read too far put back in front.
   *
   * @param head Bytes that the HTTP parser had read behind the request.
   */
  release(head: Uint8Array): TLSSocket {
    this.#isReleased = true;
    clearTimeout(this.#headTimer);
    const socket = this.#socket;
    socket.pause();
    socket.off("data", this.#onData);
    socket.off("end", this.#onEnd);
    socket.off("drain", this.#onDrain);
    socket.off("close", this.#onClose);
    socket.off("error", this.#onError);
    const rest = readAll(this.#duplex);
    if (rest.length > 0) socket.unshift(rest);
    if (head.length > 0) socket.unshift(head);
    this.#duplex.destroy();
    return socket;
  }

  #receive(bytes: Buffer): void {
    if (this.#head === undefined) {
      this.#push(bytes);
      return;
    }
    this.#head = this.#head.length === 0 ? bytes : Buffer.concat([this.#head, bytes]);
    const isUpgrade = mayBeUpgrade(this.#head);
    const end = this.#head.indexOf("\r\n\r\n");
    if (isUpgrade && end < 0 && this.#head.length < HEAD_BYTES_MAX) return;
    const head = this.#head;
    this.#head = undefined;
    this.#push(isUpgrade && end >= 0 ? withConnectionHeader(head, end) : head);
  }

  #flushHead(): void {
    if (this.#head !== undefined && this.#head.length > 0) this.#duplex.push(this.#head);
    this.#head = undefined;
  }

  #push(bytes: Uint8Array): void {
    if (!this.#duplex.push(bytes)) this.#socket.pause();
  }

  #startHeadTimer(): void {
    clearTimeout(this.#headTimer);
    this.#headTimer = setTimeout(() => {
      this.#socket.destroy();
    }, HEAD_TIMEOUT_MS);
    this.#headTimer.unref();
  }
}

const UPGRADE_PATH = /^GET \/+api2\/+(json|extjs)\/+(backup|reader)[?/ ]/;

/** Whether these first bytes of a request are, or may become, a request for one of the two upgrades. */
function mayBeUpgrade(bytes: Buffer): boolean {
  const start = bytes.subarray(0, 64).toString("latin1");
  return UPGRADE_PATH.test(start) || (start.length < 64 && "GET /".startsWith(start.slice(0, 5)));
}

function withConnectionHeader(bytes: Buffer, end: number): Buffer {
  const lines = bytes.subarray(0, end).toString("latin1").toLowerCase().split("\r\n");
  const hasUpgrade = lines.some((line) => line.startsWith("upgrade: proxmox-backup-"));
  const hasConnection = lines.some((line) => line.startsWith("connection:"));
  if (!hasUpgrade || hasConnection) return bytes;
  return Buffer.concat([
    bytes.subarray(0, end),
    Buffer.from("\r\nConnection: Upgrade"),
    bytes.subarray(end),
  ]);
}

function readAll(stream: Duplex): Uint8Array {
  const parts: Uint8Array[] = [];
  for (;;) {
    const part: unknown = stream.read();
    if (!(part instanceof Uint8Array)) return Buffer.concat(parts);
    parts.push(part);
  }
}

/** A broken connection is no news; the request on it finds out by itself. */
function ignoreError(): void {
  // Nothing to do.
}
