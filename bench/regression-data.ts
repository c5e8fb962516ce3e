import { createCipheriv } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const MIB = 1024 * 1024;
const FILES_PER_FOLDER = 100;

/** How much is made. */
export interface DataSize {
  readonly files: number;
  readonly bigMiB: number;
}

/**
 * Makes the same tree every time: small files of 0 to 16 KiB, half of them text, and `big.bin`, of which half compresses.
 *
 * Bytes come from AES in counter mode under a fixed key, so they are the same on every machine.
 */
export function makeRegressionData(folder: string, { files, bigMiB }: DataSize): void {
  const stream = createCipheriv("aes-128-ctr", Buffer.alloc(16, 7), Buffer.alloc(16));
  const random = (size: number): Buffer => stream.update(Buffer.alloc(size));
  for (let i = 0; i < files; i++) {
    const parent = join(folder, "tree", `d${Math.floor(i / FILES_PER_FOLDER)}`);
    if (i % FILES_PER_FOLDER === 0) mkdirSync(parent, { recursive: true });
    const bytes = random(random(2).readUInt16LE() % (16 * 1024));
    writeFileSync(join(parent, `f${i}`), i % 2 === 0 ? textOf(bytes) : bytes);
  }
  const pieces = Array.from({ length: bigMiB }, (_, i) =>
    i % 2 === 0 ? textOf(random(MIB)) : random(MIB),
  );
  mkdirSync(join(folder, "tree"), { recursive: true });
  writeFileSync(join(folder, "tree", "big.bin"), Buffer.concat(pieces));
}

const alphabet = Buffer.from("eeeettaaooiinnsshhrrdlcumwfgypb  ");

/** As many bytes, of an alphabet that compresses to about half. */
function textOf(bytes: Buffer): Buffer {
  for (let i = 0; i < bytes.length; i++)
    bytes[i] = alphabet[(bytes[i] ?? 0) % alphabet.length] ?? 0;
  return bytes;
}
