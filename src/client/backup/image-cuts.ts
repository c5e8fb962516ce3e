import { open } from "node:fs/promises";

import { type Cut } from "../../chunks/chunk-cutter.ts";
import { type SharedArena } from "../../chunks/shared-arena.ts";
import { FIXED_CHUNK_BYTES } from "../../format/limits.ts";
import { endOf } from "../../linux/file-content.ts";
import { type PackCounter } from "../archive/pack-counter.ts";
import { type SharedCounters } from "../shared-counters.ts";
import { SourceError } from "../source/source-error.ts";

/** An image that is open for reading. */
export interface OpenImage extends AsyncDisposable {
  /** Bytes of the file or device. */
  readonly size: number;
  /** Its 4 MiB chunks in order, in slots of the arena; the last one is shorter (spec chunker.md §6). */
  readonly cuts: AsyncIterable<Cut>;
}

/**
 * Opens a regular file or block device to be backed up as an image.
 *
 * @throws {SourceError} `SOURCE_UNREADABLE`, also for something empty, or when it gets shorter while it is read.
 */
export async function openImage(
  path: string,
  options: {
    readonly arena: SharedArena;
    readonly counters: SharedCounters<PackCounter>;
    readonly signal: AbortSignal;
  },
): Promise<OpenImage> {
  const { arena, counters, signal } = options;
  const unreadable = (cause?: unknown): SourceError =>
    new SourceError("SOURCE_UNREADABLE", path, cause === undefined ? undefined : { cause });
  const file = await open(path, "r").catch((error: unknown) => {
    throw unreadable(error);
  });
  let size: number;
  try {
    size = endOf(file.fd);
    if (size === 0) throw new Error("it is empty");
  } catch (error) {
    await file.close();
    throw unreadable(error);
  }

  async function* cuts(): AsyncGenerator<Cut, void, void> {
    for (let offset = 0; offset < size;) {
      const slot = await arena.acquireAsync({ signal });
      const wanted = Math.min(FIXED_CHUNK_BYTES, size - offset);
      const space = arena.view(slot, 0, wanted);
      for (let done = 0; done < wanted;) {
        const { bytesRead } = await file.read(space, done, wanted - done, offset + done);
        if (bytesRead === 0) throw unreadable(new Error("it became shorter"));
        done += bytesRead;
      }
      yield { kind: "data", slot, size: wanted, streamOffset: offset };
      counters.add("readBytes", wanted);
      offset += wanted;
    }
  }
  return {
    size,
    cuts: cuts(),
    [Symbol.asyncDispose]: async () => {
      await file.close();
    },
  };
}
