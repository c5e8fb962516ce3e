/** Reflected polynomial of CRC-32 as in zlib and IEEE 802.3 (spec blob.md §1.3). */
const POLYNOMIAL = 0xedb88320;

/**
 * Makes a CRC-32 function that works on eight bytes at a time, after M. E. Kounavis and F. L. Berry, "Novel Table
 * Lookup-Based Algorithms for High-Performance CRC Generation" ("slicing by 8").
 *
 * Table 0 is the ordinary one: the remainder of each byte. Table k is the remainder of that byte followed by k zero
 * bytes, so eight look-ups that do not wait for each other replace eight that do.
 *
 * @returns The checksum over borrowed bytes, 0 for none.
 */
export function createCrc32(): (bytes: Uint8Array) => number {
  const tables = makeTables();
  return (bytes) => {
    let crc = 0xffffffff;
    let i = 0;
    for (const end = bytes.length - 7; i < end; i += 8) {
      crc ^= four(bytes, i);
      const next = four(bytes, i + 4);
      crc =
        (tables[0x700 | (crc & 0xff)] ?? 0) ^
        (tables[0x600 | ((crc >>> 8) & 0xff)] ?? 0) ^
        (tables[0x500 | ((crc >>> 16) & 0xff)] ?? 0) ^
        (tables[0x400 | (crc >>> 24)] ?? 0) ^
        (tables[0x300 | (next & 0xff)] ?? 0) ^
        (tables[0x200 | ((next >>> 8) & 0xff)] ?? 0) ^
        (tables[0x100 | ((next >>> 16) & 0xff)] ?? 0) ^
        (tables[next >>> 24] ?? 0);
    }
    for (; i < bytes.length; i++) {
      crc = (tables[(crc ^ (bytes[i] ?? 0)) & 0xff] ?? 0) ^ (crc >>> 8);
    }
    return (crc ^ 0xffffffff) >>> 0;
  };
}

function makeTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    tables[byte] = crc;
  }
  for (let i = 256; i < tables.length; i++) {
    const before = tables[i - 256] ?? 0;
    tables[i] = (before >>> 8) ^ (tables[before & 0xff] ?? 0);
  }
  return tables;
}

function four(bytes: Uint8Array, i: number): number {
  return (
    (bytes[i] ?? 0) |
    ((bytes[i + 1] ?? 0) << 8) |
    ((bytes[i + 2] ?? 0) << 16) |
    ((bytes[i + 3] ?? 0) << 24)
  );
}
