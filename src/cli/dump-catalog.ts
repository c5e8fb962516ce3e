import { once } from "node:events";

import { coalesced } from "../chunks/coalesced.ts";
import { decodeChunkWith, decoded } from "../chunks/decoded.ts";
import { ResidentChunks } from "../chunks/resident-chunks.ts";
import { type BackupServer } from "../client/session/backup-server.ts";
import { DEFAULT_RECONNECT, READER_REQUEST_TIMEOUT_MS } from "../client/session/reader-session.ts";
import { RemoteSnapshot } from "../client/session/remote-snapshot.ts";
import { type SessionSnapshot } from "../client/session/session-snapshot.ts";
import { createNativeProvider } from "../format/crypto/native-provider.ts";
import { CHUNK_BYTES_MAX } from "../format/limits.ts";
import { type ArchiveName, CATALOG_NAME } from "../format/snapshot/archive-name.ts";
import { archiveLines, catalogLines } from "./catalog-lines.ts";

/** Plaintext that a listing keeps, in bytes: some chunks of metadata. */
const RESIDENT_BYTES_MAX = 64 * 1024 * 1024;

/** Chunks fetched at the same time. */
const IN_FLIGHT_MAX = 4;

/** Lines written at once. */
const LINES_PER_WRITE = 500;

/**
 * Writes every name of a snapshot to standard output: from its catalogue, or without one from the archives themselves.
 *
 * Split archives have no catalogue; they are listed under the name of their metadata archive, as the official client does.
 */
export async function dumpCatalog(
  server: BackupServer,
  snapshot: SessionSnapshot,
  signal: AbortSignal,
): Promise<void> {
  const provider = createNativeProvider();
  const opened = await RemoteSnapshot.open(
    {
      server,
      snapshot,
      provider,
      reconnect: DEFAULT_RECONNECT,
      requestTimeoutMs: READER_REQUEST_TIMEOUT_MS,
    },
    signal,
  );
  try {
    const decode = decodeChunkWith(provider, { sizeMax: CHUNK_BYTES_MAX });
    const expected = opened.expectedEncryption;
    const chunks = coalesced(decoded(opened.blobs, decode, { expected }));
    const open = async (name: ArchiveName): Promise<ResidentChunks> =>
      new ResidentChunks(await opened.readIndex(name, signal), chunks, {
        bytesMax: RESIDENT_BYTES_MAX,
        inFlightMax: IN_FLIGHT_MAX,
      });
    const names = opened.manifest.files.map(({ filename }) => filename);
    if (names.includes(CATALOG_NAME)) {
      await writeLines(catalogLines(await open(CATALOG_NAME), signal));
      return;
    }
    for (const name of names.filter((each) => /\.m?pxar\.didx$/.test(each))) {
      await writeLines(archiveLines(name, await open(name), signal));
    }
  } finally {
    opened[Symbol.dispose]();
  }
}

async function writeLines(lines: AsyncIterable<string>): Promise<void> {
  let batch: string[] = [];
  for await (const line of lines) {
    batch.push(`${line}\n`);
    if (batch.length < LINES_PER_WRITE) continue;
    await write(batch.join(""));
    batch = [];
  }
  await write(batch.join(""));
}

async function write(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, "drain");
}
