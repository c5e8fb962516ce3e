import { Readable } from "node:stream";

import { type Header, pack, type Pack } from "tar-stream";

import { type CodecProvider } from "../../format/crypto/codec-provider.ts";
import { archivePieces } from "./snapshot-archive.ts";
import { type FolderEntry } from "./walk-folder.ts";

/** What the package needs to know of an entry; it fills in the rest. */
type TarHeader = Partial<Header> & Pick<Header, "name">;

/** Bytes that become one frame; several frames are one zstd file. */
const FRAME_BYTES = 1024 * 1024;

type Sink = ReturnType<Pack["entry"]>;

/** What a tar file is made of. */
export interface TarContent {
  readonly entries: AsyncIterable<FolderEntry>;
  /** Path of the folder in its archive, without slashes at its ends; empty for the root. */
  readonly folder: Uint8Array;
}

const SLASH = 0x2f;

const kinds = {
  file: "file",
  directory: "directory",
  symlink: "symlink",
  fifo: "fifo",
  "block-device": "block-device",
  "character-device": "character-device",
} as const;

/**
 * Packs entries into a tar file compressed with zstd, as they are pulled.
 *
 * Holds owners, modes, times to the second, links and devices; sockets, which the format does not have, are left out. A hard link
 * whose file lies outside the folder becomes a copy. Names that are not UTF-8 get replacement characters.
 * Memory: a few pieces of content, whatever the size of the tree.
 *
 * A failure ends the stream with it, in the middle of a frame's worth: what arrived does not pass for a whole file.
 */
export function tarZstdStream(provider: CodecProvider, content: TarContent): Readable {
  return Readable.from(compressed(provider, content), { objectMode: false });
}

async function* compressed(
  provider: CodecProvider,
  content: TarContent,
): AsyncGenerator<Uint8Array, void, void> {
  const tar = pack();
  addAll(tar, content).then(
    () => {
      tar.finalize();
    },
    (error: unknown) => {
      tar.destroy(error instanceof Error ? error : new Error(String(error)));
    },
  );
  try {
    let parts: Uint8Array[] = [];
    let size = 0;
    const read: AsyncIterable<unknown> = tar;
    for await (const part of read) {
      if (!(part instanceof Uint8Array)) throw new TypeError("tar-stream gave no bytes");
      parts.push(part);
      size += part.length;
      if (size < FRAME_BYTES) continue;
      yield frame(provider, parts);
      parts = [];
      size = 0;
    }
    if (size > 0) yield frame(provider, parts);
  } finally {
    tar.destroy();
  }
}

function frame(provider: CodecProvider, parts: readonly Uint8Array[]): Uint8Array {
  const whole = Buffer.concat(parts);
  const compressedFrame = provider.zstdCompress(whole);
  if (!compressedFrame) throw new Error("this machine has no library that compresses with zstd");
  return compressedFrame;
}

async function addAll(tar: Pack, { entries, folder }: TarContent): Promise<void> {
  for await (const entry of entries) {
    if (tar.destroyed) return;
    const { node, content, linkTo } = entry;
    const link = linkTo && pathInFolder(linkTo, folder);
    if (link !== undefined) {
      await addBare(tar, { ...headerOf(entry), type: "link", linkname: link, size: 0 });
    } else if (content) {
      const { source, offset, size } = content;
      await addFile(tar, { ...headerOf(entry), size }, archivePieces(source, offset, size));
    } else if (node.kind === "symlink") {
      await addBare(tar, { ...headerOf(entry), linkname: Buffer.from(node.target).toString() });
    } else if (node.kind === "block-device" || node.kind === "character-device") {
      const { major, minor } = node;
      await addBare(tar, { ...headerOf(entry), devmajor: major, devminor: minor });
    } else if (node.kind !== "socket") {
      await addBare(tar, headerOf(entry));
    }
  }
}

async function addBare(tar: Pack, header: TarHeader): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    tar.entry(header, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}

async function addFile(
  tar: Pack,
  header: TarHeader,
  pieces: AsyncIterable<Uint8Array>,
): Promise<void> {
  let settle: (error?: Error | null) => void = () => undefined;
  const finished = new Promise<void>((resolve, reject) => {
    settle = (error) => {
      if (error) reject(error);
      else resolve();
    };
  });
  finished.catch(() => undefined); // It is awaited below; until then a rejection must not be "unhandled".
  const sink = tar.entry(header, settle);
  for await (const piece of pieces) {
    if (tar.destroyed) return;
    if (!sink.write(piece)) await Promise.race([drained(sink), finished]);
  }
  sink.end(null);
  await finished;
}

async function drained(sink: Sink): Promise<void> {
  await new Promise<void>((resolve) => {
    sink.once("drain", resolve);
  });
}

function headerOf({ path, node }: FolderEntry): TarHeader {
  const { mode, uid, gid, mtimeSec } = node.metadata;
  const name = Buffer.from(path).toString("utf8");
  return {
    name: node.kind === "directory" ? `${name}/` : name,
    type: node.kind === "socket" ? "file" : kinds[node.kind],
    mode: mode & 0o7777,
    uid,
    gid,
    mtime: new Date(Math.max(mtimeSec, 0) * 1000),
  };
}

/** Path of an entry as the tar file names it, from its path in the archive; `undefined` when it is not in the folder. */
function pathInFolder(path: Uint8Array, folder: Uint8Array): string | undefined {
  const whole = Buffer.from(path);
  if (folder.length === 0) return whole.toString("utf8");
  const prefix = Buffer.concat([folder, Buffer.from("/")]);
  if (Buffer.compare(whole.subarray(0, prefix.length), prefix) !== 0) return undefined;
  return whole.subarray(folder.lastIndexOf(SLASH) + 1).toString("utf8");
}
