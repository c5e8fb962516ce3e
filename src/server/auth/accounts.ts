import { createHash, timingSafeEqual } from "node:crypto";

import { type Clock } from "../../format/clock.ts";
import { configDigest, type ConfigDirectory } from "../configuration/config-directory.ts";
import { ConfigError } from "../configuration/config-error.ts";
import { formatSections, parseSections, type Section } from "../configuration/section-config.ts";
import { type AuthId } from "../../format/snapshot/auth-id.ts";
import { isToken, ROOT_USER, tokenNameOf, tryParseAuthId, userNameOf, userOf } from "./auth-id.ts";
import { isCryptPhrase } from "./password-hash.ts";

/** A user or a token, as in `user.cfg` (spec auth.md §2.2). */
export interface Account {
  readonly id: AuthId;
  readonly isEnabled: boolean;
  /** Seconds since the epoch; 0 means never. */
  readonly expireSec: number;
  readonly comment?: string;
  readonly firstname?: string;
  readonly lastname?: string;
  readonly email?: string;
}

const USER_FILE = "user.cfg";
const PASSWORD_FILE = "shadow.json";
const TOKEN_FILE = "token.shadow";

/**
 * Users, tokens and what proves them: `user.cfg`, `shadow.json` and `token.shadow`.
 *
 * Kept in memory, written through. Changes must not overlap; the routes that make them await each other by the
 * atomic replacement of a whole file, and the last one wins.
 */
export class Accounts {
  readonly #directory: ConfigDirectory;
  readonly #clock: Clock;
  /** In the order of the file. */
  readonly #accounts = new Map<AuthId, Account>();
  /** Properties that this program does not know; they stay in the file. */
  readonly #unknownProperties = new Map<AuthId, ReadonlyMap<string, string>>();
  /** Digests of secrets that a slow hash has proven, so that each is hashed once. */
  readonly #provenSecrets = new Map<AuthId, { readonly stored: string; readonly digest: Buffer }>();
  #passwordHashes = new Map<string, string>();
  #tokenHashes = new Map<string, string>();
  #digest = configDigest("");

  private constructor(directory: ConfigDirectory, clock: Clock) {
    this.#directory = directory;
    this.#clock = clock;
  }

  /**
   * Reads the three files; a missing one is empty. `root@pam` exists even when `user.cfg` does not name it.
   *
   * @throws {ConfigError} `CONFIG_INVALID`.
   */
  static async load(directory: ConfigDirectory, clock: Clock): Promise<Accounts> {
    const accounts = new Accounts(directory, clock);
    await accounts.reload();
    return accounts;
  }

  /** Reads the files again, for an administrator who edited them. */
  async reload(): Promise<void> {
    const text = (await this.#directory.read(USER_FILE)) ?? "";
    const sections = parseSections(text, USER_FILE);
    const parsed = sections.map(accountOf);
    const passwords = await this.#readMap(PASSWORD_FILE);
    const tokens = await this.#readMap(TOKEN_FILE);
    this.#accounts.clear();
    this.#unknownProperties.clear();
    for (const [index, account] of parsed.entries()) {
      this.#accounts.set(account.id, account);
      this.#unknownProperties.set(account.id, unknownProperties(sections[index]));
    }
    if (!this.#accounts.has(ROOT_USER)) {
      this.#accounts.set(ROOT_USER, {
        id: ROOT_USER,
        isEnabled: true,
        expireSec: 0,
        comment: "Superuser",
      });
    }
    this.#passwordHashes = passwords;
    this.#tokenHashes = tokens;
    this.#digest = configDigest(text);
  }

  /** Digest of `user.cfg`. */
  get digest(): string {
    return this.#digest;
  }

  /** Users without their tokens, by name. */
  users(): readonly Account[] {
    return [...this.#accounts.values()]
      .filter(({ id }) => !isToken(id))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Tokens of a user, by name. */
  tokens(user: AuthId): readonly Account[] {
    return [...this.#accounts.values()]
      .filter(({ id }) => isToken(id) && userOf(id) === user)
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** A user or token. */
  get(id: AuthId): Account | undefined {
    return this.#accounts.get(id);
  }

  /** Whether a user, or a token and its user, exists, is enabled and has not expired (spec auth.md §2.2). */
  isActive(id: AuthId): boolean {
    return this.#isValid(id) && (!isToken(id) || this.#isValid(userOf(id)));
  }

  /** Whether an account as it is given could be used now. */
  couldBeUsed({ isEnabled, expireSec }: Account): boolean {
    return isEnabled && (expireSec === 0 || expireSec > this.#clock.nowSec());
  }

  /** Creates or replaces a user or token. */
  async put(account: Account): Promise<void> {
    this.#accounts.set(account.id, account);
    await this.#saveAccounts();
  }

  /** Removes a token, or a user with its password and all its tokens. */
  async delete(id: AuthId): Promise<void> {
    const gone = isToken(id) ? [id] : [id, ...this.tokens(id).map((token) => token.id)];
    for (const each of gone) {
      this.#accounts.delete(each);
      this.#unknownProperties.delete(each);
      this.#tokenHashes.delete(each);
    }
    if (!isToken(id)) this.#passwordHashes.delete(passwordKey(id));
    await this.#saveAccounts();
    await this.#saveMap(TOKEN_FILE, this.#tokenHashes);
    await this.#saveMap(PASSWORD_FILE, this.#passwordHashes);
  }

  /** Stored hash of a user's password. */
  passwordHash(user: AuthId): string | undefined {
    return this.#passwordHashes.get(passwordKey(user));
  }

  /** Stores the hash of a password. */
  async setPasswordHash(user: AuthId, hash: string): Promise<void> {
    this.#passwordHashes.set(passwordKey(user), hash);
    await this.#saveMap(PASSWORD_FILE, this.#passwordHashes);
  }

  /** Stores the digest of a token's secret; the secret itself is not kept. */
  async setTokenSecret(token: AuthId, secret: string): Promise<void> {
    this.#tokenHashes.set(token, `${TOKEN_HASH_PREFIX}${sha256(secret).toString("hex")}`);
    await this.#saveMap(TOKEN_FILE, this.#tokenHashes);
  }

  /**
   * Whether this is the token's secret; compared in constant time.
   *
   * A hash that a genuine server made is slow on purpose: it is computed once for a secret, off this thread.
   *
   * @param inTurn Runs a slow check when there is room for one.
   */
  async isTokenSecret(
    token: AuthId,
    secret: string,
    inTurn: (check: () => Promise<boolean>) => Promise<boolean>,
  ): Promise<boolean> {
    const stored = this.#tokenHashes.get(token);
    if (stored === undefined) return false;
    const digest = sha256(secret);
    if (stored.startsWith(TOKEN_HASH_PREFIX)) {
      const wanted = Buffer.from(stored.slice(TOKEN_HASH_PREFIX.length), "hex");
      return wanted.length === digest.length && timingSafeEqual(digest, wanted);
    }
    const proven = this.#provenSecrets.get(token);
    if (proven?.stored === stored && timingSafeEqual(proven.digest, digest)) return true;
    const isRight = await inTurn(async () => await isCryptPhrase(secret, stored));
    if (isRight) this.#provenSecrets.set(token, { stored, digest });
    return isRight;
  }

  #isValid(id: AuthId): boolean {
    const account = this.#accounts.get(id);
    return account !== undefined && this.couldBeUsed(account);
  }

  async #saveAccounts(): Promise<void> {
    const sections = [...this.#accounts.values()].map((account) =>
      sectionOf(account, this.#unknownProperties.get(account.id)),
    );
    const text = formatSections(sections);
    this.#digest = configDigest(text);
    await this.#directory.write(USER_FILE, text);
  }

  async #saveMap(fileName: string, map: ReadonlyMap<string, string>): Promise<void> {
    await this.#directory.write(fileName, `${JSON.stringify(Object.fromEntries(map), null, 2)}\n`);
  }

  async #readMap(fileName: string): Promise<Map<string, string>> {
    const text = await this.#directory.read(fileName);
    if (text === undefined || text.trim() === "") return new Map();
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      throw new ConfigError("CONFIG_INVALID", fileName, "the file is no JSON", { cause });
    }
    if (typeof value !== "object" || value === null) {
      throw new ConfigError("CONFIG_INVALID", fileName, "the file holds no object");
    }
    const map = new Map<string, string>();
    for (const [name, entry] of Object.entries(value)) {
      if (typeof entry === "string") map.set(name, entry);
    }
    return map;
  }
}

/** Marks our hashes in `token.shadow`; a secret has 122 random bits, so one SHA-256 is enough (spec auth.md §2.4). */
const TOKEN_HASH_PREFIX = "$amber-sha256$";

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** Realm pbs uses the bare name, as the genuine server does; other realms keep theirs so that they cannot collide. */
function passwordKey(user: AuthId): string {
  return user.endsWith("@pbs") ? userNameOf(user) : user;
}

function accountOf({ type, id, properties }: Section): Account {
  const parsed = tryParseAuthId(id);
  const isKind = type === "user" || type === "token";
  if (
    parsed === undefined ||
    !isKind ||
    (tokenNameOf(parsed) !== undefined) !== (type === "token")
  ) {
    throw new ConfigError("CONFIG_INVALID", USER_FILE, `section "${type}: ${id}" names no account`);
  }
  const account: { -readonly [Key in keyof Account]: Account[Key] } = {
    id: parsed,
    isEnabled: !["0", "no", "off", "false"].includes(properties.get("enable") ?? "true"),
    expireSec: Number(properties.get("expire") ?? "0"),
  };
  for (const name of ["comment", "firstname", "lastname", "email"] as const) {
    const value = properties.get(name);
    if (value !== undefined) account[name] = value;
  }
  return account;
}

function sectionOf(account: Account, unknown: ReadonlyMap<string, string> = new Map()): Section {
  const properties = new Map<string, string>();
  if (account.comment !== undefined) properties.set("comment", account.comment);
  if (!account.isEnabled) properties.set("enable", "false");
  if (account.expireSec !== 0) properties.set("expire", String(account.expireSec));
  for (const name of ["firstname", "lastname", "email"] as const) {
    const value = account[name];
    if (value !== undefined) properties.set(name, value);
  }
  for (const [name, value] of unknown) properties.set(name, value);
  return { type: isToken(account.id) ? "token" : "user", id: account.id, properties };
}

const KNOWN_PROPERTIES = ["comment", "enable", "expire", "firstname", "lastname", "email"];

function unknownProperties(section: Section | undefined): ReadonlyMap<string, string> {
  const entries = [...(section?.properties ?? [])];
  return new Map(entries.filter(([name]) => !KNOWN_PROPERTIES.includes(name)));
}
