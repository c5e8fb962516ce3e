import { makeZip } from "client-zip";

import { type SavedFolder, walkSavedFolder } from "./walk-saved-folder.ts";

/** Earliest time that the format can express, in seconds since the epoch. */
const FIRST_TIME_SEC = 315_532_800;

/** One member of a zip file, as client-zip takes it. */
interface ZipMember {
  readonly name: string;
  readonly lastModified: Date;
  readonly mode: number;
  readonly input?: AsyncIterable<Uint8Array<ArrayBuffer>> | string;
}

/**
 * A folder with everything below it as a zip file, made as it is read.
 *
 * Holds files, folders and symbolic links with modes and times; hard links become copies, other kinds are left out.
 */
export async function* zipOfFolder(
  saved: SavedFolder,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  const reader = makeZip(members(saved)).getReader();
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      yield Uint8Array.from(read.value);
    }
  } finally {
    await reader.cancel();
  }
}

async function* members(saved: SavedFolder): AsyncGenerator<ZipMember, void, void> {
  for await (const { path, entry } of walkSavedFolder(saved)) {
    const lastModified = new Date(Math.max(entry.mtimeSec, FIRST_TIME_SEC) * 1000);
    // What separates names on Windows must not, as in the server's zip files.
    const name = path.replaceAll("\\", "%5C");
    const known = { name, lastModified, mode: entry.mode };
    if (entry.type === "d") yield { ...known, name: `${name}/` };
    else if (entry.target !== undefined) yield { ...known, input: entry.target };
    else if (entry.size !== undefined) {
      yield { ...known, input: exactly(saved.contentOf(entry), entry.size, path) };
    }
  }
}

/** Fails when content is shorter or longer than was said: the zip file alone would not tell. */
async function* exactly(
  pieces: AsyncIterable<Uint8Array<ArrayBuffer>>,
  size: number,
  path: string,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  let done = 0;
  for await (const piece of pieces) {
    done += piece.length;
    yield piece;
  }
  if (done !== size) throw new Error(`${path} has ${done} bytes and should have ${size}`);
}
