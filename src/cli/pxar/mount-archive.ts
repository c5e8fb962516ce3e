import { basename, resolve } from "node:path";

import { datastoreRecipe } from "../../fs/make-file-system.ts";
import { type DatastoreView } from "../../fs/datastore-view.ts";
import { type SnapshotFile } from "../../fs/fs-need.ts";
import { fuseTransport } from "../../fs/fuse-transport.ts";
import { NeedResolver } from "../../fs/need-resolver.ts";
import { type MountLog } from "../mount-log.ts";
import { ArchiveFile } from "./archive-file.ts";

/** What `pxar mount` is told. */
export interface MountArchivePlan {
  readonly archive: string;
  /** File with the content of a split archive. */
  readonly payload: string | undefined;
  readonly mountPoint: string;
}

/** Decoded data kept in memory, in bytes. */
const CACHE_BYTES = 128 * 1024 * 1024;

/** The one snapshot that a file is shown as. */
const SNAPSHOT = { namespace: "", type: "host", id: "archive", timeSec: 0 } as const;

/**
 * Shows an archive file as a read-only file system, and returns when that has ended: by the signal, or because someone
 * unmounted it.
 *
 * @throws {FormatError} for a damaged archive; `MountError`.
 */
export async function mountArchive(
  plan: MountArchivePlan,
  run: {
    readonly log: MountLog;
    readonly signal: AbortSignal;
    readonly onMounted: () => void;
  },
): Promise<void> {
  await using archive = await ArchiveFile.open(plan.archive);
  await using payload =
    plan.payload === undefined ? undefined : await ArchiveFile.open(plan.payload);
  const view = viewOf(archive, payload);
  await using resolver = new NeedResolver(view);
  const [main] = filesOf(archive, payload);
  await resolver.resolve({ kind: "open-archive", snapshot: SNAPSHOT, archive: main?.name ?? "" });
  const mount = await fuseTransport.mount(
    datastoreRecipe({
      root: { kind: "archive", snapshot: SNAPSHOT, name: "archive.pxar" },
      cacheBytes: CACHE_BYTES,
      uid: process.getuid?.() ?? 0,
      gid: process.getgid?.() ?? 0,
      // The pieces of a file on disk have names of their own.
      zeroChunks: [],
    }),
    {
      mountPoint: resolve(plan.mountPoint),
      sourceName: basename(plan.archive),
      allowOther: false,
      resolve: async (need) => await resolver.resolve(need),
      onError: (error) => {
        run.log.failure(error);
      },
    },
  );
  const onAbort = (): void => {
    void mount.unmount();
  };
  run.signal.addEventListener("abort", onAbort);
  try {
    if (run.signal.aborted) onAbort();
    else run.onMounted();
    await mount.ended;
  } finally {
    run.signal.removeEventListener("abort", onAbort);
    await mount.unmount();
  }
}

function filesOf(archive: ArchiveFile, payload: ArchiveFile | undefined): readonly SnapshotFile[] {
  const { size } = archive.index;
  if (!payload) return [{ name: "archive.pxar.didx", size }];
  return [
    { name: "archive.mpxar.didx", size },
    { name: "archive.ppxar.didx", size: payload.index.size },
  ];
}

/** A datastore that holds nothing but the archive. */
function viewOf(archive: ArchiveFile, payload: ArchiveFile | undefined): DatastoreView {
  const nothing = async (): Promise<readonly never[]> => await Promise.resolve([]);
  const absent = async (): Promise<never> =>
    await Promise.reject(new TypeError("a file has no such part"));
  return {
    listNamespaces: nothing,
    listGroups: nothing,
    listSnapshots: nothing,
    openSnapshot: async () =>
      await Promise.resolve({
        manifest: new Uint8Array(0),
        files: filesOf(archive, payload),
        readIndex: async (name) => {
          const file = name === "archive.ppxar.didx" ? payload : archive;
          return file ? await Promise.resolve(file.indexFile.slice()) : await absent();
        },
        readBlob: absent,
        chunks: {
          readChunk: async (digest) =>
            await (payload?.holds(digest) === true ? payload : archive).chunks.readChunk(digest),
        },
        close: async () => {
          await Promise.resolve();
        },
      }),
  };
}
