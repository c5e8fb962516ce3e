import { createTarPacker, type TarHeader, type TarPackController } from "modern-tar";

import { nameOfPart, partsOf } from "../snapshot/archive-path.ts";
import { type VaultEntry } from "./vault-messages.ts";
import { type SavedEntry, type SavedFolder, walkSavedFolder } from "./walk-saved-folder.ts";

/** Latest time that a header can hold in its eleven octal digits, in seconds since the epoch. */
const HEADER_TIME_SEC_MAX = 8 ** 11 - 1;

/** What a header says besides name, times, owner and mode. */
type Content = Pick<TarHeader, "type" | "linkname" | "size">;

/**
 * A folder with everything below it as a tar file, made as it is read.
 *
 * Holds owners, modes, times to the second, symbolic links, hard links and pipes; sockets, which the format does not have, and
 * devices, whose numbers the package does not write, are left out. A hard link whose file lies outside the folder becomes a copy.
 * Names that are not UTF-8 get replacement characters. Memory: some 12 MiB, and what the walk needs.
 *
 * A failure ends it with that, before the end of the tar file, and so does a file that is not as long as its entry says.
 */
export async function* tarOfFolder(
  saved: SavedFolder,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  const { readable, controller } = createTarPacker();
  const filled = addAll(controller, saved).catch((error: unknown) => {
    controller.error(error);
  });
  const reader = readable.getReader();
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value;
  } finally {
    await reader.cancel();
    await filled;
  }
}

async function addAll(controller: TarPackController, saved: SavedFolder): Promise<void> {
  for await (const { path, entry } of walkSavedFolder(saved)) {
    const content = contentOf(entry, saved.id);
    if (!content) continue;
    const sink = controller.add({ ...headerOf({ path, entry }), ...content }).getWriter();
    if (content.type === "file") {
      for await (const piece of saved.contentOf(entry)) await sink.write(piece);
    }
    await sink.close();
  }
  controller.finalize();
}

/** What an entry becomes; `undefined` when that is nothing. */
function contentOf(
  { type, size, target, fileId }: VaultEntry,
  folderId: string,
): Content | undefined {
  const linkname = fileId === undefined ? undefined : pathInFolder(fileId, folderId);
  if (linkname !== undefined) return { type: "link", linkname, size: 0 };
  if (target !== undefined) return { type: "symlink", linkname: target, size: 0 };
  if (size !== undefined) return { type: "file", size };
  if (type === "d") return { type: "directory", size: 0 };
  return type === "p" ? { type: "fifo", size: 0 } : undefined;
}

function headerOf({ path, entry }: SavedEntry): Omit<TarHeader, "size"> {
  const { type, mode, uid, gid, mtimeSec } = entry;
  const headerTimeSec = Math.min(Math.max(mtimeSec, 0), HEADER_TIME_SEC_MAX);
  return {
    name: type === "d" ? `${path}/` : path,
    mode: mode & 0o7777,
    uid,
    gid,
    mtime: new Date(headerTimeSec * 1000),
    ...(headerTimeSec === mtimeSec ? {} : { pax: { mtime: String(mtimeSec) } }),
  };
}

/** Path of a file as the tar file names it; `undefined` when it is not in the folder. */
function pathInFolder(fileId: string, folderId: string): string | undefined {
  const file = partsOf(fileId).slice(1);
  const folder = partsOf(folderId).slice(1);
  if (!folder.every((part, i) => part === file[i])) return undefined;
  return file
    .slice(Math.max(folder.length - 1, 0))
    .map(nameOfPart)
    .join("/");
}
