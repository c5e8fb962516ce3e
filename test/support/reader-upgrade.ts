import { type TLSSocket } from "node:tls";

import { connectTls } from "../../src/client/session/connect-tls.ts";
import { type SocketInput } from "../../src/client/session/socket-input.ts";
import { type TrustPolicy } from "../../src/client/session/trust-policy.ts";
import {
  upgradeConnection,
  type UpgradeRequest,
} from "../../src/client/session/upgrade-connection.ts";
import { parseFingerprint } from "../../src/format/crypto/fingerprint.ts";
import { type FakeBackupServer } from "./fake-backup-server.ts";

/** Connects to a fake server, and upgrades; what comes goes into `input` if that is given. */
export async function upgradedSocket(
  server: FakeBackupServer,
  input?: SocketInput,
): Promise<TLSSocket> {
  const endpoint = { host: "127.0.0.1", port: server.port };
  const timeoutMs = 5000;
  const socket = await connectTls(endpoint, trustIn(server), {
    timeoutMs,
    ...(input ? { input } : {}),
  });
  await upgradeConnection(socket, readerUpgrade, {
    timeoutMs,
    ...(input ? { input: input.early } : {}),
  });
  return socket;
}

/** The upgrade of a connection to a fake server. */
export const readerUpgrade: UpgradeRequest = {
  path: "/api2/json/reader?store=tank",
  protocol: "proxmox-backup-reader-protocol-v1",
  authority: "127.0.0.1",
  headers: {},
};

/** Trusts a fake server by its fingerprint, and remembers nothing. */
function trustIn({ fingerprint }: FakeBackupServer): TrustPolicy {
  return {
    expected: parseFingerprint(fingerprint),
    known: { find: () => Promise.resolve(undefined), store: () => Promise.resolve() },
  };
}
