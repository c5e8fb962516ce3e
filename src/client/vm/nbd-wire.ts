/**
 * Numbers of the NBD protocol that are used here; everything on the wire is big-endian.
 *
 * @see spec sources-feasibility.md §1.9; NBD's doc/proto.md
 */
export const nbd = {
  magic: 0x4e42444d41474943n,
  optionMagic: 0x49484156454f5054n,
  optionReplyMagic: 0x0003e889045565a9n,
  requestMagic: 0x25609513,
  simpleReplyMagic: 0x67446698,
  structuredReplyMagic: 0x668e33ef,
  /** Handshake flags of both sides: fixed newstyle, and no zeroes behind an old answer. */
  handshakeFlags: 3,
  fixedNewstyle: 1,
  noZeroes: 2,
  structuredDone: 1,
  isError: 0x8000,
  isOptionError: 0x80000000,
} as const;

/** What a client asks before it has an export. */
export const nbdOptions = {
  exportName: 1,
  abort: 2,
  list: 3,
  info: 6,
  go: 7,
  structuredReply: 8,
  listMetaContext: 9,
  setMetaContext: 10,
} as const;

/** Kinds of answers to options. */
export const nbdOptionReplies = {
  ack: 1,
  server: 2,
  info: 3,
  metaContext: 4,
  unsupported: 0x80000001,
  invalid: 0x80000003,
  unknown: 0x80000006,
} as const;

/** Kinds of information about an export. */
export const nbdInfo = { export: 0, blockSize: 3 } as const;

/** What a client asks of an export. */
export const nbdCommands = {
  read: 0,
  write: 1,
  disconnect: 2,
  flush: 3,
  trim: 4,
  cache: 5,
  writeZeroes: 6,
  blockStatus: 7,
} as const;

/** A command's flag that asks for the whole range in one piece. */
export const DO_NOT_FRAGMENT = 4;

/** An export's flag that says that {@link DO_NOT_FRAGMENT} is understood. */
export const KNOWS_DO_NOT_FRAGMENT = 128;

/** Flags of an export of ours: flags are valid, read-only, {@link DO_NOT_FRAGMENT}, several connections see the same. */
export const nbdExportFlags: number = 1 | 2 | KNOWS_DO_NOT_FRAGMENT | 256;

/** A block status command's flag that asks for the first extent only. */
export const ONE_EXTENT = 8;

/** Numbers of errors in answers. */
export const nbdErrors = { notPermitted: 1, inputOutput: 5, invalid: 22, unsupported: 95 } as const;

/** Kinds of structured replies. */
export const nbdReplies = {
  none: 0,
  offsetData: 1,
  offsetHole: 2,
  blockStatus: 5,
  error: 0x8001,
  errorOffset: 0x8002,
} as const;

/** Meta context that tells which ranges read as zeros. */
export const ALLOCATION_CONTEXT = "base:allocation";

/** Bits of {@link ALLOCATION_CONTEXT}. */
export const allocation = { hole: 1, zero: 2 } as const;

/** Meta context that tells which ranges changed while QEMU noted it in a bitmap. */
export function bitmapContext(bitmap: string): string {
  return `qemu:dirty-bitmap:${bitmap}`;
}

/** Bit of a bitmap's context. */
export const DIRTY = 1;
