/** The image of a disk that is compared: 6 GiB of which 1.7 GiB are data, the rest holes. */
import { createCipheriv } from "node:crypto";
import {
  closeSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";

import { sh } from "./timed-run.ts";

const MIB = 1024 * 1024;

/** Bytes of the image. */
export const IMAGE_BYTES: number = 6 * 1024 * MIB;

/** Bytes from the start that are data without a gap: what is read front to back. */
export const DENSE_BYTES: number = 1024 * MIB;

const PIECE_BYTES = 16 * MIB;
const SLOT_BYTES = 112 * MIB;
const GRAIN_BYTES = 4096;

/** A stretch of data. */
export interface DataRange {
  readonly start: number;
  readonly size: number;
}

/** Where there is data, in order, in pieces of 16 MiB: 1 GiB at the start, then one in every 112 MiB at an offset that is no multiple of a chunk's length. */
export function imageData(): readonly DataRange[] {
  const dense = Array.from({ length: DENSE_BYTES / PIECE_BYTES }, (_, i) => ({
    start: i * PIECE_BYTES,
    size: PIECE_BYTES,
  }));
  const slots = Math.floor((IMAGE_BYTES - DENSE_BYTES) / SLOT_BYTES);
  const spread = Array.from({ length: slots }, (_, i) => ({
    start: DENSE_BYTES + i * SLOT_BYTES + 32 * MIB + ((i * 7919) % 10_000) * GRAIN_BYTES,
    size: PIECE_BYTES,
  }));
  return [...dense, ...spread];
}

/** Offsets of 4 KiB blocks of data, the same for the same seed, from all over the image. */
export function randomOffsets(count: number, seed: number): readonly number[] {
  const blocks = imageData().map(({ start }) => start);
  const stream = createCipheriv("aes-128-ctr", Buffer.alloc(16, seed), Buffer.alloc(16));
  return Array.from({ length: count }, () => {
    const chance = stream.update(Buffer.alloc(8));
    const start = blocks[chance.readUInt32LE(0) % blocks.length] ?? 0;
    return start + (chance.readUInt32LE(4) % (PIECE_BYTES / GRAIN_BYTES)) * GRAIN_BYTES;
  });
}

/** Makes the image: three pieces of programs, libraries and documents, then one of noise, and so on; a second time what is in `/usr` if that is too small. */
export function makeDiskImage(path: string): void {
  const data = imageData();
  const noiseBytes = Math.floor(data.length / 4) * PIECE_BYTES;
  const content = `${path}.content`;
  const noise = `${path}.noise`;
  sh(
    `{ tar c /usr; tar c /usr; } 2>/dev/null | head -c ${data.length * PIECE_BYTES - noiseBytes} > '${content}'`,
  );
  sh(
    `openssl enc -aes-128-ctr -pass pass:amber -pbkdf2 </dev/zero 2>/dev/null | head -c ${noiseBytes} > '${noise}'`,
  );
  const piece = Buffer.alloc(PIECE_BYTES);
  const sources = [openSync(content, "r"), openSync(noise, "r")] as const;
  const target = openSync(`${path}.part`, "w");
  ftruncateSync(target, IMAGE_BYTES);
  data.forEach(({ start }, i) => {
    const size = readSync(i % 4 === 3 ? sources[1] : sources[0], piece);
    if (size !== piece.length) throw new Error("there is not enough in /usr to make an image of");
    writeSync(target, piece, 0, piece.length, start);
  });
  for (const fd of [...sources, target]) closeSync(fd);
  for (const made of [content, noise]) rmSync(made);
  renameSync(`${path}.part`, path);
}
