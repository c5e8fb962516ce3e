import { HEADER_TABLE_BYTES } from "./header-table.ts";
import { encodeRequestHead } from "./request-head.ts";

/** Makes the table of headers empty for good (RFC 7541 §6.3). */
const EMPTY_TABLE = 0x20;

/** Encodes the heads of one connection's requests, in the order in which they are sent. */
export class HeaderEncoder {
  #tableBytes = HEADER_TABLE_BYTES;
  #isTableSmaller = false;

  /**
   * Heeds how many bytes the peer keeps of our headers. None are, but a peer that keeps fewer than before is to be told
   * so with the next head, and may end the connection otherwise (RFC 9113 §4.3.1).
   */
  limitTable(bytes: number): void {
    if (bytes < this.#tableBytes) this.#isTableSmaller = true;
    this.#tableBytes = bytes;
  }

  /** As {@link encodeRequestHead}, with what has to be said about the table before it. */
  encode(headers: Readonly<Record<string, string>>): Uint8Array {
    const head = encodeRequestHead(headers);
    if (!this.#isTableSmaller) return head;
    this.#isTableSmaller = false;
    return Uint8Array.of(EMPTY_TABLE, ...head);
  }
}
