import { type TLSSocket } from "node:tls";

import { LOOK_EVERY_MS } from "../../linux/notice-hang-up.ts";
import { type Authentication } from "./authentication.ts";
import { type QueryValue, renderQuery } from "./answer-to.ts";
import { Http2Connection } from "./http2-connection.ts";
import { authIdOf, bracketed, type Repository } from "./repository.ts";
import { type ApiMethod, type ApiParameters, type RestClient, USER_AGENT } from "./rest-client.ts";
import { type WholeAnswer } from "./server-answer.ts";
import { CONNECT_TIMEOUT_MS, connectTls, type Endpoint } from "./connect-tls.ts";
import { ReadingConnection } from "./reading-connection.ts";
import { SocketInput } from "./socket-input.ts";
import { type TrustPolicy } from "./trust-policy.ts";
import { upgradeConnection } from "./upgrade-connection.ts";

/** Time for the answer to an upgrade; the server may first wait for a lock or load a large manifest. */
const UPGRADE_TIMEOUT_MS = 120_000;

/** What a connection is upgraded to, by the last component of the path that is asked for. */
const upgradeProtocols = {
  backup: "proxmox-backup-protocol-v1",
  reader: "proxmox-backup-reader-protocol-v1",
} as const;

/** Parameters of an upgrade. */
export type SessionQuery = Readonly<Record<string, QueryValue>>;

/** What a {@link BackupServer} is made of. */
export interface BackupServerParts {
  readonly repository: Repository;
  /** Where the repository's server is reached. */
  readonly endpoint: Endpoint;
  readonly trust: TrustPolicy;
  readonly rest: RestClient;
  readonly authentication: Authentication;
}

/**
 * One datastore of one server, as one account sees it: API calls and sessions.
 *
 * Nothing is connected until it is needed. Disposing closes API connections; sessions live on by themselves.
 */
export class BackupServer implements Disposable {
  readonly repository: Repository;
  /** Where the server listens. */
  readonly endpoint: Endpoint;
  readonly #trust: TrustPolicy;
  readonly #rest: RestClient;
  readonly #authentication: Authentication;

  constructor(parts: BackupServerParts) {
    this.repository = parts.repository;
    this.endpoint = parts.endpoint;
    this.#trust = parts.trust;
    this.#rest = parts.rest;
    this.#authentication = parts.authentication;
  }

  /**
   * Calls the API as the account.
   *
   * @param path Path below `/api2/json/`.
   * @returns The `data` member of the answer.
   * @throws {ApiError} {@link SessionError}
   */
  async call(
    method: ApiMethod,
    path: string,
    parameters: ApiParameters = {},
    signal?: AbortSignal,
  ): Promise<unknown> {
    return (await this.callWhole(method, path, parameters, signal)).data;
  }

  /** Like {@link call}, but with what stands beside `data` in the answer. */
  async callWhole(
    method: ApiMethod,
    path: string,
    parameters: ApiParameters = {},
    signal?: AbortSignal,
  ): Promise<WholeAnswer> {
    const headers = await this.#authentication.headers(signal);
    return await this.#rest.callWhole(
      method,
      path,
      parameters,
      signal ? { headers, signal } : { headers },
    );
  }

  /**
   * Calls the API of the datastore.
   *
   * @param path Path below `admin/datastore/{store}/`, for example `snapshots`.
   */
  async callStore(
    method: ApiMethod,
    path: string,
    parameters: ApiParameters = {},
    signal?: AbortSignal,
  ): Promise<unknown> {
    const { store } = this.repository;
    return await this.call(method, `admin/datastore/${store}/${path}`, parameters, signal);
  }

  /**
   * Sends bytes to the API of the datastore, with the parameters in the query.
   *
   * @param body Borrowed.
   */
  async uploadToStore(
    path: string,
    parameters: Readonly<Record<string, QueryValue>>,
    body: Uint8Array,
    signal: AbortSignal,
  ): Promise<void> {
    const headers = await this.#authentication.headers(signal);
    const { store } = this.repository;
    const target = `admin/datastore/${store}/${path}`;
    await this.#rest.upload(target, parameters, body, { headers, signal });
  }

  /** The account in effect. */
  get authId(): string {
    return authIdOf(this.repository);
  }

  /**
   * Opens a session to write: connects, proves the server, upgrades (spec backup-protocol.md §2).
   *
   * @param query Parameters of the upgrade besides the datastore's name.
   * @throws {ApiError} the server's refusal; {@link SessionError}
   */
  async openBackup(query: SessionQuery, signal?: AbortSignal): Promise<Http2Connection> {
    const socket = await this.#upgrade("backup", query, signal ? { signal } : {});
    return new Http2Connection(socket, this.#authority, { lookEveryMs: LOOK_EVERY_MS });
  }

  /**
   * The same for a session to read (spec reader-protocol.md §1).
   *
   * @throws {ApiError} the server's refusal; {@link SessionError}
   */
  async openReader(query: SessionQuery, signal?: AbortSignal): Promise<ReadingConnection> {
    const input = new SocketInput();
    const socket = await this.#upgrade("reader", query, { input, ...(signal ? { signal } : {}) });
    return new ReadingConnection({ socket, input, authority: this.#authority });
  }

  [Symbol.dispose](): void {
    this.#authentication[Symbol.dispose]();
    this.#rest[Symbol.dispose]();
  }

  get #authority(): string {
    return `${bracketed(this.endpoint.host)}:${this.endpoint.port}`;
  }

  async #upgrade(
    kind: keyof typeof upgradeProtocols,
    query: SessionQuery,
    { signal, input }: { readonly signal?: AbortSignal; readonly input?: SocketInput },
  ): Promise<TLSSocket> {
    const stop = signal ? { signal } : {};
    const headers = await this.#authentication.headers(signal);
    const socket = await connectTls(this.endpoint, this.#trust, {
      timeoutMs: CONNECT_TIMEOUT_MS,
      ...stop,
      ...(input ? { input } : {}),
    });
    await upgradeConnection(
      socket,
      {
        path: `/api2/json/${kind}?${renderQuery({ ...query, store: this.repository.store })}`,
        protocol: upgradeProtocols[kind],
        authority: this.#authority,
        headers: {
          "User-Agent": USER_AGENT,
          "Content-Type": "application/x-www-form-urlencoded",
          ...headers,
        },
      },
      { timeoutMs: UPGRADE_TIMEOUT_MS, ...stop, ...(input ? { input: input.early } : {}) },
    );
    return socket;
  }
}
