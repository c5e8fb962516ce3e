/** Kinds of entries that carry nothing but a name (spec catalog.md §1.2). */
export const bareEntryKinds = [
  "symlink",
  "hardlink",
  "block-device",
  "character-device",
  "fifo",
  "socket",
] as const;

/** A kind of entry that carries nothing but a name. */
export type BareEntryKind = (typeof bareEntryKinds)[number];

/** Their type bytes (spec catalog.md §1.2). */
export const bareEntryBytes: Readonly<Record<BareEntryKind, number>> = {
  symlink: 0x6c,
  hardlink: 0x68,
  "block-device": 0x62,
  "character-device": 0x63,
  fifo: 0x70,
  socket: 0x73,
};

/** Type byte of a directory (spec catalog.md §1.2). */
export const DIRECTORY_BYTE = 0x64;

/** Type byte of a regular file (spec catalog.md §1.2). */
export const FILE_BYTE = 0x66;

/** First eight bytes of a catalogue, as hexadecimal digits (spec catalog.md §1). */
export const CATALOG_MAGIC = "91fd60f9c46758d5";

/** One name in a directory of the catalogue; names are bytes, not text. */
export type CatalogEntry =
  | {
      readonly kind: "directory";
      readonly name: Uint8Array;
      /** Where its block stands in the stream: what `readDirectory` takes. */
      readonly start: number;
    }
  | {
      readonly kind: "file";
      readonly name: Uint8Array;
      /** Bytes of content. */
      readonly size: number;
      /** Seconds since the epoch. */
      readonly mtimeSec: bigint;
    }
  | { readonly kind: BareEntryKind; readonly name: Uint8Array };

/** Longest name in bytes (spec catalog.md §1.2). */
export const CATALOG_NAME_BYTES_MAX = 4095;

/** Whether bytes can be one component of a path: not empty, no NUL, no slash, neither `.` nor `..`. */
export function isCatalogName(name: Uint8Array): boolean {
  if (name.length === 0 || name.length > CATALOG_NAME_BYTES_MAX) return false;
  if (name.length <= 2 && name.every((byte) => byte === 0x2e)) return false;
  return !name.includes(0) && !name.includes(0x2f);
}
