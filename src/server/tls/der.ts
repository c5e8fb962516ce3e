/**
 * Just enough of ASN.1's distinguished encoding rules to write a certificate (ITU-T X.690).
 *
 * Every function returns owned bytes: tag, length, content.
 */

const UNIVERSAL = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  generalizedTime: 0x18,
  utcTime: 0x17,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Any tag with content that is encoded already. */
export function derTagged(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const content = Buffer.concat(contents);
  return Buffer.concat([Uint8Array.of(tag), derLength(content.length), content]);
}

/** Items in a fixed order, as SEQUENCE. */
export function derSequence(...items: readonly Uint8Array[]): Uint8Array {
  return derTagged(UNIVERSAL.sequence, ...items);
}

/** SET of one item, as in names. */
export function derSet(item: Uint8Array): Uint8Array {
  return derTagged(UNIVERSAL.set, item);
}

/** INTEGER of unsigned big-endian bytes. */
export function derInteger(bytes: Uint8Array): Uint8Array {
  const start = bytes.findIndex((byte) => byte !== 0);
  const significant = start < 0 ? Uint8Array.of(0) : bytes.subarray(start);
  const isNegative = ((significant[0] ?? 0) & 0x80) !== 0;
  return derTagged(
    UNIVERSAL.integer,
    ...(isNegative ? [Uint8Array.of(0), significant] : [significant]),
  );
}

/** What certificates say of a flag that is set; one that is not set is left out. */
export function derTrue(): Uint8Array {
  return derTagged(UNIVERSAL.boolean, Uint8Array.of(0xff));
}

/** BIT STRING of `content`; `unusedBits` at its end do not count. */
export function derBitString(content: Uint8Array, unusedBits: number): Uint8Array {
  return derTagged(UNIVERSAL.bitString, Uint8Array.of(unusedBits), content);
}

/** OCTET STRING. */
export function derOctets(content: Uint8Array): Uint8Array {
  return derTagged(UNIVERSAL.octetString, content);
}

/** OBJECT IDENTIFIER of dotted numbers. */
export function derObjectId(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const groups = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return derTagged(UNIVERSAL.objectIdentifier, Uint8Array.from(bytes));
}

/** UTF8String. */
export function derText(text: string): Uint8Array {
  return derTagged(UNIVERSAL.utf8String, Buffer.from(text));
}

/** Time in a certificate: UTCTime before 2050, GeneralizedTime from then on (RFC 5280 §4.1.2.5). */
export function derTime(sec: number): Uint8Array {
  const digits = new Date(sec * 1000).toISOString().replaceAll(/[-:T]/g, "").slice(0, 14);
  return digits < "2050"
    ? derTagged(UNIVERSAL.utcTime, Buffer.from(`${digits.slice(2)}Z`))
    : derTagged(UNIVERSAL.generalizedTime, Buffer.from(`${digits}Z`));
}

function derLength(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length);
  const bytes: number[] = [];
  for (let left = length; left > 0; left >>>= 8) bytes.unshift(left & 0xff);
  return Uint8Array.of(0x80 | bytes.length, ...bytes);
}
