import { coalesced } from "../../chunks/coalesced.ts";
import { decoded } from "../../chunks/decoded.ts";
import { readIndexedChunk } from "../../chunks/indexed-byte-source.ts";
import { ResidentChunks } from "../../chunks/resident-chunks.ts";
import { readClientConfig } from "../../client/config.ts";
import { type LoadedKey } from "../../client/keys/load-key.ts";
import { pooledDecode } from "../../client/pooled-decode.ts";
import { type RestorableArchive } from "../../client/target/restore-tree.ts";
import { createNativeProvider } from "../../format/crypto/native-provider.ts";
import { type ChunkIndex } from "../../format/index/chunk-index.ts";
import { parseDynamicIndex } from "../../format/index/dynamic-index.ts";
import { CATALOG_NAME } from "../../format/snapshot/archive-name.ts";
import { parseNamespace } from "../../format/snapshot/namespace.ts";
import { parseSnapshotId, type SnapshotId } from "../../format/snapshot/snapshot-id.ts";
import { type MountRoot } from "../../fs/datastore-tree.ts";
import { type OpenSnapshot } from "../../fs/datastore-view.ts";
import { snapshotPath } from "../../fs/fs-need.ts";
import { type ShownFile, shownFiles } from "../../fs/shown-file.ts";
import { startCodecPool } from "../start-codec-pool.ts";
import { archiveRoot, type BrowsedEntry, catalogRoot } from "../browsed-entry.ts";
import { chooseReadKey, usingKeyLine } from "../choose-crypt.ts";
import { CliError } from "../cli-error.ts";
import { type ConnectionOptions, type NamespaceOption } from "../connection-options.ts";
import { type ReadKeyOptions, unsignedPolicy } from "../crypt-options.ts";
import { commandLog } from "../log.ts";
import { parseMountSubject } from "../mount-subject.ts";
import { openDatastoreView } from "../open-datastore-view.ts";
import { ArchiveBrowser } from "./archive-browser.ts";

/** What the shell is to show. */
export interface ShellSubject {
  /** Snapshot or group, as the user wrote it. */
  readonly snapshot: string;
  readonly archive: string;
  readonly options: ConnectionOptions & NamespaceOption & ReadKeyOptions;
}

/** An archive that is open for the shell. */
export interface ShellArchive {
  readonly snapshot: SnapshotId;
  readonly namespace: string;
  /** As the mount calls it, for example `root.pxar`. */
  readonly name: string;
  readonly key: LoadedKey | undefined;
  readonly browser: ArchiveBrowser;
  /** The archive with the tree, and of a split one that with the content. */
  readonly archive: RestorableArchive & { readonly index: ChunkIndex };
  readonly payload: (RestorableArchive & { readonly index: ChunkIndex }) | undefined;
}

/** Metadata kept in memory, in bytes, and chunks fetched at the same time. */
const BROWSE_LIMITS = { bytesMax: 64 * 1024 * 1024, inFlightMax: 4 };

/**
 * Opens an archive of a snapshot, on a server or in a local datastore, and closes it when `use` has ended.
 *
 * @throws {CliError} `CLI_NOT_FOUND`; what opening a snapshot throws.
 */
export async function withShellArchive(
  { snapshot, archive, options }: ShellSubject,
  use: (archive: ShellArchive) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const provider = createNativeProvider();
  const key = await chooseReadKey(options);
  if (key) commandLog.line("info", usingKeyLine(key));
  await using pool = startCodecPool();
  const decode = pooledDecode(pool, key?.key);
  using opened = await openDatastoreView(
    { options, log: commandLog },
    {
      provider,
      key: key?.key,
      unsigned: unsignedPolicy(options, key),
      chunksOf: (blobs, expected) => coalesced(decoded(blobs, decode, { expected })),
    },
  );
  const base = parseNamespace(options.ns ?? readClientConfig().namespace ?? "");
  const root = await parseMountSubject({ text: snapshot, archive }, base, opened.view);
  if (root.kind !== "archive")
    throw new CliError("CLI_USAGE", `Cannot open "${snapshot}": no snapshot`);
  const files = await opened.view.openSnapshot(root.snapshot);
  try {
    await use(await openArchive(files, root, key, signal));
  } finally {
    await files.close();
  }
}

async function openArchive(
  opened: OpenSnapshot,
  { snapshot, name }: MountRoot & { readonly kind: "archive" },
  key: LoadedKey | undefined,
  signal: AbortSignal,
): Promise<ShellArchive> {
  const shown = shownFiles(opened.files).filter(isArchive);
  const found = shown.find((each) => each.name === name);
  if (!found) {
    const names = shown.map((each) => each.name).join(", ");
    throw new CliError(
      "CLI_NOT_FOUND",
      `Cannot open "${name}": the file archives of the snapshot are ${names === "" ? "none" : names}`,
    );
  }
  const archive = await restorable(opened, found.tree.name, signal);
  const resident = new ResidentChunks(archive.index, opened.chunks, BROWSE_LIMITS);
  const isSplit = found.content.name !== found.tree.name;
  const hasCatalog = !isSplit && opened.files.some((file) => file.name === CATALOG_NAME);
  const root = hasCatalog
    ? async () => await catalogOf(opened, found, signal)
    : async () => await archiveRoot(resident, signal);
  const { namespace } = snapshot;
  return {
    snapshot: parseSnapshotId(snapshotPath({ ...snapshot, namespace: "" })),
    namespace,
    name,
    key,
    browser: new ArchiveBrowser({ archive: resident, root }),
    archive,
    payload: isSplit ? await restorable(opened, found.content.name, signal) : undefined,
  };
}

type ShownArchive = ShownFile & { readonly kind: "archive" };

function isArchive(file: ShownFile): file is ShownArchive {
  return file.kind === "archive";
}

/** What the catalogue lists of an archive: much less has to be fetched than for the names in the archive itself. */
async function catalogOf(
  opened: OpenSnapshot,
  { tree }: ShownArchive,
  signal: AbortSignal,
): Promise<readonly BrowsedEntry[]> {
  const index = parseDynamicIndex(await opened.readIndex(CATALOG_NAME));
  const source = new ResidentChunks(index, opened.chunks, BROWSE_LIMITS);
  const archives = await catalogRoot(source, signal);
  const found = archives.find(({ name }) => Buffer.from(name).toString() === tree.name);
  const children = await found?.children?.();
  if (children) return children;
  throw new CliError("CLI_NOT_FOUND", `Cannot open "${tree.name}": the catalogue does not list it`);
}

async function restorable(
  opened: OpenSnapshot,
  name: string,
  signal: AbortSignal,
): Promise<RestorableArchive & { readonly index: ChunkIndex }> {
  const indexFile = await opened.readIndex(name);
  const index = parseDynamicIndex(indexFile);
  const readChunk = async (i: number): Promise<Uint8Array> =>
    await readIndexedChunk(index, i, opened.chunks, { signal });
  return { index, indexFile, chunkCount: index.count, readChunk };
}
