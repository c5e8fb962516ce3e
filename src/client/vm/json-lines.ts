import { once } from "node:events";
import { type Socket, connect } from "node:net";

import { type Json } from "../../format/manifest/canonical-json.ts";
import { parseJson } from "../../format/manifest/parse-json.ts";
import { VmError } from "./vm-error.ts";

/** Longest line in bytes; ours. QEMU's schema, its longest answer, is below 1 MiB. */
const LINE_BYTES_MAX = 16 * 1024 * 1024;

/** What one side of a conversation in JSON lines is told. */
export interface JsonLinesEvents {
  /** A line came. */
  onValue(value: Json): void;
  /** Called once, when the other side or the network ended it; nothing comes afterwards. */
  onEnd(error: Error): void;
}

/**
 * A Unix socket over which values travel as JSON, one a line, as with QEMU's monitor and its guest agent.
 *
 * Bytes of value 0xFF, with which an agent marks a fresh start, are left out.
 */
export class JsonLines implements Disposable {
  readonly #socket: Socket;
  readonly #events: JsonLinesEvents;
  readonly #path: string;
  #rest: Buffer[] = [];
  #restBytes = 0;
  #hasEnded = false;

  private constructor(socket: Socket, path: string, events: JsonLinesEvents) {
    this.#socket = socket;
    this.#path = path;
    this.#events = events;
    socket.on("data", (piece: Buffer) => {
      this.#take(piece);
    });
    socket.on("error", (cause: Error) => {
      this.#end(new VmError("VM_LOST", `talk to "${path}"`, { cause }));
    });
    socket.on("close", () => {
      this.#end(new VmError("VM_LOST", `talk to "${path}"`));
    });
  }

  /**
   * Connects.
   *
   * @throws {VmError} `VM_UNREACHABLE`.
   */
  static async open(path: string, events: JsonLinesEvents): Promise<JsonLines> {
    const socket = connect(path);
    try {
      await once(socket, "connect");
    } catch (cause) {
      throw new VmError("VM_UNREACHABLE", `connect to "${path}"`, { cause });
    }
    return new JsonLines(socket, path, events);
  }

  /** Sends a value; what becomes of it shows in the answers. */
  send(value: unknown): void {
    this.#socket.write(`${JSON.stringify(value)}\n`);
  }

  /** Sends the byte that makes an agent forget a line that was begun. */
  sendReset(): void {
    this.#socket.write(Buffer.of(0xff));
  }

  /** Hangs up, without telling. */
  [Symbol.dispose](): void {
    this.#hasEnded = true;
    this.#socket.destroy();
  }

  #take(piece: Buffer): void {
    let start = 0;
    for (let end = piece.indexOf(0x0a); end !== -1; end = piece.indexOf(0x0a, start)) {
      this.#rest.push(piece.subarray(start, end));
      start = end + 1;
      const line = Buffer.concat(this.#rest).filter((byte) => byte !== 0xff);
      this.#rest = [];
      this.#restBytes = 0;
      this.#takeLine(Buffer.from(line).toString());
      if (this.#hasEnded) return;
    }
    this.#rest.push(piece.subarray(start));
    this.#restBytes += piece.length - start;
    if (this.#restBytes > LINE_BYTES_MAX) this.#fail("a line is too long");
  }

  #takeLine(text: string): void {
    if (text.trim() === "") return;
    let value: Json;
    try {
      value = parseJson(text, "line");
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error));
      return;
    }
    this.#events.onValue(value);
  }

  #fail(detail: string): void {
    this.#end(new VmError("VM_PROTOCOL", `talk to "${this.#path}"`, { detail }));
    this.#socket.destroy();
  }

  #end(error: Error): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#events.onEnd(error);
  }
}
