import {
  Type,
  type TBoolean,
  type TEnum,
  type TInteger,
  type TOptional,
  type TString,
} from "typebox";

import { BLOB_UPLOAD_BYTES_MAX, NAMESPACE_BYTES_MAX } from "../../format/limits.ts";

/** Pattern of identifiers that appear in paths (spec datastore.md §2), without anchors. */
export const SAFE_ID_PATTERN = "[A-Za-z0-9_][A-Za-z0-9._-]*";

/** Name of a datastore. */
export const datastoreName: TString = Type.String({
  pattern: `^${SAFE_ID_PATTERN}$`,
  minLength: 3,
  maxLength: 32,
});

/** Namespace; the empty text is the root. */
export const namespaceSchema: TString = Type.String({
  pattern: `^(${SAFE_ID_PATTERN}(/${SAFE_ID_PATTERN}){0,7})?$`,
  maxLength: NAMESPACE_BYTES_MAX,
  description: "Namespace; empty for the root.",
});

/** {@link namespaceSchema}, root when it is left out. */
export const optionalNamespace: TOptional<TString> = Type.Optional(namespaceSchema);

/** Name that a user chooses for something in the configuration (spec rest-api.md §1.5). */
export function configId(noun: string): TString {
  return Type.String({
    pattern: `^${SAFE_ID_PATTERN}$`,
    minLength: 3,
    maxLength: 32,
    description: `Name of the ${noun}.`,
  });
}

/** Name of a node; every name means this server (spec rest-api.md §1.5). */
export const nodeName: TString = Type.String({
  minLength: 1,
  maxLength: 255,
  description: "Any name; it means this server.",
});

/** Kind of a backup. */
export const backupType: TEnum<["vm", "ct", "host"]> = Type.Enum(["vm", "ct", "host"]);

/** Name of what was backed up. */
export const backupId: TString = Type.String({ pattern: `^${SAFE_ID_PATTERN}$`, maxLength: 255 });

/** Seconds since the epoch. */
export const backupTime: TInteger = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });

/** Any identifier that becomes a file name. */
export const fileName: TString = Type.String({ pattern: `^${SAFE_ID_PATTERN}$`, maxLength: 255 });

/** SHA-256 in lower-case hexadecimal digits. */
export const sha256Hex: TString = Type.String({ pattern: "^[a-f0-9]{64}$" });

/** Digest of a configuration file, for optimistic locking (spec rest-api.md §1.3). */
export const optionalConfigDigest: TOptional<TString> = Type.Optional(sha256Hex);

/** User in the form name@realm (spec auth.md §2). */
export const userIdSchema: TString = Type.String({
  // eslint-disable-next-line no-control-regex -- control characters are exactly what must not occur
  pattern: /^[^\s:/\x00-\x1f\x7f]+@[A-Za-z0-9_][A-Za-z0-9._-]{1,31}$/.source,
  minLength: 3,
  maxLength: 64,
});

/** User or token (spec auth.md §2). */
export const authIdSchema: TString = Type.String({
  pattern:
    // eslint-disable-next-line no-control-regex -- control characters are exactly what must not occur
    /^[^\s:/\x00-\x1f\x7f]+@[A-Za-z0-9_][A-Za-z0-9._-]{1,31}(![A-Za-z0-9_][A-Za-z0-9._-]*)?$/
      .source,
  minLength: 3,
  maxLength: 64,
});

/** Name of a token (spec auth.md §2). */
export const tokenNameSchema: TString = Type.String({
  pattern: `^${SAFE_ID_PATTERN}$`,
  minLength: 3,
  maxLength: 64,
});

/** One line without control characters (spec rest-api.md §1.5). */
export const singleLineComment: TString = Type.String({
  // eslint-disable-next-line no-control-regex -- control characters are exactly what must not occur
  pattern: /^[^\x00-\x1f\x7f]*$/.source,
  maxLength: 128,
  description: "Comment.",
});

/** {@link singleLineComment}, none when it is left out. */
export const optionalComment: TOptional<TString> = Type.Optional(singleLineComment);

/** A switch; what it means to leave it out depends on the route. */
export const optionalFlag: TOptional<TBoolean> = Type.Optional(Type.Boolean());

/** A switch that is off when it is left out. */
export const offByDefault: TOptional<TBoolean> = Type.Optional(Type.Boolean({ default: false }));

/** A switch that is on when it is left out. */
export const onByDefault: TOptional<TBoolean> = Type.Optional(Type.Boolean({ default: true }));

/** Length of a stored blob in bytes, header included. */
export const encodedBlobSize: TInteger = Type.Integer({
  minimum: 12,
  maximum: BLOB_UPLOAD_BYTES_MAX,
});
