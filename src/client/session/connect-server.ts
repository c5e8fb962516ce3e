import { type Clock } from "../../format/clock.ts";
import { parseFingerprint } from "../../format/crypto/fingerprint.ts";
import { type ClientConfig } from "../config.ts";
import {
  type Authentication,
  TICKET_REFRESH_MS,
  TicketAuthentication,
  tokenAuthentication,
} from "./authentication.ts";
import { BackupServer } from "./backup-server.ts";
import { type Endpoint } from "./connect-tls.ts";
import { fingerprintsFile } from "./known-fingerprints.ts";
import { parseProxy } from "./open-tunnel.ts";
import { authIdOf, hostOf, portOf, type Repository } from "./repository.ts";
import { RestClient } from "./rest-client.ts";
import { SessionError } from "./session-error.ts";
import { readSetting } from "./read-setting.ts";
import { type Prompts } from "./terminal-prompts.ts";
import { TicketCache } from "./ticket-cache.ts";
import { type TrustPolicy } from "./trust-policy.ts";

/** What a connection to a server is decided by. */
export interface ConnectServerOptions {
  readonly repository: Repository;
  readonly config: ClientConfig;
  readonly clock: Clock;
  /** Who can be asked for a password or about a certificate; nobody when left out. */
  readonly prompts?: Prompts;
}

/**
 * Prepares the use of a server: reads fingerprint and credentials, connects nothing yet.
 *
 * An account with a `!` is an API token, whose secret must be given. For a user, the password comes from its
 * settings, else a cached ticket is used, else the terminal is asked (spec auth.md §11.3).
 *
 * @throws {SessionError} `SESSION_CREDENTIALS_MISSING`, `SESSION_CREDENTIALS_UNREADABLE`, `SESSION_UNTRUSTED`.
 */
export async function connectServer(options: ConnectServerOptions): Promise<BackupServer> {
  const { repository } = options;
  const endpoint = endpointOf(options);
  const trust = await trustPolicy(options);
  const rest = new RestClient(endpoint, trust);
  try {
    const authentication = await chooseAuthentication(options, rest);
    return new BackupServer({ repository, endpoint, trust, rest, authentication });
  } catch (error) {
    rest[Symbol.dispose]();
    throw error;
  }
}

/**
 * Logs in with the password, not with a cached ticket, and leaves the ticket for later commands.
 *
 * @throws {SessionError} also when there is no place to leave it, or the account is an API token.
 */
export async function logIn(options: ConnectServerOptions, signal?: AbortSignal): Promise<void> {
  const { repository, config, clock } = options;
  const userId = userIdOf(repository);
  const cache = ticketCache(config, clock);
  using rest = await openRest(options);
  using login = new TicketAuthentication({
    rest,
    userId,
    askPassword: passwordSource(options, userId),
    clock,
    refreshMs: TICKET_REFRESH_MS,
  });
  await cache.store(hostOf(repository), userId, await login.ticket(signal));
}

/** Forgets the ticket that {@link logIn} left; nothing happens when there is none. */
export async function logOut(
  repository: Repository,
  config: ClientConfig,
  clock: Clock,
): Promise<void> {
  await ticketCache(config, clock).remove(hostOf(repository), userIdOf(repository));
}

async function openRest(options: ConnectServerOptions): Promise<RestClient> {
  return new RestClient(endpointOf(options), await trustPolicy(options));
}

/** The server's address, with the environment's proxy unless the server is this machine. */
function endpointOf({ repository, config }: ConnectServerOptions): Endpoint {
  const host = hostOf(repository);
  const isLocal = /^(?:localhost|127\.[0-9.]+|::1)$/.test(host);
  const { proxy } = config;
  return {
    host,
    port: portOf(repository),
    ...(proxy === undefined || proxy === "" || isLocal ? {} : { proxy: parseProxy(proxy) }),
  };
}

async function trustPolicy({ config, prompts }: ConnectServerOptions): Promise<TrustPolicy> {
  const expected = await readSetting(config.fingerprint, "fingerprint");
  return {
    known: fingerprintsFile(config.fingerprintsFile),
    ...(expected === undefined || expected === ""
      ? {}
      : { expected: parseFingerprint(expected.trim()) }),
    ...(prompts ? { confirm: prompts.confirmFingerprint } : {}),
  };
}

async function chooseAuthentication(
  options: ConnectServerOptions,
  rest: RestClient,
): Promise<Authentication> {
  const { repository, config, clock } = options;
  const authId = authIdOf(repository);
  const askPassword = passwordSource(options, authId);
  if (authId.includes("!")) return tokenAuthentication(authId, await askPassword());
  const given = await readSetting(config.password, "password");
  const cached =
    given === undefined && config.ticketFile !== undefined
      ? await new TicketCache(config.ticketFile, clock).find(hostOf(repository), authId)
      : undefined;
  return new TicketAuthentication({
    rest,
    userId: authId,
    askPassword: given === undefined ? askPassword : async () => await Promise.resolve(given),
    clock,
    refreshMs: TICKET_REFRESH_MS,
    ...(cached ? { cached } : {}),
  });
}

function passwordSource(options: ConnectServerOptions, authId: string): () => Promise<string> {
  const { config, prompts } = options;
  return async () => {
    const given = await readSetting(config.password, "password");
    if (given !== undefined) return given;
    if (prompts) return await prompts.password(`Password for "${authId}":`);
    throw new SessionError(
      "SESSION_CREDENTIALS_MISSING",
      `Cannot authenticate as "${authId}": no password or token secret was given (PBS_PASSWORD), and there is no terminal to ask on`,
    );
  };
}

function ticketCache(config: ClientConfig, clock: Clock): TicketCache {
  if (config.ticketFile === undefined) {
    throw new SessionError(
      "SESSION_CREDENTIALS_UNREADABLE",
      "Cannot keep a login: XDG_RUNTIME_DIR is not set",
    );
  }
  return new TicketCache(config.ticketFile, clock);
}

function userIdOf(repository: Repository): string {
  const authId = authIdOf(repository);
  if (!authId.includes("!")) return authId;
  throw new SessionError(
    "SESSION_CREDENTIALS_UNREADABLE",
    `Cannot log in as "${authId}": API tokens need no login`,
  );
}
