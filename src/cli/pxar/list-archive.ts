import { ResidentChunks } from "../../chunks/resident-chunks.ts";
import { archiveEntries, type ListedEntry, listedEntryLine } from "../listed-entry.ts";
import { quotedPath } from "../quoted-path.ts";
import { writeBatched } from "../write-batched.ts";
import { ArchiveFile, namingArchive } from "./archive-file.ts";

/** Metadata kept in memory, in bytes, and pieces read at the same time. */
const LIMITS = { bytesMax: 64 * 1024 * 1024, inFlightMax: 2 };

/** Prefix of the paths that {@link archiveEntries} yields. */
const ROOT_BYTES = 3;

/**
 * Prints the path of every entry of an archive file, quoted, one a line; with details also kind, size and time.
 *
 * @throws {FormatError} for a damaged archive.
 */
export async function listArchive(
  path: string,
  detail: "paths" | "details",
  signal: AbortSignal,
): Promise<void> {
  await using archive = await ArchiveFile.open(path);
  const resident = new ResidentChunks(archive.index, archive.chunks, LIMITS);
  const line = (entry: ListedEntry): string => {
    const shown = { ...entry, path: entry.path.subarray(ROOT_BYTES) };
    return detail === "paths" ? quotedPath(shown.path) : listedEntryLine(shown);
  };
  await namingArchive(path, async () => {
    await writeBatched(archiveEntries("x", resident, signal), line, signal);
  });
}
