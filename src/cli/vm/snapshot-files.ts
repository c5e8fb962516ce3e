import { mkdtemp, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { abortOnAny } from "../../chunks/abort-on-any.ts";
import { type MountCommandOptions } from "../mount-options.ts";
import { runMountHere } from "../run-mount-here.ts";

/** How the names of folders begin where snapshots are mounted for a while. */
export const FILES_FOLDER_PREFIX = "amber-files-";

/** Mounts a snapshot for as long as `use` runs. */
export async function withSnapshotFolder<Result>(
  snapshot: string,
  { options, signal }: { readonly options: MountCommandOptions; readonly signal: AbortSignal },
  use: (folder: string) => Promise<Result>,
): Promise<Result> {
  const mountPoint = await mkdtemp(join(tmpdir(), FILES_FOLDER_PREFIX));
  const text = snapshot.split("/").length === 2 ? `${snapshot}/latest` : snapshot;
  const done = new AbortController();
  using either = abortOnAny([signal, done.signal]);
  try {
    let running: Promise<void> | undefined;
    await new Promise<void>((resolve, reject) => {
      running = runMountHere({
        subject: { text },
        mountPoint,
        options,
        signal: either.signal,
        onShown: resolve,
      });
      running.catch(reject);
    });
    try {
      return await use(mountPoint);
    } finally {
      done.abort();
      await running;
    }
  } finally {
    await rmdir(mountPoint);
  }
}
