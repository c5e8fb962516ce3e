import { Readable } from "node:stream";

import { ZipFile } from "yazl";

import { archivePieces } from "./snapshot-archive.ts";
import { type FolderEntry } from "./walk-folder.ts";

/** Earliest time that the format can express, in seconds since the epoch. */
const FIRST_TIME_SEC = 315_532_800;

/**
 * Packs entries into a zip file as they are pulled, for programs that know nothing better.
 *
 * Holds files, directories and symbolic links with modes and times; hard links become copies, other kinds are left out. Names
 * that are not UTF-8 get replacement characters, and `\`, which some programs take for a separator, is written `%5C`.
 * Memory: one piece of content, and about a hundred bytes for each entry, which the end of the file lists.
 *
 * A failure ends the stream with it, before the list: what arrived is no zip file then.
 */
export function zipStream(entries: AsyncIterable<FolderEntry>): Readable {
  const zip = new ZipFile();
  const output = zip.outputStream;
  if (!(output instanceof Readable))
    throw new TypeError("yazl is not the version this is made for");
  zip.on("error", (error: Error) => output.destroy(error));
  addAll(zip, entries, output).then(
    () => {
      zip.end();
    },
    (error: unknown) => output.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  return output;
}

async function addAll(
  zip: ZipFile,
  entries: AsyncIterable<FolderEntry>,
  output: Readable,
): Promise<void> {
  for await (const { path, node, content } of entries) {
    if (output.destroyed) return;
    const name = zipName(path);
    const mtime = new Date(Math.max(node.metadata.mtimeSec, FIRST_TIME_SEC) * 1000);
    const options = { mtime, mode: node.metadata.mode & 0xffff };
    if (node.kind === "directory") {
      zip.addEmptyDirectory(name, options);
    } else if (node.kind === "symlink") {
      zip.addBuffer(Buffer.from(node.target), name, { ...options, compress: false });
    } else if (content) {
      const { source, offset, size } = content;
      const pieces = Readable.from(archivePieces(source, offset, size), { objectMode: false });
      const isRead = ended(pieces, output);
      zip.addReadStream(pieces, name, { ...options, size });
      await isRead;
    }
  }
}

/** Waits until a stream was read to its end, or nobody wants it any more. */
async function ended(pieces: Readable, output: Readable): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const onClose = (): void => {
      pieces.destroy();
      resolve();
    };
    pieces.once("end", resolve);
    pieces.once("error", reject);
    output.once("close", onClose);
    pieces.once("close", () => output.off("close", onClose));
  });
}

/** A relative path of names that the package accepts as they are. */
function zipName(path: Uint8Array): string {
  const text = Buffer.from(path).toString("utf8").replaceAll("\\", "%5C");
  return /^[a-zA-Z]:/.test(text) ? `${text.slice(0, 1)}%3A${text.slice(2)}` : text;
}
