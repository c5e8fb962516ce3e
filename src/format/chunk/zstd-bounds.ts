import { FormatError } from "../format-error.ts";
import { type ZstdFrame, zstdFrames } from "./zstd-frames.ts";

const WHAT = "zstd data";

/** Decodes structurally sound frames into a target; returns how much of it is filled. */
export type DecodeInto = (target: Uint8Array, compressed: Uint8Array) => number;

/** Thrown by a {@link DecodeInto} when the target is too small. */
export class TargetTooSmall extends Error {}

/**
 * Decompresses with a bound that does not depend on the library.
 *
 * The walk over the block headers comes first: it rejects damage, and it gives the size, or an upper bound of it, so
 * that the target is never larger than what the blocks can hold nor than `sizeMax`.
 *
 * @returns Owned bytes, or the front of `into` where that was given and is large enough.
 * @throws {FormatError} `FORMAT_INVALID`, `FORMAT_OUT_OF_RANGE`.
 */
export function boundedDecompress(
  compressed: Uint8Array,
  { sizeMax, into }: { readonly sizeMax: number; readonly into?: Uint8Array | undefined },
  decodeInto: DecodeInto,
): Uint8Array {
  let sizeLow = 0;
  let sizeHigh = 0;
  for (const frame of zstdFrames(compressed)) {
    sizeLow += frame.statedSize ?? frame.sizeMin;
    sizeHigh += frame.statedSize ?? frame.sizeMax;
    if (sizeLow > sizeMax) throw tooLarge(sizeMax);
  }
  const targetSize = Math.min(sizeHigh, sizeMax);
  const isGiven = into !== undefined && into.length >= targetSize;
  const target = isGiven ? into.subarray(0, targetSize) : new Uint8Array(targetSize);
  let size: number;
  try {
    size = decodeInto(target, compressed);
  } catch (error) {
    if (error instanceof TargetTooSmall && sizeHigh > sizeMax) throw tooLarge(sizeMax);
    if (error instanceof FormatError) throw error;
    throw new FormatError("FORMAT_INVALID", WHAT, undefined, { cause: error });
  }
  if (size < sizeLow) throw new FormatError("FORMAT_INVALID", WHAT, "less data than stated");
  if (size === target.length) return target;
  return isGiven ? target.subarray(0, size) : target.slice(0, size);
}

/**
 * Compares what a frame gave with what its header states.
 *
 * @throws {FormatError} `FORMAT_INVALID`.
 */
export function checkStatedSize(frame: ZstdFrame, size: number): void {
  if (frame.statedSize !== undefined && frame.statedSize !== size) {
    throw new FormatError("FORMAT_INVALID", WHAT, `${size} bytes, ${frame.statedSize} stated`);
  }
}

function tooLarge(sizeMax: number): FormatError {
  return new FormatError("FORMAT_OUT_OF_RANGE", WHAT, `more than ${sizeMax} bytes of plain data`);
}
