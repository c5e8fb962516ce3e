import { Type, type Static } from "typebox";
import { Value } from "typebox/value";

import { type AuthId } from "../../format/snapshot/auth-id.ts";
import { ConfigError } from "../configuration/config-error.ts";
import { tryParseAuthId } from "./auth-id.ts";
import { type StoredRecoveryKeys } from "./recovery-keys.ts";

const infoSchema = Type.Object({
  id: Type.String(),
  description: Type.String(),
  created: Type.Integer(),
  enable: Type.Optional(Type.Boolean()),
});

const userSchema = Type.Object({
  totp: Type.Optional(Type.Array(Type.Object({ info: infoSchema, entry: Type.String() }))),
  recovery: Type.Optional(
    Type.Union([
      Type.Null(),
      Type.Object({
        secret: Type.String({ pattern: "^([0-9a-f]{2})+$" }),
        entries: Type.Array(Type.Union([Type.String(), Type.Null()])),
        created: Type.Integer(),
      }),
    ]),
  ),
  "totp-locked": Type.Optional(Type.Boolean()),
  "tfa-is-locked-until": Type.Optional(Type.Union([Type.Null(), Type.Integer()])),
});

const fileSchema = Type.Object({
  users: Type.Optional(Type.Record(Type.String(), userSchema)),
});

/** A generator of codes as it is stored. */
export interface StoredTotp {
  readonly info: {
    readonly id: string;
    description: string;
    readonly created: number;
    enable: boolean;
  };
  /** `otpauth://totp/…` address, which holds the secret. */
  readonly entry: string;
}

const FOREIGN_KINDS = ["webauthn", "u2f", "yubico"] as const;

/** A factor of a kind that this server cannot check. */
export interface ForeignFactor {
  readonly id: string;
  readonly type: (typeof FOREIGN_KINDS)[number];
  readonly description: string;
  readonly created: number;
  readonly enable: boolean;
}

/** What `tfa.json` holds about one user. */
export interface UserFactors {
  totp: StoredTotp[];
  recovery: StoredRecoveryKeys | undefined;
  isTotpLocked: boolean;
  lockedUntilSec: number | undefined;
  readonly foreign: readonly ForeignFactor[];
  /** Drops a foreign factor. */
  readonly removeForeign: (id: string) => void;
  /** Members that this program does not know; they stay in the file. */
  readonly unknown: Record<string, unknown>;
}

/** A parsed `tfa.json`. */
export interface TfaFile {
  readonly users: Map<AuthId, UserFactors>;
  /** Members beside `users`. */
  readonly rest: Readonly<Record<string, unknown>>;
  /** What a user without factors has. */
  readonly empty: () => UserFactors;
}

/**
 * Parses `tfa.json`: `{"users": {"<userid>": {"totp": [{"info": {…}, "entry": "otpauth://…"}], "recovery": {…}}}}`.
 *
 * @throws {ConfigError} `CONFIG_INVALID`, never with a piece of the file, which holds secrets.
 */
export function parseTfaFile(text: string | undefined, fileName: string): TfaFile {
  const value: unknown = text === undefined || text.trim() === "" ? {} : parseJson(text, fileName);
  if (!Value.Check(fileSchema, value)) {
    throw new ConfigError("CONFIG_INVALID", fileName, "the file does not have the form it should");
  }
  const { users = {}, ...rest } = value;
  const parsed = new Map<AuthId, UserFactors>();
  for (const [name, factors] of Object.entries(users)) {
    const user = tryParseAuthId(name);
    if (user === undefined) {
      throw new ConfigError("CONFIG_INVALID", fileName, `"${name}" is no user`);
    }
    parsed.set(user, userFactors(factors));
  }
  return { users: parsed, rest, empty: () => userFactors({}) };
}

/** Renders `tfa.json`; the inverse of {@link parseTfaFile}. */
export function formatTfaFile(
  users: ReadonlyMap<AuthId, UserFactors>,
  rest: Readonly<Record<string, unknown>>,
): string {
  const rendered = [...users].map(([user, factors]) => [
    user,
    {
      ...factors.unknown,
      ...(factors.totp.length > 0 ? { totp: factors.totp } : {}),
      ...(factors.recovery ? { recovery: factors.recovery } : {}),
      ...(factors.isTotpLocked ? { "totp-locked": true } : {}),
      ...(factors.lockedUntilSec === undefined
        ? {}
        : { "tfa-is-locked-until": factors.lockedUntilSec }),
    },
  ]);
  return `${JSON.stringify({ ...rest, users: Object.fromEntries(rendered) as unknown }, null, 2)}\n`;
}

function userFactors(stored: Static<typeof userSchema>): UserFactors {
  const { totp = [], recovery, ...others } = stored;
  const {
    "totp-locked": isTotpLocked = false,
    "tfa-is-locked-until": lockedUntil,
    ...unknown
  }: typeof others & Record<string, unknown> = others;
  const foreign = FOREIGN_KINDS.flatMap((kind) => foreignFactors(kind, unknown[kind]));
  return {
    totp: totp.map(({ info, entry }) => ({
      info: { ...info, enable: info.enable ?? true },
      entry,
    })),
    recovery: recovery ?? undefined,
    isTotpLocked,
    lockedUntilSec: lockedUntil ?? undefined,
    foreign,
    removeForeign: (id) => {
      foreign.splice(0, foreign.length, ...foreign.filter((factor) => factor.id !== id));
      for (const kind of FOREIGN_KINDS) {
        const entries: unknown = unknown[kind];
        if (Array.isArray(entries)) unknown[kind] = entries.filter((each) => idOf(each) !== id);
      }
    },
    unknown,
  };
}

function foreignFactors(type: ForeignFactor["type"], entries: unknown): ForeignFactor[] {
  if (!Array.isArray(entries)) return [];
  return entries.flatMap((entry: unknown) => {
    const info = infoOf(entry);
    return info ? [{ ...info, type, enable: info.enable ?? true }] : [];
  });
}

function infoOf(entry: unknown): Static<typeof infoSchema> | undefined {
  if (typeof entry !== "object" || entry === null || !("info" in entry)) return undefined;
  return Value.Check(infoSchema, entry.info) ? entry.info : undefined;
}

function idOf(entry: unknown): string | undefined {
  return infoOf(entry)?.id;
}

function parseJson(text: string, fileName: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The cause would quote the file.
    throw new ConfigError("CONFIG_INVALID", fileName, "the file is no JSON");
  }
}
