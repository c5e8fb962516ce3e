import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { BackupServer } from "../../client/session/backup-server.ts";
import { RestClient } from "../../client/session/rest-client.ts";
import { parseFingerprint } from "../../format/crypto/fingerprint.ts";
import { systemClock } from "../../format/clock.ts";
import { loadAuthKeys } from "../../server/auth/auth-key-files.ts";
import { ROOT_USER } from "../../server/auth/auth-id.ts";
import { makeCsrfToken } from "../../server/auth/csrf-token.ts";
import { signTicket } from "../../server/auth/ticket.ts";
import { readServerConfig } from "../../server/config.ts";
import { ConfigDirectory } from "../../server/configuration/config-directory.ts";
import { certificateFingerprint } from "../../server/tls/server-certificate.ts";
import { CliError } from "../cli-error.ts";
import { LISTENING_FILE } from "../listening-file.ts";

/**
 * Connects to the server that runs on this machine with a configuration folder, as `root@pam`.
 *
 * Whoever can read the folder's keys can log in as anyone, so no password is asked: the ticket is made here. The certificate must be
 * the one that lies in the folder.
 *
 * @throws {CliError} `CLI_USAGE` when no server has run with this folder, or it may not be read.
 */
export async function openLocalServer(config: string | undefined): Promise<BackupServer> {
  const { configDirectory, stateDirectory } = readServerConfig({
    ...(config === undefined ? {} : { config }),
    datastore: [],
    listen: "0",
    admin: ROOT_USER,
    sessionGrace: "0",
  });
  const [pem, listening] = await Promise.all([
    readNeeded(join(configDirectory, "proxy.pem")),
    readNeeded(join(stateDirectory, LISTENING_FILE)),
    readNeeded(join(configDirectory, "authkey.key")),
  ]);
  const { host, port } = parseListening(listening);
  const keys = await loadAuthKeys(await ConfigDirectory.open(configDirectory));
  const endpoint = { host: ["::", "0.0.0.0"].includes(host) ? "127.0.0.1" : host, port };
  // The fingerprint decides, so nothing is looked up or remembered.
  const known = {
    find: (): never => assert.fail("the fingerprint is given"),
    store: (): never => assert.fail("nobody was asked"),
  };
  const trust = { expected: parseFingerprint(certificateFingerprint(pem)), known };
  const headers = async (): Promise<Readonly<Record<string, string>>> => {
    const nowSec = systemClock.nowSec();
    const ticket = signTicket(ROOT_USER, nowSec, keys.ticketPrivateKey);
    return await Promise.resolve({
      Cookie: `PBSAuthCookie=${encodeURIComponent(ticket)}`,
      CSRFPreventionToken: makeCsrfToken(ROOT_USER, nowSec, keys.csrfSecret),
    });
  };
  return new BackupServer({
    repository: { ...endpoint, authId: ROOT_USER, store: "" },
    endpoint,
    trust,
    rest: new RestClient(endpoint, trust),
    authentication: { headers, [Symbol.dispose]: () => undefined },
  });
}

async function readNeeded(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    const what = "no server has run with this configuration, or it belongs to another user";
    throw new CliError("CLI_USAGE", `Cannot read "${path}": ${what}`, { cause });
  }
}

function parseListening(text: string): { readonly host: string; readonly port: number } {
  const value: unknown = JSON.parse(text);
  if (
    typeof value === "object" &&
    value !== null &&
    "host" in value &&
    typeof value.host === "string" &&
    "port" in value &&
    typeof value.port === "number"
  ) {
    return { host: value.host, port: value.port };
  }
  throw new CliError(
    "CLI_USAGE",
    `Cannot use "${LISTENING_FILE}": it does not say where the server listens`,
  );
}
