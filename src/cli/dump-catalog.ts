import { coalesced } from "../chunks/coalesced.ts";
import { decodeChunkWith, decoded } from "../chunks/decoded.ts";
import { ResidentChunks } from "../chunks/resident-chunks.ts";
import { type LoadedKey } from "../client/keys/load-key.ts";
import { type BackupServer } from "../client/session/backup-server.ts";
import { DEFAULT_RECONNECT, READER_REQUEST_TIMEOUT_MS } from "../client/session/reader-session.ts";
import { RemoteSnapshot } from "../client/session/remote-snapshot.ts";
import { type SessionSnapshot } from "../client/session/session-snapshot.ts";
import { createNativeProvider } from "../format/crypto/native-provider.ts";
import { CHUNK_BYTES_MAX } from "../format/limits.ts";
import { type ManifestProof } from "../format/manifest/proven-manifest.ts";
import { type ArchiveName, CATALOG_NAME } from "../format/snapshot/archive-name.ts";
import { snapshotIdText } from "../format/snapshot/snapshot-id.ts";
import { usingKeyLine } from "./choose-crypt.ts";
import { unsignedWarning } from "./crypt-options.ts";
import {
  archiveEntries,
  catalogEntries,
  type ListedEntry,
  listedEntryJson,
  listedEntryLine,
} from "./listed-entry.ts";
import { commandLog } from "./log.ts";
import { type OutputFormat } from "./output-format.ts";
import { writeBatched, writeOutput } from "./write-batched.ts";

/** Plaintext that a listing keeps, in bytes: some chunks of metadata. */
const RESIDENT_BYTES_MAX = 64 * 1024 * 1024;

/** Chunks fetched at the same time. */
const IN_FLIGHT_MAX = 4;

/** What to list, and with what. */
export interface DumpCatalogOptions {
  readonly server: BackupServer;
  readonly snapshot: SessionSnapshot;
  readonly key: LoadedKey | undefined;
  /** What becomes of a snapshot that was made without any key, when there is one now. */
  readonly unsigned: ManifestProof["unsigned"];
  readonly outputFormat: OutputFormat;
  readonly signal: AbortSignal;
}

/**
 * Writes every name of a snapshot to standard output: from its catalogue, or without one from the archives themselves.
 *
 * Split archives have no catalogue; they are listed under the name of their metadata archive, as the official client does.
 */
export async function dumpCatalog(options: DumpCatalogOptions): Promise<void> {
  const { server, snapshot, key: loaded, unsigned, outputFormat, signal } = options;
  const key = loaded?.key;
  if (loaded) commandLog.line("info", usingKeyLine(loaded));
  const provider = createNativeProvider();
  const opened = await RemoteSnapshot.open(
    {
      server,
      snapshot,
      provider,
      key,
      unsigned,
      reconnect: DEFAULT_RECONNECT,
      requestTimeoutMs: READER_REQUEST_TIMEOUT_MS,
    },
    signal,
  );
  if (opened.trust === "unsigned") {
    commandLog.line("warn", unsignedWarning(snapshotIdText(snapshot)));
  }
  try {
    const decode = decodeChunkWith(provider, { sizeMax: CHUNK_BYTES_MAX, key });
    const expected = opened.expectedEncryption;
    const chunks = coalesced(decoded(opened.blobs, decode, { expected }));
    const open = async (name: ArchiveName): Promise<ResidentChunks> =>
      new ResidentChunks(await opened.readIndex(name, signal), chunks, {
        bytesMax: RESIDENT_BYTES_MAX,
        inFlightMax: IN_FLIGHT_MAX,
      });
    const names = opened.manifest.files.map(({ filename }) => filename);
    const entries = entriesOf(names, open, signal);
    await (outputFormat === "text"
      ? writeBatched(entries, listedEntryLine, signal)
      : writeArray(entries, signal));
  } finally {
    opened[Symbol.dispose]();
  }
}

async function* entriesOf(
  names: readonly ArchiveName[],
  open: (name: ArchiveName) => Promise<ResidentChunks>,
  signal: AbortSignal,
): AsyncGenerator<ListedEntry, void, void> {
  if (names.includes(CATALOG_NAME)) {
    yield* catalogEntries(await open(CATALOG_NAME), signal);
    return;
  }
  for (const name of names.filter((each) => /\.m?pxar\.didx$/.test(each))) {
    yield* archiveEntries(name, await open(name), signal);
  }
}

/** A JSON array with an entry a line, so that it can be long. */
async function writeArray(entries: AsyncIterable<ListedEntry>, signal: AbortSignal): Promise<void> {
  let separator = "[\n";
  await writeBatched(
    entries,
    (entry) => {
      const before = separator;
      separator = ",";
      return `${before}${JSON.stringify(listedEntryJson(entry))}`;
    },
    signal,
  );
  await writeOutput(separator === "," ? "]\n" : "[]\n", signal);
}
