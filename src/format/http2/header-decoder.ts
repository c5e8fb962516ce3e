import { type Header, HEADER_TABLE_BYTES, HeaderTable } from "./header-table.ts";
import { Http2Error } from "./http2-error.ts";
import { decodeHuffman } from "./huffman.ts";

/** Bytes of a number beyond its first: what is longer is no length of ours. */
const NUMBER_BYTES_MAX = 4;

/** Decodes the header blocks of one connection, which have to come in order and without a gap (RFC 7541). */
export class HeaderDecoder {
  readonly #table = new HeaderTable();

  /**
   * The headers of a block by name; of repeated ones the last counts.
   *
   * @param block Whole.
   * @throws {Http2Error} `COMPRESSION_ERROR`; nothing can be decoded afterwards.
   */
  decode(block: Uint8Array): ReadonlyMap<string, string> {
    const headers = new Map<string, string>();
    const cursor = new BlockCursor(block);
    while (!cursor.isAtEnd) {
      const header = this.#next(cursor);
      if (header) headers.set(...header);
    }
    return headers;
  }

  /** The next header, unless it is a change of the table (RFC 7541 §6). */
  #next(cursor: BlockCursor): Header | undefined {
    const first = cursor.peek();
    if (first >= 0x80) return this.#entry(cursor.number(7));
    if (first >= 0x40) {
      const header = this.#literal(cursor, 6);
      this.#table.add(header);
      return header;
    }
    if (first < 0x20) return this.#literal(cursor, 4);
    const bytes = cursor.number(5);
    if (bytes > HEADER_TABLE_BYTES) {
      throw new Http2Error("COMPRESSION_ERROR", `a table of headers of ${bytes} bytes`);
    }
    this.#table.resize(bytes);
    return undefined;
  }

  #literal(cursor: BlockCursor, prefixBits: number): Header {
    const index = cursor.number(prefixBits);
    const name = index === 0 ? cursor.text() : this.#entry(index)[0];
    return [name, cursor.text()];
  }

  #entry(index: number): Header {
    const header = this.#table.get(index);
    if (!header) throw new Http2Error("COMPRESSION_ERROR", `a header with the number ${index}`);
    return header;
  }
}

/** A place in a header block. */
class BlockCursor {
  readonly #block: Uint8Array;
  #at = 0;

  constructor(block: Uint8Array) {
    this.#block = block;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#block.length;
  }

  peek(): number {
    const byte = this.#block[this.#at];
    if (byte === undefined) throw new Http2Error("COMPRESSION_ERROR", "a head that is cut off");
    return byte;
  }

  /** A number whose first byte has so many bits of it (RFC 7541 §5.1). */
  number(prefixBits: number): number {
    const most = 2 ** prefixBits - 1;
    const first = this.#next() & most;
    if (first < most) return first;
    let value = most;
    for (let i = 0; i < NUMBER_BYTES_MAX; i++) {
      const byte = this.#next();
      value += (byte & 0x7f) * 0x80 ** i;
      if (byte < 0x80) return value;
    }
    throw new Http2Error("COMPRESSION_ERROR", "a number that is too long");
  }

  /** A text, as Latin-1 (RFC 7541 §5.2). */
  text(): string {
    const isCompressed = this.peek() >= 0x80;
    const end = this.number(7) + this.#at;
    if (end > this.#block.length) {
      throw new Http2Error("COMPRESSION_ERROR", "a text that is cut off");
    }
    const bytes = this.#block.subarray(this.#at, end);
    this.#at = end;
    if (isCompressed) return decodeHuffman(bytes);
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte);
    return text;
  }

  #next(): number {
    const byte = this.peek();
    this.#at += 1;
    return byte;
  }
}
