import { whileWorking } from "../api/activity.ts";
import { saveFrom } from "./save-from.ts";

/** Above this many bytes a file is written piece by piece, where the browser can do that. */
const IN_MEMORY_BYTES_MAX = 64 * 1024 * 1024;

/** Milliseconds after which the memory of a saved file is given back. */
const RELEASE_MS = 60_000;

interface SaveWindow {
  showSaveFilePicker(options: { suggestedName: string }): Promise<FileSystemFileHandle>;
}

/**
 * Saves bytes that this page makes, under a name; the login lasts as long as that takes.
 *
 * Large ones, and those of which nobody knows how large they get, go to the disk as they come, where the browser can ask for a
 * place; otherwise they are collected first. Nothing is left of a file that could not be finished.
 */
export async function saveStream(
  pieces: AsyncIterable<Uint8Array<ArrayBuffer>>,
  fileName: string,
  size: number | undefined,
): Promise<void> {
  if ((size ?? Number.POSITIVE_INFINITY) > IN_MEMORY_BYTES_MAX && canPick(window)) {
    const handle = await window.showSaveFilePicker({ suggestedName: fileName }).catch(ignoreCancel);
    if (handle) await whileWorking(async () => await writeTo(handle, pieces));
    return;
  }
  const parts: Uint8Array<ArrayBuffer>[] = [];
  await whileWorking(async () => {
    for await (const piece of pieces) parts.push(piece);
  });
  saveBlob(new Blob(parts), fileName);
}

async function writeTo(
  handle: FileSystemFileHandle,
  pieces: AsyncIterable<Uint8Array<ArrayBuffer>>,
): Promise<void> {
  const file = await handle.createWritable();
  try {
    for await (const piece of pieces) await file.write(piece);
  } catch (error) {
    await file.abort();
    throw error;
  }
  await file.close();
}

/** Somebody who is asked for a place and gives none has changed their mind. */
function ignoreCancel(error: unknown): undefined {
  if (error instanceof DOMException && error.name === "AbortError") return undefined;
  throw error;
}

/** Saves what is in memory, under a name. */
function saveBlob(blob: Blob, fileName: string): void {
  const url = URL.createObjectURL(blob);
  saveFrom(url, fileName);
  setTimeout(() => URL.revokeObjectURL(url), RELEASE_MS);
}

function canPick(target: object): target is SaveWindow {
  return "showSaveFilePicker" in target;
}
