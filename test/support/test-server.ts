import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { type FastifyBaseLogger } from "fastify";
import { pino } from "pino";

import { remoteAccess } from "../../src/cli/remote-access.ts";
import { type Clock, systemClock } from "../../src/format/clock.ts";
import { type Login } from "../../src/server/auth/authenticator.ts";
import { type RouteDescription } from "../../src/server/http/route.ts";
import { type Ticker } from "../../src/server/jobs/every-minute.ts";
import { type ServerEnvironment, startServer } from "../../src/server/main.ts";
import { ManualTicker } from "./manual-ticker.ts";
import { rawCall } from "./raw-client.ts";
import { tempDir } from "./temp-dir.ts";

/** A server of its own for one test, with a datastore `store1` and a token that may do everything. */
export interface TestServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly fingerprint: string;
  /** Administrator, realm pbs. */
  readonly user: string;
  readonly password: string;
  /** Token of the administrator with the role Admin on `/`. */
  readonly tokenId: string;
  readonly tokenSecret: string;
  /** Value of an `Authorization` header with the token. */
  readonly authorization: string;
  readonly storePath: string;
  readonly configPath: string;
  readonly auditPath: string;
  /** Every route of its API. */
  readonly routes: readonly RouteDescription[];
  /** Makes the server read its configuration files again. */
  reload(): Promise<void>;
  /** Ends the server and starts it again on the same data, on another port. */
  close(): Promise<void>;
}

/** What a test may want to be different. */
export interface TestServerOptions {
  readonly clock?: Clock;
  /** Existing datastore to serve in place of a new one. */
  readonly storePath?: string;
  /** Existing configuration folder in place of a new one. */
  readonly configPath?: string;
  /** Existing folder of tasks in place of a new one. */
  readonly taskPath?: string;
  /** Files to put into the configuration folder first, by name. */
  readonly extraConfig?: Readonly<Record<string, string>>;
  /** How long 401 replies are held back; none unless the test is about it. */
  readonly unauthenticatedDelayMs?: number;
  readonly uploadMemoryBytes?: number;
  readonly untakenBytesMax?: number;
  /** How long sessions may go on when the server is closed; not at all unless the test is about it. */
  readonly sessionGraceMs?: number;
  /** What wakes the scheduler; nothing does otherwise. */
  readonly everyMinute?: Ticker;
  /** Existing folder of what the server remembers in place of a new one. */
  readonly statePath?: string;
  /** Where the log goes; nowhere unless the test is about it. */
  readonly logger?: FastifyBaseLogger;
  /** How notifications go out, where that is not the usual way. */
  readonly delivery?: ServerEnvironment["delivery"];
  /** Built web page to serve; none unless the test is about it. */
  readonly webDirectory?: string;
}

/** Starts a server in this process on a free port of the loopback interface. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const folder = await tempDir();
  const storePath = options.storePath ?? join(folder.path, "store1");
  const configPath = options.configPath ?? join(folder.path, "config");
  const user = "admin@pbs";
  const password = "test-password";
  await mkdir(configPath, { recursive: true });
  for (const [name, text] of Object.entries(options.extraConfig ?? {})) {
    await writeFile(join(configPath, name), text);
  }
  const server = await startServer(
    {
      configDirectory: configPath,
      taskDirectory: options.taskPath ?? join(folder.path, "tasks"),
      stateDirectory: options.statePath ?? join(folder.path, "state"),
      webDirectory: options.webDirectory ?? join(folder.path, "web"),
      auditFile: join(folder.path, "audit.log"),
      listen: { host: "127.0.0.1", port: 0 },
      datastores: [{ name: "store1", path: storePath }],
      adminUser: user,
      hostName: "test-host",
      unauthenticatedDelayMs: options.unauthenticatedDelayMs ?? 0,
      forbiddenDelayMs: 0,
      uploadMemoryBytes: options.uploadMemoryBytes ?? 64 * 1024 * 1024,
      untakenBytesMax: options.untakenBytesMax ?? 384 * 1024 * 1024,
      sessionGraceMs: options.sessionGraceMs ?? 0,
      chunkFolders: "on-demand",
    },
    {
      clock: options.clock ?? systemClock,
      logger:
        options.logger ??
        pino({ level: process.env["AMBER_TEST_LOG"] ?? "silent" }, pino.destination(2)),
      product: { name: "amber", version: "test" },
      adminPassword: password,
      replies: "checked",
      remotes: remoteAccess(options.clock ?? systemClock),
      everyMinute: options.everyMinute ?? new ManualTicker().ticker,
      ...(options.delivery ? { delivery: options.delivery } : {}),
    },
  );
  const call = async <Data>(
    method: string,
    path: string,
    body: unknown,
    headers: Readonly<Record<string, string>>,
  ): Promise<Data> => {
    const answer = await rawCall(server.port, `${method} /api2/json${path}`, {
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
    return (JSON.parse(answer.text) as { data: Data }).data;
  };
  const login = await call<Login>("POST", "/access/ticket", { username: user, password }, {});
  const cookie = {
    cookie: `PBSAuthCookie=${login.ticket}`,
    csrfpreventiontoken: login.CSRFPreventionToken,
  };
  const tokenPath = `/access/users/${user}/token/test`;
  if (options.configPath !== undefined) {
    // A server that was there before on this configuration has made it already.
    await rawCall(server.port, `DELETE /api2/json${tokenPath}`, { headers: cookie });
  }
  const token = await call<{ tokenid: string; value: string }>("POST", tokenPath, {}, cookie);
  const assignment = { path: "/", role: "Admin", "auth-id": token.tokenid };
  await call("PUT", "/access/acl", assignment, cookie);
  return {
    url: server.url,
    port: server.port,
    fingerprint: server.fingerprint,
    user,
    password,
    tokenId: token.tokenid,
    tokenSecret: token.value,
    authorization: `PBSAPIToken=${token.tokenid}:${token.value}`,
    storePath,
    configPath,
    auditPath: join(folder.path, "audit.log"),
    routes: server.routes,
    reload: async () => {
      await server.reload();
    },
    close: async () => {
      await server.close();
    },
    [Symbol.asyncDispose]: async () => {
      await server.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** A token `other@pbs!tok` besides the administrator's, with one role on `/`. */
export async function otherToken(
  server: TestServer,
  role = "DatastoreBackup",
): Promise<{ readonly authorization: string }> {
  const { authorization, port } = server;
  const call = async (line: string, body: unknown): Promise<string> => {
    const headers = { authorization, "content-type": "application/json" };
    return (await rawCall(port, line, { headers, body: JSON.stringify(body) })).text;
  };
  await call("DELETE /api2/json/access/users/other@pbs", {});
  await call("POST /api2/json/access/users", { userid: "other@pbs" });
  const made = await call("POST /api2/json/access/users/other@pbs/token/tok", {});
  const { data } = JSON.parse(made) as { data: { value: string } };
  for (const id of ["other@pbs", "other@pbs!tok"]) {
    await call("PUT /api2/json/access/acl", { path: "/", role, "auth-id": id });
  }
  return { authorization: `PBSAPIToken other@pbs!tok:${data.value}` };
}
