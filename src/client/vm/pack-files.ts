import { Readable } from "node:stream";
import { once } from "node:events";

import { type Header, pack, type Pack } from "tar-stream";
import { ZipFile } from "yazl";

import { type FileTree, type TreeEntry } from "./file-tree.ts";
import { linkTarget } from "./link-target.ts";

/** Files that hold other files. */
export type PackedFormat = "tar" | "zip";

interface Walked {
  /** Path in the result. */
  readonly path: string;
  readonly entry: TreeEntry;
}

/**
 * Packs an entry of a tree, and everything below it, into a tar or zip file as it is pulled.
 *
 * Holds permissions and symbolic links; owners and times are not kept, other kinds are left out. A failure ends the stream with it.
 */
export function packFiles(tree: FileTree, entry: TreeEntry, format: PackedFormat): Readable {
  const packed =
    format === "tar"
      ? Readable.from(tarOf(tree, entry), { objectMode: false })
      : zipOf(tree, entry);
  packed.on("error", () => undefined); // Whoever reads sees it, also one who begins later.
  return packed;
}

async function* walk(tree: FileTree, { path, entry }: Walked): AsyncGenerator<Walked, void, void> {
  yield { path, entry };
  if (entry.kind !== "directory") return;
  for (const child of await tree.list(entry)) {
    yield* walk(tree, { path: `${path}/${child.name}`, entry: child });
  }
}

function topOf(entry: TreeEntry): Walked {
  return { path: entry.name === "" ? "root" : entry.name, entry };
}

/** Filled from when it is read on: a failure before would end the program. */
async function* tarOf(tree: FileTree, top: TreeEntry): AsyncGenerator<Uint8Array, void, void> {
  const tar = pack();
  const pieces: AsyncIterable<unknown> = tar;
  fillTar(tar, tree, top).then(
    () => {
      tar.finalize();
    },
    (error: unknown) => {
      tar.destroy(asError(error));
    },
  );
  for await (const piece of pieces) if (piece instanceof Uint8Array) yield piece;
}

async function fillTar(tar: Pack, tree: FileTree, top: TreeEntry): Promise<void> {
  for await (const { path, entry } of walk(tree, topOf(top))) {
    if (tar.destroyed) return;
    const { mode, size } = entry;
    switch (entry.kind) {
      case "directory":
        await addToTar(tar, { name: `${path}/`, type: "directory", mode });
        break;
      case "symlink": {
        const linkname = (await linkTarget(tree, entry, path)).toString();
        await addToTar(tar, { name: path, type: "symlink", linkname, mode });
        break;
      }
      case "file":
        await addToTar(tar, { name: path, type: "file", mode, size }, tree.read(entry));
        break;
      case "other":
    }
  }
}

async function addToTar(
  tar: Pack,
  header: Partial<Header> & Pick<Header, "name">,
  content: AsyncIterable<Uint8Array> = Readable.from([]),
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
  sink.on("error", () => undefined); // It ends with the whole, whose error is told.
  if (header.type === "file") {
    for await (const piece of content) {
      if (tar.destroyed) return;
      if (!sink.write(piece)) await Promise.race([once(sink, "drain"), finished]);
    }
    sink.end(null);
  }
  await finished;
}

function zipOf(tree: FileTree, top: TreeEntry): Readable {
  const zip = new ZipFile();
  const output = zip.outputStream;
  if (!(output instanceof Readable))
    throw new TypeError("yazl is not the version this is made for");
  zip.on("error", (error: Error) => output.destroy(error));
  fillZip(zip, output, { tree, top }).then(
    () => {
      zip.end();
    },
    (error: unknown) => output.destroy(asError(error)),
  );
  return output;
}

/** Types of files in the upper bits of the mode, as Unix has them. */
const SYMLINK_MODE = 0o120_000;
const FILE_MODE = 0o100_000;
const DIRECTORY_MODE = 0o040_000;

async function fillZip(
  zip: ZipFile,
  output: Readable,
  { tree, top }: { readonly tree: FileTree; readonly top: TreeEntry },
): Promise<void> {
  for await (const { path, entry } of walk(tree, topOf(top))) {
    if (output.destroyed) return;
    const name = path.replaceAll("\\", "%5C");
    if (entry.kind === "directory") {
      zip.addEmptyDirectory(name, { mode: DIRECTORY_MODE | entry.mode });
    } else if (entry.kind === "symlink") {
      const to = await linkTarget(tree, entry, path);
      zip.addBuffer(to, name, { mode: SYMLINK_MODE | entry.mode, compress: false });
    } else if (entry.kind === "file") {
      const pieces = Readable.from(tree.read(entry), { objectMode: false });
      const done = Promise.race([once(pieces, "close"), once(output, "close")]);
      zip.addReadStream(pieces, name, { mode: FILE_MODE | entry.mode, size: entry.size });
      await done;
    }
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
