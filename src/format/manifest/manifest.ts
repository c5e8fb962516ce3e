import { decodeBlob, encodeBlob, parseBlobHeader } from "../chunk/data-blob.ts";
import { type CodecProvider } from "../crypto/codec-provider.ts";
import { FormatError } from "../format-error.ts";
import { MANIFEST_BYTES_MAX } from "../limits.ts";
import { type ArchiveName, parseArchiveName } from "../snapshot/archive-name.ts";
import { parseBackupId, parseBackupType, type SnapshotId } from "../snapshot/snapshot-id.ts";
import { type Json, type JsonObject, prettyJson } from "./canonical-json.ts";
import { isJsonObject, parseJson } from "./parse-json.ts";

/** What is done to the content of a file: nothing, encryption, or only a signature over its checksum. */
export const cryptModes = ["none", "encrypt", "sign-only"] as const;

/** One of {@link cryptModes}. */
export type CryptMode = (typeof cryptModes)[number];

/** One file of a snapshot (spec manifest.md §2). */
export interface ManifestFile {
  readonly filename: ArchiveName;
  readonly cryptMode: CryptMode;
  /** Bytes of the archive for an index, of the encoded blob for a blob. */
  readonly size: number;
  /** Index checksum, or SHA-256 of the encoded blob: 64 lower-case hexadecimal digits. */
  readonly csum: string;
}

/** What a snapshot consists of. Everything but {@link unprotected} is covered by the signature. */
export interface Manifest {
  readonly snapshot: SnapshotId;
  /** In the order in which they were backed up; no meaning may be put into it. */
  readonly files: readonly ManifestFile[];
  /** 64 lower-case hexadecimal digits; absent for an unsigned manifest. Not checked: see `verifyManifest`. */
  readonly signature?: string;
  /** What the server may change: notes, result of verification, … (spec manifest.md §5). */
  readonly unprotected: JsonObject;
}

const WHAT = "manifest";
const DIGITS_64 = /^[0-9a-fA-F]{64}$/;

/**
 * Parses the JSON text of a manifest, with the defaults of older versions; unknown members are dropped.
 *
 * @throws {FormatError} `FORMAT_INVALID`, `FORMAT_OUT_OF_RANGE`.
 * @see spec manifest.md §2
 */
export function parseManifest(text: string): Manifest {
  const value = parseJson(text, WHAT);
  if (!isJsonObject(value)) throw invalid("it is not an object");
  const files = value["files"];
  if (!Array.isArray(files)) throw invalid(`"files" is not a list`);
  const unprotected = value["unprotected"] ?? {};
  if (!isJsonObject(unprotected)) throw invalid(`"unprotected" is not an object`);
  const signature = value["signature"] ?? undefined;
  return {
    snapshot: {
      type: parseBackupType(textOf(value, "backup-type")),
      id: parseBackupId(textOf(value, "backup-id")),
      timeSec: integerOf(value, "backup-time"),
    },
    files: files.map(parseFile),
    unprotected,
    ...(signature === undefined ? {} : { signature: digitsOf(value, "signature") }),
  };
}

/** Prints a manifest as the reference does; the inverse of {@link parseManifest}. */
export function serializeManifest(manifest: Manifest): string {
  return prettyJson({
    ...signedPart(manifest),
    signature: manifest.signature ?? null,
    unprotected: manifest.unprotected,
  });
}

/** The members that a signature covers, all of them always present (spec manifest.md §3.2, §3.3). */
export function signedPart(manifest: Manifest): JsonObject {
  return {
    "backup-type": manifest.snapshot.type,
    "backup-id": manifest.snapshot.id,
    "backup-time": manifest.snapshot.timeSec,
    files: manifest.files.map(({ filename, cryptMode, size, csum }) => ({
      filename,
      "crypt-mode": cryptMode,
      size,
      csum,
    })),
  };
}

/**
 * Opens `index.json.blob`.
 *
 * @param raw Borrowed.
 * @throws {FormatError} As `decodeBlob` and {@link parseManifest}; `FORMAT_INVALID` for an encrypted one.
 */
export function decodeManifest(provider: CodecProvider, raw: Uint8Array): Manifest {
  if (parseBlobHeader(raw, WHAT).kind.isEncrypted) throw invalid("it must not be encrypted");
  const plain = decodeBlob(provider, raw, { sizeMax: MANIFEST_BYTES_MAX, what: WHAT });
  return parseManifest(utf8(plain));
}

/** Makes `index.json.blob`: never encrypted, compressed if that helps (spec manifest.md §1). */
export function encodeManifest(provider: CodecProvider, manifest: Manifest): Uint8Array {
  const plain = new TextEncoder().encode(serializeManifest(manifest));
  return encodeBlob(provider, plain, { compress: true });
}

function parseFile(value: Json): ManifestFile {
  if (!isJsonObject(value)) throw invalid(`a member of "files" is not an object`);
  const filename = parseArchiveName(textOf(value, "filename"));
  const mode = value["crypt-mode"] ?? "none"; // Absent in backups made before 0.8.0.
  const cryptMode = cryptModes.find((known) => known === mode);
  if (cryptMode === undefined) throw invalid(`unknown "crypt-mode" of ${filename}`);
  const size = integerOf(value, "size");
  if (size < 0) throw new FormatError("FORMAT_OUT_OF_RANGE", WHAT, `negative size of ${filename}`);
  return { filename, cryptMode, size, csum: digitsOf(value, "csum") };
}

function textOf(object: JsonObject, name: string): string {
  const value = object[name];
  if (typeof value !== "string") throw invalid(`"${name}" is not a text`);
  return value;
}

function digitsOf(object: JsonObject, name: string): string {
  const text = textOf(object, name);
  if (!DIGITS_64.test(text)) throw invalid(`"${name}" has not 64 hexadecimal digits`);
  return text.toLowerCase();
}

function integerOf(object: JsonObject, name: string): number {
  const value = object[name];
  if (typeof value !== "number") throw invalid(`"${name}" is not a number`);
  if (!Number.isSafeInteger(value)) {
    throw new FormatError("FORMAT_OUT_OF_RANGE", WHAT, `"${name}" is not a safe integer`);
  }
  return value;
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new FormatError("FORMAT_INVALID", WHAT, "it is not UTF-8", { cause: error });
  }
}

function invalid(detail: string): FormatError {
  return new FormatError("FORMAT_INVALID", WHAT, detail);
}
