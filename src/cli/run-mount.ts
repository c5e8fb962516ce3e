import { resolve } from "node:path";

import { bounded } from "../chunks/bounded.ts";
import { type BlobSource } from "../chunks/blob-source.ts";
import { type ChunkSource } from "../chunks/chunk-source.ts";
import { type ExpectedEncryption } from "../chunks/decoded.ts";
import { lentChunks } from "../chunks/lent-chunks.ts";
import { RegionPool } from "../chunks/region-pool.ts";
import { readClientConfig } from "../client/config.ts";
import { type Prompts } from "../client/session/terminal-prompts.ts";
import { systemClock } from "../format/clock.ts";
import { createNativeProvider } from "../format/crypto/native-provider.ts";
import { CHUNK_BYTES_MAX } from "../format/limits.ts";
import { parseNamespace } from "../format/snapshot/namespace.ts";
import { type MountRoot } from "../fs/datastore-tree.ts";
import { DiskCache } from "../fs/disk-cache.ts";
import { diskCached } from "../fs/disk-cached.ts";
import { type FsNeed, groupPath, snapshotPath } from "../fs/fs-need.ts";
import {
  CACHE_BYTES_MIN,
  type DatastoreMountArgument,
  type KnownAnswer,
} from "../fs/make-file-system.ts";
import { NeedResolver } from "../fs/need-resolver.ts";
import { shownFiles } from "../fs/shown-file.ts";
import { type PreparedMount } from "../fs/transport.ts";
import { zeroChunkNames } from "../fs/zero-chunks.ts";
import { chooseReadKey, usingKeyLine } from "./choose-crypt.ts";
import { CliError } from "./cli-error.ts";
import { startCodecPool } from "./start-codec-pool.ts";
import { type NamespaceOption, namingNamespace } from "./connection-options.ts";
import { unsignedPolicy } from "./crypt-options.ts";
import { type MountCommandOptions } from "./mount-options.ts";
import { type MountLog } from "./mount-log.ts";
import { openDatastoreView } from "./open-datastore-view.ts";
import { type MountSubject, parseMountSubject } from "./mount-subject.ts";
import { parseSize } from "./transfer-options.ts";

/** What may be fetched and decoded at the same time: six chunks of the usual 4 MiB, or more smaller ones. */
const READ_BOUNDS = { readsMax: 24, bytesMax: 32 * 1024 * 1024 };

/** Bytes for chunks that are being received and decoded, and for those on their way back from the cache. */
const UNDER_WAY_BYTES = 48 * 1024 * 1024;

/** One run of a mount, from start to unmount. */
export interface MountRun {
  /** What to mount, as the user wrote it. */
  readonly subject: MountSubject;
  readonly mountPoint: string;
  readonly options: MountCommandOptions;
  /** The transport, ready as far as it can be; whoever calls disposes of it. */
  readonly prepared: PreparedMount;
  /** Who can be asked for a password; the terminal if left out. */
  readonly prompts?: Prompts | undefined;
  readonly log: MountLog;
  /** Called when the mount is there. */
  readonly onMounted: () => void;
  /** Ends the mount. */
  readonly signal: AbortSignal;
}

/**
 * Mounts, and returns when the mount has ended: by the signal, or because someone unmounted it.
 *
 * Memory: the decoded chunks of the cache and {@link UNDER_WAY_BYTES} more, in one pool that is used again and again. What does
 * not find room there, and what trees are read from, has memory of its own.
 */
export async function runMount(run: MountRun): Promise<void> {
  const { options, prepared, signal, log } = run;
  const provider = createNativeProvider();
  const loaded = await chooseReadKey(options, run.prompts);
  if (loaded) log.line("info", usingKeyLine(loaded));
  const key = loaded?.key;
  const unsigned = unsignedPolicy(options, loaded);
  // Before the mount is there they would only take the processor from what that waits for.
  await using pool = startCodecPool("later");
  const diskCache = await openDiskCache(options);
  const cacheBytes = Math.max(
    CACHE_BYTES_MIN,
    parseSize("--cache-size", options.cacheSize, CACHE_BYTES_MIN),
  );
  const regions = new RegionPool({ bytes: cacheBytes + UNDER_WAY_BYTES });
  const prove = (blobs: BlobSource, expected: ExpectedEncryption): ChunkSource =>
    lentChunks({
      blobs,
      codec: pool,
      regions,
      expected,
      key,
      // A blob that is kept on disk afterwards must stay as it is.
      ownership: diskCache ? "borrowed" : "given",
    });
  const bound = bounded(READ_BOUNDS);
  const chunksOf = (blobs: BlobSource, expected: ExpectedEncryption): ChunkSource =>
    bound(
      diskCache
        ? diskCached({ blobs, cache: diskCache, prove: (source) => prove(source, expected) })
        : prove(blobs, expected),
    );
  using opened = await openDatastoreView(run, { provider, key, unsigned, chunksOf });
  const { view, sourceName } = opened;
  const base = parseNamespace(options.ns ?? readClientConfig().namespace ?? "");
  await using resolver = new NeedResolver(view, {
    loanOf: (bytes) => regions.loanOf(bytes),
  });
  const { root, known } = await existingRoot(
    async () => await parseMountSubject(run.subject, base, view),
    resolver,
    options,
  );
  signal.throwIfAborted();
  const argument: DatastoreMountArgument = {
    root,
    cacheBytes,
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    zeroChunks: zeroChunkNames(provider, key),
    known,
  };
  const mount = await prepared.mount(argument, {
    mountPoint: resolve(run.mountPoint),
    sourceName: `${sourceName}${subjectText(root)}`,
    allowOther: options.allowOther === true,
    resolve: async (need) => await resolver.resolve(need),
    giveBack: (loan) => {
      regions.giveBack(loan);
    },
    onError: (error) => {
      log.failure(error);
    },
  });
  const onAbort = (): void => {
    void mount.unmount();
  };
  signal.addEventListener("abort", onAbort);
  try {
    if (signal.aborted) onAbort();
    else {
      run.onMounted();
      // Whoever looks now need not wait for them.
      pool.start();
    }
    await mount.ended;
  } finally {
    signal.removeEventListener("abort", onAbort);
    opened.stopWaiting();
    await mount.unmount();
  }
}

async function openDiskCache(options: MountCommandOptions): Promise<DiskCache | undefined> {
  if (options.diskCache === undefined) return undefined;
  return await DiskCache.open({
    folder: resolve(options.diskCache),
    bytesMax: parseSize("--disk-cache-size", options.diskCacheSize, CHUNK_BYTES_MAX),
    clock: systemClock,
  });
}

async function existingRoot(
  parse: () => Promise<MountRoot>,
  resolver: NeedResolver,
  options: NamespaceOption,
): Promise<{ readonly root: MountRoot; readonly known: readonly KnownAnswer[] }> {
  try {
    const root = await parse();
    return { root, known: await checkRoot(resolver, root) };
  } catch (error) {
    throw await namingNamespace(error, options);
  }
}

/**
 * Fails for what does not exist or cannot be read, before anything is mounted: afterwards it would be an empty mount.
 *
 * @returns What was asked for that: the first who looks would ask for the same.
 */
async function checkRoot(resolver: NeedResolver, root: MountRoot): Promise<readonly KnownAnswer[]> {
  const known: KnownAnswer[] = [];
  const ask = async (need: FsNeed): Promise<unknown> => {
    const answer = await resolver.resolve(need);
    known.push({ need, answer });
    return answer;
  };
  switch (root.kind) {
    case "namespace":
      await ask({ kind: "groups", namespace: root.namespace });
      return known;
    case "group": {
      const listed = await ask({ kind: "snapshots", group: root.group });
      if (!Array.isArray(listed) || listed.length > 0) return known;
      const group = groupPath(root.group);
      throw new CliError("CLI_NOT_FOUND", `Cannot mount "${group}": there is no such group`);
    }
    case "snapshot":
      await ask({ kind: "open-snapshot", snapshot: root.snapshot });
      return known;
    case "archive": {
      const { snapshot } = root;
      await ask({ kind: "open-snapshot", snapshot });
      const shown = shownFiles(await resolver.files(snapshot));
      const archives = shown.filter((file) => file.kind === "archive");
      const found = archives.find(({ name }) => name === root.name);
      if (found) {
        await ask({ kind: "open-archive", snapshot, archive: found.tree.name });
        return known;
      }
      const names = archives.map(({ name }) => name).join(", ");
      throw new CliError(
        "CLI_NOT_FOUND",
        `Cannot mount "${root.name}": the file archives of the snapshot are ${names === "" ? "none" : names}`,
      );
    }
  }
}

function subjectText(root: MountRoot): string {
  switch (root.kind) {
    case "namespace":
      return root.namespace === "" ? "" : `:${root.namespace}`;
    case "group":
      return `:${groupPath(root.group)}`;
    case "snapshot":
      return `:${snapshotPath(root.snapshot)}`;
    case "archive":
      return `:${snapshotPath(root.snapshot)}/${root.name}`;
  }
}
