import { createRequire } from "node:module";
import * as zlib from "node:zlib";
import {
  boundedDecompress,
  checkStatedSize,
  type DecodeInto,
  TargetTooSmall,
} from "./zstd-bounds.ts";
import { joinedBytes } from "../bytes/joined-bytes.ts";
import { zstdFrames } from "./zstd-frames.ts";

/** Compression as one library offers it; the only shape in which zstd is known outside this file. */
export interface ZstdCodec {
  /** Library and zstd version, for example `zstd-napi (zstd 1.5.7)`. */
  readonly name: string;
  /** Compresses to one frame at level 1; the result is owned, or valid until the next call when it may be `borrowed`. */
  compress(plain: Uint8Array, result?: "borrowed"): Uint8Array;
  /**
   * Decompresses whole frames; the result is owned, or the front of `into` where that was given and is large enough.
   *
   * @throws {FormatError} `FORMAT_INVALID`, `FORMAT_OUT_OF_RANGE` when there is more than `sizeMax`.
   */
  decompress(compressed: Uint8Array, sizeMax: number, into?: Uint8Array): Uint8Array;
  /** The same to the front of `into`, telling how much of it will not change any more; where the library can. */
  readonly decompressInSteps?: (
    compressed: Uint8Array,
    into: Uint8Array,
    onFilled: (size: number) => void,
  ) => Uint8Array;
}

/** One decompression that tells how far it has come. */
interface Steps {
  readonly target: Uint8Array;
  readonly frames: Uint8Array;
  readonly onFilled: ((size: number) => void) | undefined;
}

const LEVEL = 1; // Spec blob.md §2.

/**
 * Every library this program can use, fastest first; each loader gives `undefined` when the library is not there.
 *
 * The first is optional because it is compiled at installation; the second brings its binary along; Node has zstd
 * itself from 22.15 on.
 */
export const zstdLoaders: Readonly<Record<string, () => ZstdCodec | undefined>> = {
  "zstd-napi": loadZstdNapi,
  "@cloudpss/zstd": loadCloudpss,
  "node:zlib": loadNodeZlib,
};

/** The fastest zstd there is on this machine; its `name` says which. */
export function loadZstd(): ZstdCodec | undefined {
  for (const load of Object.values(zstdLoaders)) {
    const codec = load();
    if (codec) return codec;
  }
  return undefined;
}

// --- zstd-napi: contexts are reused, output goes straight into our memory ---

interface NapiBinding {
  readonly CCtx: new () => {
    compress(target: Uint8Array, plain: Uint8Array, level: number): number;
  };
  readonly DCtx: new () => NapiDecompressor;
  compressBound(size: number): number;
  versionString(): string;
}

interface NapiDecompressor {
  decompress(target: Uint8Array, compressed: Uint8Array): number;
  /** What remains to be done, 0 at the end of a frame; bytes written; bytes read. */
  decompressStream(target: Uint8Array, compressed: Uint8Array): [number, number, number];
}

/** Plaintext of one step: what a reader behind it has left to do at the end. */
const STEP_BYTES = 256 * 1024;

function loadZstdNapi(): ZstdCodec | undefined {
  const binding = requireOptional("zstd-napi/binding");
  if (!isNapiBinding(binding)) return undefined;
  const compressor = new binding.CCtx();
  const decompressor = new binding.DCtx();
  const stepper = reused(() => new binding.DCtx());
  let scratch = new Uint8Array(0);
  const decodeInto: DecodeInto = (target, compressed) => {
    try {
      return decompressor.decompress(target, compressed);
    } catch (error) {
      // The binding passes zstd's own text on and nothing else to tell errors apart.
      if (error instanceof Error && error.message.includes("too small")) throw new TargetTooSmall();
      throw error;
    }
  };
  return {
    name: `zstd-napi (zstd ${binding.versionString()})`,
    compress(plain, result) {
      const bound = binding.compressBound(plain.length);
      if (scratch.length < bound) scratch = new Uint8Array(bound);
      const size = compressor.compress(scratch, plain, LEVEL);
      return result === "borrowed" ? scratch.subarray(0, size) : scratch.slice(0, size);
    },
    decompress: (compressed, sizeMax, into) =>
      boundedDecompress(compressed, { sizeMax, into }, decodeInto),
    decompressInSteps: (compressed, into, onFilled) =>
      boundedDecompress(compressed, { sizeMax: into.length, into }, (target, frames) =>
        // A frame of unknown size would get a window of the size that it declares.
        isSized(frames)
          ? stepper((stream) => decodeInSteps(stream, { target, frames, onFilled }))
          : decodeInto(target, frames),
      ),
  };
}

function isSized(frames: Uint8Array): boolean {
  for (const { statedSize } of zstdFrames(frames)) if (statedSize === undefined) return false;
  return true;
}

/** With little room at a time the library cannot do a frame at once, straight to its place: it goes by way of its window. */
function decodeInSteps(stream: NapiDecompressor, { target, frames, onFilled }: Steps): number {
  let size = 0;
  let start = 0;
  for (;;) {
    const room = target.subarray(size, size + STEP_BYTES);
    const [missing, written, read] = stream.decompressStream(room, frames.subarray(start));
    size += written;
    start += read;
    if (written > 0) onFilled?.(size);
    if (missing === 0 && start === frames.length) return size;
    if (written === 0 && read === 0) throw new TargetTooSmall();
  }
}

function isNapiBinding(value: unknown): value is NapiBinding {
  return hasFunctions(value, ["CCtx", "DCtx", "compressBound", "versionString"]);
}

// --- @cloudpss/zstd: only its stream classes, because the one-shot functions share one context between threads ---

interface CloudpssBinding {
  readonly version: string;
  readonly Compressor: new (level: number) => CloudpssStream;
  readonly Decompressor: new () => CloudpssStream;
}

interface CloudpssStream {
  data(input: Uint8Array, emit: (piece: Uint8Array) => void): void;
  end(emit: (piece: Uint8Array) => void): void;
}

/**
 * Input is given in small slices, so that too much output is noticed early: a slice of tiny blocks makes at most
 * some 200 MiB, in pieces of 128 KiB, before the next look.
 */
const CLOUDPSS_INPUT_BYTES = 16 * 1024;

function loadCloudpss(): ZstdCodec | undefined {
  const module = requireOptional("@cloudpss/zstd/napi");
  if (typeof module !== "object" || module === null || !("_NapiBindings" in module)) {
    return undefined;
  }
  const binding = module._NapiBindings;
  if (!isCloudpssBinding(binding)) return undefined;
  const compressor = reused(() => new binding.Compressor(LEVEL));
  const decompressor = reused(() => new binding.Decompressor());
  return {
    name: `@cloudpss/zstd (zstd ${binding.version})`,
    compress: (plain) =>
      compressor((stream) => {
        const pieces: Uint8Array[] = [];
        const emit = (piece: Uint8Array): void => void pieces.push(piece);
        stream.data(asBuffer(plain), emit);
        stream.end(emit);
        return joinedBytes(pieces);
      }),
    decompress: (compressed, sizeMax, into) =>
      boundedDecompress(compressed, { sizeMax, into }, (target, frames) =>
        decompressor((stream) => decodeFrames(stream, { target, frames, onFilled: undefined })),
      ),
    decompressInSteps: (compressed, into, onFilled) =>
      boundedDecompress(compressed, { sizeMax: into.length, into }, (target, frames) =>
        decompressor((stream) => decodeFrames(stream, { target, frames, onFilled })),
      ),
  };
}

/**
 * Lends one stream out again and again: a new one for each chunk would hold its memory until the next garbage
 * collection, which does not know of it. One that was left in the middle of a frame is not lent again.
 */
function reused<T>(open: () => T): <R>(use: (stream: T) => R) => R {
  let idle: T | undefined;
  return (use) => {
    const stream = idle ?? open();
    idle = undefined;
    const result = use(stream);
    idle = stream;
    return result;
  };
}

function decodeFrames(stream: CloudpssStream, { target, frames, onFilled }: Steps): number {
  const output = { size: 0, missing: 0 };
  const emit = (piece: Uint8Array): void => {
    const room = target.length - output.size;
    if (piece.length > room) output.missing += piece.length - room;
    target.set(piece.subarray(0, room), output.size);
    output.size += Math.min(piece.length, room);
  };
  for (const frame of zstdFrames(frames)) {
    const sizeBefore = output.size;
    for (let start = frame.start; start < frame.end; start += CLOUDPSS_INPUT_BYTES) {
      const end = Math.min(frame.end, start + CLOUDPSS_INPUT_BYTES);
      stream.data(asBuffer(frames.subarray(start, end)), emit);
      if (output.missing > 0) throw new TargetTooSmall();
      onFilled?.(output.size);
    }
    stream.end(emit);
    if (output.missing > 0) throw new TargetTooSmall();
    checkStatedSize(frame, output.size - sizeBefore);
  }
  return output.size;
}

function isCloudpssBinding(value: unknown): value is CloudpssBinding {
  return hasFunctions(value, ["Compressor", "Decompressor"]);
}

// --- node:zlib, from Node 22.15 on ---

interface ZlibZstd {
  zstdCompressSync(plain: Uint8Array, options: object): Uint8Array;
  zstdDecompressSync(compressed: Uint8Array, options: object): Uint8Array;
  readonly constants: { readonly ZSTD_c_compressionLevel: number };
}

function loadNodeZlib(): ZstdCodec | undefined {
  const library: unknown = zlib;
  if (!isZlibZstd(library)) return undefined;
  const params = { [library.constants.ZSTD_c_compressionLevel]: LEVEL };
  return {
    name: `node:zlib (zstd ${process.versions["zstd"] ?? "unknown"})`,
    compress: (plain) =>
      // eslint-disable-next-line n/no-sync -- a codec is synchronous and runs in a thread of its own
      withoutPool(library.zstdCompressSync(plain, { params, pledgedSrcSize: plain.length })),
    decompress: (compressed, sizeMax, into) =>
      boundedDecompress(compressed, { sizeMax, into }, (target, frames) => {
        let size = 0;
        for (const frame of zstdFrames(frames)) {
          const piece = zlibFrame(
            library,
            frames.subarray(frame.start, frame.end),
            target.length - size,
          );
          checkStatedSize(frame, piece.length);
          target.set(piece, size);
          size += piece.length;
        }
        return size;
      }),
  };
}

function zlibFrame(library: ZlibZstd, frame: Uint8Array, sizeMax: number): Uint8Array {
  try {
    // eslint-disable-next-line n/no-sync -- a codec is synchronous and runs in a thread of its own
    return library.zstdDecompressSync(frame, { maxOutputLength: Math.max(1, sizeMax) });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE") {
      throw new TargetTooSmall();
    }
    throw error;
  }
}

function isZlibZstd(value: unknown): value is ZlibZstd {
  return hasFunctions(value, ["zstdCompressSync", "zstdDecompressSync"]);
}

// --- leaves ---

function requireOptional(name: string): unknown {
  try {
    return createRequire(import.meta.url)(name);
  } catch {
    return undefined; // Not installed, or built for another machine: the next library is tried.
  }
}

function hasFunctions(value: unknown, names: readonly string[]): boolean {
  if (typeof value !== "object" || value === null) return false;
  const members = new Map<string, unknown>(Object.entries(value));
  return names.every((name) => typeof members.get(name) === "function");
}

function asBuffer(bytes: Uint8Array): Uint8Array {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function withoutPool(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
