/** A header with its value. */
export type Header = readonly [name: string, value: string];

/** Bytes that an entry counts besides its texts (RFC 7541 §4.1). */
const ENTRY_OVERHEAD_BYTES = 32;

/** Bytes that the dynamic table may have unless the peer is told otherwise, which we do not (RFC 9113 §6.5.2). */
export const HEADER_TABLE_BYTES = 4096;

/** Names before those of headers without a value (RFC 7541 appendix A), the first with the number 1. */
const staticHeaders: readonly Header[] = [
  [":authority", ""],
  [":method", "GET"],
  [":method", "POST"],
  [":path", "/"],
  [":path", "/index.html"],
  [":scheme", "http"],
  [":scheme", "https"],
  ...["200", "204", "206", "304", "400", "404", "500"].map((value) => [":status", value] as const),
  ["accept-charset", ""],
  ["accept-encoding", "gzip, deflate"],
  ...`accept-language accept-ranges accept access-control-allow-origin age allow authorization cache-control
  content-disposition content-encoding content-language content-length content-location content-range content-type
  cookie date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since
  last-modified link location max-forwards proxy-authenticate proxy-authorization range referer refresh retry-after
  server set-cookie strict-transport-security transfer-encoding user-agent vary via www-authenticate`
    .split(/\s+/)
    .map((name) => [name, ""] as const),
];

/** The headers that a peer refers to by number: those of the RFC and those that it sent last (RFC 7541 §2.3). */
export class HeaderTable {
  /** The newest first. */
  #entries: Header[] = [];
  #bytes = 0;
  #bytesMax = HEADER_TABLE_BYTES;

  /** The header with a number, counted from 1. */
  get(index: number): Header | undefined {
    return staticHeaders[index - 1] ?? this.#entries[index - 1 - staticHeaders.length];
  }

  /** Takes a header in, and drops the oldest for it; one that has no room leaves the table empty. */
  add(header: Header): void {
    this.#entries.unshift(header);
    this.#bytes += sizeOf(header);
    this.#evict();
  }

  /** Changes the room. */
  resize(bytesMax: number): void {
    this.#bytesMax = bytesMax;
    this.#evict();
  }

  #evict(): void {
    while (this.#bytes > this.#bytesMax) {
      const oldest = this.#entries.pop();
      if (!oldest) return;
      this.#bytes -= sizeOf(oldest);
    }
  }
}

function sizeOf([name, value]: Header): number {
  return name.length + value.length + ENTRY_OVERHEAD_BYTES;
}
