import { FormatError } from "../format-error.ts";
import { checkSafeId, quoted } from "./safe-id.ts";

/** File of a snapshot as the server names it: ends in `.fidx`, `.didx` or `.blob`. */
export type ArchiveName = string & { readonly __brand: "ArchiveName" };

/** What a file of a snapshot is: an index with chunks of any or of one size, or a blob. */
export type ArchiveKind = "dynamic" | "fixed" | "blob";

/** Where to find the bytes of an archive that was asked for. */
export interface ArchiveFiles {
  /** The index or blob; for a split archive the one of the metadata. */
  readonly main: ArchiveName;
  /** The index of the payload of a split archive. */
  readonly payload?: ArchiveName;
}

/** Name of the manifest, which it does not list itself (spec manifest.md §1). */
export const MANIFEST_NAME: ArchiveName = brand("index.json.blob");

/** Name of the client's log, uploaded after the backup and not listed in the manifest (spec manifest.md §4.1). */
export const CLIENT_LOG_NAME: ArchiveName = brand("client.log.blob");

/** Name of the catalogue (spec manifest.md §4.1). */
export const CATALOG_NAME: ArchiveName = brand("catalog.pcat1.didx");

/** Name of the encryption key, encrypted for the master key; itself not encrypted otherwise (spec keyfile.md §4.2). */
export const RSA_KEY_NAME: ArchiveName = brand("rsa-encrypted.key.blob");

const NAME_BYTES_MAX = 255;

const kindByExtension: ReadonlyMap<string, ArchiveKind> = new Map([
  ["didx", "dynamic"],
  ["fidx", "fixed"],
  ["blob", "blob"],
]);

/** What the server appends to a client's name, by that name's extension (spec manifest.md §4.1). */
const serverExtensions: ReadonlyMap<string, string> = new Map([
  ["pxar", "didx"],
  ["mpxar", "didx"],
  ["ppxar", "didx"],
  ["pcat1", "didx"],
  ["img", "fidx"],
  ["conf", "blob"],
  ["json", "blob"],
  ["key", "blob"],
  ["log", "blob"],
]);

/**
 * Parses a server-side name (spec datastore.md §2).
 *
 * @throws {FormatError} `FORMAT_INVALID`.
 */
export function parseArchiveName(text: string): ArchiveName {
  checkSafeId(text, { min: 1, max: NAME_BYTES_MAX }, "archive name");
  if (!kindByExtension.has(extensionOf(text))) {
    throw new FormatError("FORMAT_INVALID", "archive name", `${quoted(text)} has no known ending`);
  }
  return brand(text);
}

/** What kind of file the name stands for. */
export function archiveKindOf(name: ArchiveName): ArchiveKind {
  return kindByExtension.get(extensionOf(name)) ?? "blob";
}

/**
 * Server-side name of what a user calls `root.pxar`, `disk.img` or `etc.conf`; server-side names pass unchanged.
 *
 * @throws {FormatError} `FORMAT_INVALID` for any other ending.
 * @see spec manifest.md §4.1
 */
export function archiveNameOf(shortName: string): ArchiveName {
  const extension = extensionOf(shortName);
  if (kindByExtension.has(extension)) return parseArchiveName(shortName);
  const appended = serverExtensions.get(extension);
  if (appended === undefined) {
    throw new FormatError(
      "FORMAT_INVALID",
      "archive name",
      `${quoted(shortName)} has no known ending`,
    );
  }
  return parseArchiveName(`${shortName}.${appended}`);
}

/** What a user calls the archive: the name without the server's ending. */
export function shortArchiveName(name: ArchiveName): string {
  return name.slice(0, name.lastIndexOf("."));
}

/**
 * The two server-side names of a split archive (spec manifest.md §4.1).
 *
 * @param base For example `root`.
 * @throws {FormatError} `FORMAT_INVALID`.
 */
export function splitArchiveNames(base: string): { metadata: ArchiveName; payload: ArchiveName } {
  return {
    metadata: parseArchiveName(`${base}.mpxar.didx`),
    payload: parseArchiveName(`${base}.ppxar.didx`),
  };
}

/**
 * Finds the files behind a name that a user gave, among those that a manifest lists.
 *
 * `root.pxar` is the unsplit archive if there is one, otherwise the split pair; `root.mpxar` is the pair; every form
 * may have the server's ending.
 *
 * @returns `undefined` if the snapshot has no such archive, also when half of a pair is missing.
 * @throws {FormatError} `FORMAT_INVALID` for a name that can never be one.
 * @see spec manifest.md §4.1
 */
export function findArchive(
  listed: ReadonlySet<ArchiveName>,
  wanted: string,
): ArchiveFiles | undefined {
  const name = archiveNameOf(wanted);
  const isUnified = name.endsWith(".pxar.didx");
  if (isUnified && listed.has(name)) return { main: name };
  const isMetadata = name.endsWith(".mpxar.didx");
  if (!isUnified && !isMetadata) return listed.has(name) ? { main: name } : undefined;
  const base = name.slice(0, isUnified ? -".pxar.didx".length : -".mpxar.didx".length);
  const { metadata, payload } = splitArchiveNames(base);
  return listed.has(metadata) && listed.has(payload) ? { main: metadata, payload } : undefined;
}

function extensionOf(name: string): string {
  const dot = name.lastIndexOf(".");
  return dot < 0 ? "" : name.slice(dot + 1);
}

function brand(text: string): ArchiveName {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- the brand is made here, of checked text
  return text as ArchiveName;
}
