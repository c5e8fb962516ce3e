import { fromBase64, toBase64 } from "../bytes/base64.ts";
import { FormatError } from "../format-error.ts";
import { KEY_FILE_BYTES_MAX } from "../limits.ts";
import { type Json, type JsonObject } from "../manifest/canonical-json.ts";
import { isJsonObject, parseJson } from "../manifest/parse-json.ts";
import { parseTimeText, timeText } from "../snapshot/time-text.ts";
import { type Fingerprint, parseFingerprint } from "./fingerprint.ts";
import { checkKeyDerivation, type KeyDerivation } from "./key-derivation.ts";

/** Content of a key file: an encryption key, in the clear or encrypted with a passphrase (spec keyfile.md §2). */
export interface KeyFile {
  readonly derivation: KeyDerivation;
  /** When the key was made; changes of the passphrase keep it. Seconds since the epoch. */
  readonly createdSec: number;
  /** When this file was made, likewise. */
  readonly modifiedSec: number;
  /** The key, or nonce, tag and ciphertext of the key; see `unlockKeyFile`. */
  readonly data: Uint8Array;
  /** Absent in files of very old versions. */
  readonly fingerprint: Fingerprint | undefined;
  /** What the user wrote to remember the passphrase by. */
  readonly hint: string | undefined;
}

const WHAT = "key file";
const TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))$/;
/** Longest hint in characters (spec keyfile.md §2). */
const HINT_LENGTH_MAX = 64;

/**
 * Parses a key file; members in any order, unknown ones are ignored.
 *
 * Proves nothing about the key: that is `unlockKeyFile`. No message shows any of {@link KeyFile.data}.
 *
 * @throws {FormatError} `FORMAT_INVALID`; `FORMAT_UNSUPPORTED` for a derivation that is not known;
 *   `FORMAT_OUT_OF_RANGE` for one that would take too much memory or time, and for a text that is too long.
 * @see spec keyfile.md §2
 */
export function parseKeyFile(text: string): KeyFile {
  if (text.length > KEY_FILE_BYTES_MAX) {
    throw new FormatError("FORMAT_OUT_OF_RANGE", WHAT, `${text.length} characters`);
  }
  const json = parseWithoutQuote(text);
  if (!isJsonObject(json)) throw invalid("it is not an object");
  const derivation = parseDerivation(json["kdf"]);
  checkKeyDerivation(derivation, WHAT);
  const { fingerprint, hint } = json;
  return {
    derivation,
    createdSec: parseKeyTime(textMember(json, "created")),
    modifiedSec: parseKeyTime(textMember(json, "modified")),
    data: fromBase64(textMember(json, "data"), `"data" of the ${WHAT}`),
    fingerprint: isAbsent(fingerprint)
      ? undefined
      : parseFingerprint(textMember(json, "fingerprint")),
    hint: isAbsent(hint) ? undefined : checkHint(textMember(json, "hint")),
  };
}

/**
 * Prints a key file as the official programs do, times in UTC.
 *
 * @param layout `compact` as it lies on disk, `pretty` (two spaces) as it is printed on paper.
 * @returns JSON without a line end.
 */
export function printKeyFile(file: KeyFile, layout: "compact" | "pretty"): string {
  const members: JsonObject = {
    kdf: derivationJson(file.derivation),
    created: keyTimeText(file.createdSec),
    modified: keyTimeText(file.modifiedSec),
    data: toBase64(file.data),
    ...(file.fingerprint === undefined ? {} : { fingerprint: file.fingerprint }),
    ...(file.hint === undefined ? {} : { hint: file.hint }),
  };
  return JSON.stringify(members, undefined, layout === "pretty" ? 2 : 0);
}

/**
 * Lets a hint pass: 1 to 64 characters, none of them a control character (spec keyfile.md §2).
 *
 * @throws {FormatError} `FORMAT_INVALID`.
 */
export function checkHint(hint: string): string {
  const length = Array.from(hint).length;
  if (length < 1 || length > HINT_LENGTH_MAX || /\p{Cc}/u.test(hint)) {
    const form = `1 to ${HINT_LENGTH_MAX} characters without control characters`;
    throw new FormatError("FORMAT_INVALID", "passphrase hint", `it has to have ${form}`);
  }
  return hint;
}

/** Parses JSON; the platform's own error would quote a piece of the text, which may be of the key. */
function parseWithoutQuote(text: string): Json {
  try {
    return parseJson(text, WHAT);
  } catch {
    throw invalid("it is not JSON");
  }
}

function parseDerivation(json: Json | undefined): KeyDerivation {
  if (isAbsent(json)) return { name: "none" };
  const [entry, another] = isJsonObject(json) ? Object.entries(json) : [];
  if (entry === undefined || another !== undefined) throw invalid('"kdf" has another form');
  const [name, parameters] = entry;
  if (name !== "Scrypt" && name !== "PBKDF2") {
    const detail = `it uses ${JSON.stringify(name.slice(0, 40))} to derive a key from a passphrase`;
    throw new FormatError("FORMAT_UNSUPPORTED", WHAT, detail);
  }
  if (!isJsonObject(parameters)) throw invalid('"kdf" has another form');
  const salt = fromBase64(textMember(parameters, "salt"), `salt of the ${WHAT}`);
  if (name === "PBKDF2") return { name: "pbkdf2", iterations: number(parameters, "iter"), salt };
  const cost = {
    n: number(parameters, "n"),
    r: number(parameters, "r"),
    p: number(parameters, "p"),
  };
  return { name: "scrypt", cost, salt };
}

function derivationJson(derivation: KeyDerivation): Json {
  switch (derivation.name) {
    case "none":
      return null;
    case "scrypt":
      return { Scrypt: { ...orderedCost(derivation.cost), salt: toBase64(derivation.salt) } };
    case "pbkdf2":
      return { PBKDF2: { iter: derivation.iterations, salt: toBase64(derivation.salt) } };
  }
}

function orderedCost({ n, r, p }: { n: number; r: number; p: number }): JsonObject {
  return { n, r, p };
}

/** Local time with an offset, or UTC with a `Z`; no fractions (spec keyfile.md §2). */
function parseKeyTime(text: string): number {
  const match = TIME.exec(text);
  if (match === null)
    throw invalid(`the time ${JSON.stringify(text.slice(0, 40))} has another form`);
  const [, local = "", sign, hours = "0", minutes = "0"] = match;
  const offsetSec = 3600 * Number(hours) + 60 * Number(minutes);
  return parseTimeText(`${local}Z`) + (sign === "-" ? offsetSec : -offsetSec);
}

function keyTimeText(timeSec: number): string {
  return timeText(timeSec).replace("Z", "+00:00");
}

function textMember(json: JsonObject, name: string): string {
  const value = json[name];
  if (typeof value !== "string") throw invalid(`"${name}" is missing or no text`);
  return value;
}

function number(json: JsonObject, name: string): number {
  const value = json[name];
  if (typeof value !== "number") throw invalid(`"${name}" is missing or no number`);
  return value;
}

function isAbsent(value: Json | undefined): value is null | undefined {
  return value === undefined || value === null;
}

function invalid(detail: string): FormatError {
  return new FormatError("FORMAT_INVALID", WHAT, detail);
}
