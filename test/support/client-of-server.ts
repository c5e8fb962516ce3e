import { join } from "node:path";

import { type ClientConfig, readClientConfig } from "../../src/client/config.ts";
import { type BackupServer } from "../../src/client/session/backup-server.ts";
import { connectServer } from "../../src/client/session/connect-server.ts";
import { parseRepository } from "../../src/client/session/repository.ts";
import { systemClock } from "../../src/format/clock.ts";
import { type TestServer } from "./test-server.ts";

/** Settings of a client that knows a test server, with its files in `folder`. */
export function configFor(
  server: TestServer,
  folder: string,
  variables: Readonly<Record<string, string>> = {},
): ClientConfig {
  return readClientConfig({
    PBS_FINGERPRINT: server.fingerprint,
    XDG_RUNTIME_DIR: folder,
    XDG_CONFIG_HOME: join(folder, "config"),
    ...variables,
  });
}

/** A client that uses the token of a test server, through another port if one is given. */
export async function clientOf(
  server: TestServer,
  folder: string,
  port: number = server.port,
): Promise<BackupServer> {
  return await connectServer({
    repository: parseRepository(`${server.tokenId}@127.0.0.1:${port}:store1`),
    config: configFor(server, folder, { PBS_PASSWORD: server.tokenSecret }),
    clock: systemClock,
  });
}
