/** Numbers of a device node. */
export interface DeviceNumbers {
  readonly major: number;
  readonly minor: number;
}

/** Splits a Linux `dev_t` of 64 bits (spec pxar.md §3.5). */
export function deviceNumbers(dev: bigint): DeviceNumbers {
  return {
    major: Number(((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xffff_f000n)),
    minor: Number((dev & 0xffn) | ((dev >> 12n) & 0xffff_ff00n)),
  };
}

/** Joins device numbers to a Linux `dev_t`: the inverse of {@link deviceNumbers} for numbers of 32 bits. */
export function deviceId({ major, minor }: DeviceNumbers): bigint {
  const high = BigInt(major);
  const low = BigInt(minor);
  return (
    ((high & 0xfffn) << 8n) |
    ((high & 0xffff_f000n) << 32n) |
    (low & 0xffn) |
    ((low & 0xffff_ff00n) << 12n)
  );
}
