import { isIPv6 } from "node:net";

import { SessionError } from "./session-error.ts";

/** Account, server and datastore, as one text names them (spec auth.md §11.1). */
export interface Repository {
  /** User or API token as it was given; use {@link authIdOf} for the one in effect. */
  readonly authId?: string;
  /** Host name or address as it was given, IPv6 without brackets; see {@link hostOf}. */
  readonly host?: string;
  /** Port as it was given; see {@link portOf}. */
  readonly port?: number;
  /** Name of the datastore. */
  readonly store: string;
}

/** Parts of a repository that come as separate options or variables (spec auth.md §11.1). */
export interface RepositoryParts {
  readonly server?: string;
  readonly port?: string;
  readonly datastore?: string;
  readonly authId?: string;
}

/** Account used when a repository names none. */
export const DEFAULT_AUTH_ID = "root@pam";

/** Server used when a repository names none. */
export const DEFAULT_HOST = "localhost";

/** Port used when a repository names none. */
export const DEFAULT_PORT = 8007;

/** Longest repository text in characters (spec auth.md §11.1). */
const REPOSITORY_LENGTH_MAX = 256;

const SAFE_ID = "[A-Za-z0-9_][A-Za-z0-9._-]*";
const AUTH_ID = `[^\\s:/\\p{Cc}]+@${SAFE_ID}(?:!${SAFE_ID})?`;
const LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?";
const HOST = `(?:${LABEL}(?:\\.${LABEL})*|\\[[0-9a-fA-F:.]+\\])`;
const REPOSITORY_PATTERN = new RegExp(
  `^(?:(?:(?<authId>${AUTH_ID})@)?(?<host>${HOST}):)?(?:(?<port>[0-9]{1,5}):)?(?<store>${SAFE_ID})$`,
  "u",
);
const AUTH_ID_PATTERN = new RegExp(`^${AUTH_ID}$`, "u");
const HOST_PATTERN = new RegExp(`^${HOST}$`, "u");
const STORE_PATTERN = new RegExp(`^${SAFE_ID}$`, "u");

/**
 * Parses `[[AUTHID@]HOST:][PORT:]STORE`.
 *
 * A bare number before the store is a host, since it is a valid name; an account needs a host.
 *
 * @throws {SessionError} `SESSION_REPOSITORY_INVALID`.
 */
export function parseRepository(text: string): Repository {
  const groups =
    text.length <= REPOSITORY_LENGTH_MAX ? REPOSITORY_PATTERN.exec(text)?.groups : undefined;
  const store = groups?.["store"];
  if (groups === undefined || store === undefined) {
    throw invalid(text, "the form is [[USER@REALM[!TOKEN]@]HOST:][PORT:]DATASTORE");
  }
  return makeRepository(groups["authId"], groups["host"], groups["port"], store);
}

/**
 * Builds a repository of separate parts; the datastore is required.
 *
 * @throws {SessionError} `SESSION_REPOSITORY_INVALID`, `SESSION_REPOSITORY_MISSING` without a datastore.
 */
export function repositoryOfParts(parts: RepositoryParts): Repository {
  const { datastore, authId, server, port } = parts;
  if (datastore === undefined) {
    throw new SessionError(
      "SESSION_REPOSITORY_MISSING",
      "Cannot choose a repository: a server was given, but no datastore (--datastore, PBS_DATASTORE)",
    );
  }
  if (!STORE_PATTERN.test(datastore)) throw invalid(datastore, "not a datastore name");
  if (authId !== undefined && !AUTH_ID_PATTERN.test(authId))
    throw invalid(authId, "not an account");
  const host = server !== undefined && isIPv6(server) ? `[${server}]` : server;
  if (host !== undefined && !HOST_PATTERN.test(host)) throw invalid(host, "not a host");
  if (port !== undefined && !/^[0-9]{1,5}$/.test(port)) throw invalid(port, "not a port");
  return makeRepository(authId, host, port, datastore);
}

/** What {@link resolveRepository} chooses from. */
export interface RepositoryInput {
  /** `--repository`. */
  readonly option?: string;
  /** `--server`, `--port`, `--datastore`, `--auth-id`. */
  readonly optionParts: RepositoryParts;
  /** `PBS_REPOSITORY` or the systemd credential. */
  readonly variable?: string;
  /** `PBS_SERVER`, `PBS_PORT`, `PBS_DATASTORE`, `PBS_AUTH_ID`. */
  readonly variableParts: RepositoryParts;
}

/**
 * Chooses the repository of one run: the command line first, then the environment (spec auth.md §11.1).
 *
 * Any part given as an option makes all parts come from options and part variables, and `PBS_REPOSITORY` is not looked
 * at.
 *
 * @throws {SessionError} `SESSION_REPOSITORY_INVALID`, `SESSION_REPOSITORY_MISSING`.
 */
export function resolveRepository(input: RepositoryInput): Repository {
  const { option, optionParts, variable, variableParts } = input;
  if (option !== undefined) {
    if (hasParts(optionParts)) {
      throw new SessionError(
        "SESSION_REPOSITORY_INVALID",
        "Cannot combine --repository with --server, --port, --datastore or --auth-id",
      );
    }
    return parseRepository(option);
  }
  if (hasParts(optionParts)) return repositoryOfParts({ ...variableParts, ...given(optionParts) });
  if (variable !== undefined) return parseRepository(variable);
  if (hasParts(variableParts)) return repositoryOfParts(variableParts);
  throw new SessionError(
    "SESSION_REPOSITORY_MISSING",
    "Cannot choose a repository: none was given (--repository, PBS_REPOSITORY)",
  );
}

/** Prints the canonical form: `authid@host:port:store`, `host:port:store`, `host:store` or `store`. */
export function printRepository(repository: Repository): string {
  const { authId, host, port, store } = repository;
  if (authId !== undefined) {
    return `${authId}@${bracketed(hostOf(repository))}:${portOf(repository)}:${store}`;
  }
  if (port !== undefined) return `${bracketed(hostOf(repository))}:${port}:${store}`;
  if (host !== undefined) return `${bracketed(host)}:${store}`;
  return store;
}

/** Account in effect. */
export function authIdOf(repository: Repository): string {
  return repository.authId ?? DEFAULT_AUTH_ID;
}

/** Host in effect, IPv6 without brackets. */
export function hostOf(repository: Repository): string {
  return repository.host ?? DEFAULT_HOST;
}

/** Port in effect. */
export function portOf(repository: Repository): number {
  return repository.port ?? DEFAULT_PORT;
}

/** Puts brackets around an IPv6 address, as URLs need them. */
export function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

function makeRepository(
  authId: string | undefined,
  host: string | undefined,
  port: string | undefined,
  store: string,
): Repository {
  const bare = host?.startsWith("[") === true ? host.slice(1, -1) : host;
  if (bare?.includes(":") === true && !isIPv6(bare)) throw invalid(bare, "not an IPv6 address");
  const portNumber = port === undefined ? undefined : Number(port);
  if (portNumber !== undefined && (portNumber < 1 || portNumber > 65535)) {
    throw invalid(String(portNumber), "a port is between 1 and 65535");
  }
  return {
    store,
    ...(authId === undefined ? {} : { authId }),
    ...(bare === undefined ? {} : { host: bare }),
    ...(portNumber === undefined ? {} : { port: portNumber }),
  };
}

function hasParts(parts: RepositoryParts): boolean {
  return Object.keys(given(parts)).length > 0;
}

function given(parts: RepositoryParts): RepositoryParts {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined));
}

function invalid(text: string, reason: string): SessionError {
  const shown = text.slice(0, 80);
  return new SessionError(
    "SESSION_REPOSITORY_INVALID",
    `Cannot use "${shown}" as a repository: ${reason}`,
  );
}
