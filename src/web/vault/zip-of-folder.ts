import { makeZip } from "client-zip";

import { type FolderItem, type FolderSource } from "../snapshot/folder-source.ts";

/** One member of a zip file, as client-zip takes it. */
interface ZipMember {
  readonly name: string;
  readonly lastModified: Date;
  readonly input?: AsyncIterable<Uint8Array<ArrayBuffer>>;
}

/** A folder with everything below it as a zip file, made as it is read; what is neither file nor folder is left out. */
export async function* zipOfFolder(
  source: FolderSource,
  folder: FolderItem,
  contentOf: (file: FolderItem) => AsyncIterable<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  const reader = makeZip(members(source, folder, contentOf)).getReader();
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      yield Uint8Array.from(read.value);
    }
  } finally {
    await reader.cancel();
  }
}

async function* members(
  source: FolderSource,
  folder: FolderItem,
  contentOf: (file: FolderItem) => AsyncIterable<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<ZipMember, void, void> {
  const pending = [{ id: folder.id, path: folder.name }];
  for (let next = pending.pop(); next; next = pending.pop()) {
    for (const item of await source.list(next.id)) {
      const name = `${next.path}/${item.name}`;
      const lastModified = new Date((item.mtimeSec ?? 0) * 1000);
      if (item.type === "d") {
        yield { name: `${name}/`, lastModified };
        pending.push({ id: item.id, path: name });
      } else if (item.type === "f" || item.type === "h") {
        yield { name, lastModified, input: contentOf(item) };
      }
    }
  }
}
