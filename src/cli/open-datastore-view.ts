import { stat } from "node:fs/promises";
import { resolve } from "node:path";

import { type BlobSource } from "../chunks/blob-source.ts";
import { type ChunkSource } from "../chunks/chunk-source.ts";
import { type ExpectedEncryption } from "../chunks/decoded.ts";
import { type BackupServer } from "../client/session/backup-server.ts";
import { connectServer } from "../client/session/connect-server.ts";
import { DEFAULT_RECONNECT, READER_REQUEST_TIMEOUT_MS } from "../client/session/reader-session.ts";
import { RemoteDatastoreView } from "../client/session/remote-datastore-view.ts";
import { printRepository } from "../client/session/repository.ts";
import { type Prompts } from "../client/session/terminal-prompts.ts";
import { type CodecProvider } from "../format/crypto/codec-provider.ts";
import { type CryptKey } from "../format/crypto/crypt-key.ts";
import { type ManifestProof } from "../format/manifest/proven-manifest.ts";
import { type DatastoreView } from "../fs/datastore-view.ts";
import { FolderDatastoreView } from "../fs/folder-datastore-view.ts";
import { type SnapshotKey, snapshotPath } from "../fs/fs-need.ts";
import { CliError } from "./cli-error.ts";
import { type ConnectionOptions, connectOptions } from "./connection-options.ts";
import { unsignedWarning } from "./crypt-options.ts";
import { type CommandLog } from "./log.ts";

/** Which datastore is opened, and who is told about it. */
export interface DatastorePlace {
  /** A `datastore` with a slash in it is a folder of this machine. */
  readonly options: ConnectionOptions;
  /** Who can be asked for a password; the terminal if left out. */
  readonly prompts?: Prompts | undefined;
  readonly log: Pick<CommandLog, "line">;
}

/** What a view decodes and proves with. */
export interface ViewParts {
  readonly provider: CodecProvider;
  readonly key: CryptKey | undefined;
  readonly unsigned: ManifestProof["unsigned"];
  readonly chunksOf: (blobs: BlobSource, expected: ExpectedEncryption) => ChunkSource;
}

/** A datastore that is open for reading; disposing it ends what was opened for it. */
export interface OpenDatastore extends Disposable {
  readonly view: DatastoreView;
  /** What it is called in a list of mounts. */
  readonly sourceName: string;
  /** Ends the waiting for a server that is away, so that nobody waits for it at the end. */
  readonly stopWaiting: () => void;
}

/**
 * Opens a datastore: a local folder when its name has a slash, everything else is behind a server.
 *
 * @throws {CliError} `CLI_NOT_FOUND` for a folder that is no datastore; what connecting throws.
 */
export async function openDatastoreView(
  place: DatastorePlace,
  parts: ViewParts,
): Promise<OpenDatastore> {
  const { datastore } = place.options;
  const onUnsigned = warnOnce(place.log);
  if (datastore?.includes("/") === true) {
    const folder = resolve(datastore);
    await requireDatastore(folder);
    const nothing = (): void => undefined;
    const view = new FolderDatastoreView({ folder, onUnsigned, ...parts });
    return { view, sourceName: folder, stopWaiting: nothing, [Symbol.dispose]: nothing };
  }
  const server = await connect(place);
  const view = new RemoteDatastoreView({
    server,
    onUnsigned,
    ...parts,
    reconnect: DEFAULT_RECONNECT,
    requestTimeoutMs: READER_REQUEST_TIMEOUT_MS,
    onConnectionChange: (isConnected) => {
      place.log.line("warn", isConnected ? "Connected again" : "The connection was lost");
    },
  });
  return {
    view,
    sourceName: printRepository(server.repository),
    stopWaiting: () => {
      view.stopWaiting();
    },
    [Symbol.dispose]: () => {
      server[Symbol.dispose]();
    },
  };
}

/** A folder without chunks would show as an empty datastore: a typing mistake, or a disk that is not mounted. */
async function requireDatastore(folder: string): Promise<void> {
  try {
    await stat(`${folder}/.chunks`);
  } catch (cause) {
    const message = `Cannot open datastore "${folder}": there is no ".chunks" folder in it`;
    throw new CliError("CLI_NOT_FOUND", message, { cause });
  }
}

/** Warns about each snapshot that is opened with a key and proves nothing, once. */
function warnOnce(log: Pick<CommandLog, "line">): (snapshot: SnapshotKey) => void {
  const warned = new Set<string>();
  return (snapshot) => {
    const path = snapshotPath(snapshot);
    if (warned.has(path)) return;
    warned.add(path);
    log.line("warn", unsignedWarning(path));
  };
}

async function connect({ options, prompts }: DatastorePlace): Promise<BackupServer> {
  const decided = await connectOptions(options);
  return await connectServer(prompts ? { ...decided, prompts } : decided);
}
