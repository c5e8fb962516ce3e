import { saveFrom } from "./save-from.ts";

/** Above this many bytes a file is written piece by piece, where the browser can do that. */
const IN_MEMORY_BYTES_MAX = 64 * 1024 * 1024;

/** Milliseconds after which the memory of a saved file is given back. */
const RELEASE_MS = 60_000;

interface SaveWindow {
  showSaveFilePicker(options: { suggestedName: string }): Promise<FileSystemFileHandle>;
}

/**
 * Saves bytes that this page makes, under a name.
 *
 * Large ones go to the disk as they come, where the browser can ask for a place; otherwise they are collected first.
 */
export async function saveStream(
  pieces: AsyncIterable<Uint8Array<ArrayBuffer>>,
  fileName: string,
  size: number | undefined,
): Promise<void> {
  if (size !== undefined && size > IN_MEMORY_BYTES_MAX && canPick(window)) {
    const handle = await window.showSaveFilePicker({ suggestedName: fileName });
    const file = await handle.createWritable();
    for await (const piece of pieces) await file.write(piece);
    await file.close();
    return;
  }
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for await (const piece of pieces) parts.push(piece);
  saveBlob(new Blob(parts), fileName);
}

/** Saves what is in memory, under a name. */
export function saveBlob(blob: Blob, fileName: string): void {
  const url = URL.createObjectURL(blob);
  saveFrom(url, fileName);
  setTimeout(() => URL.revokeObjectURL(url), RELEASE_MS);
}

function canPick(target: object): target is SaveWindow {
  return "showSaveFilePicker" in target;
}
