import { type TrustPolicy } from "../../src/client/session/trust-policy.ts";
import { type UpgradeRequest } from "../../src/client/session/upgrade-connection.ts";
import { parseFingerprint } from "../../src/format/crypto/fingerprint.ts";
import { type FakeBackupServer } from "./fake-backup-server.ts";

/** The upgrade of a connection to a fake server. */
export const readerUpgrade: UpgradeRequest = {
  path: "/api2/json/reader?store=tank",
  protocol: "proxmox-backup-reader-protocol-v1",
  authority: "127.0.0.1",
  headers: {},
};

/** Trusts a fake server by its fingerprint, and remembers nothing. */
export function trustIn({ fingerprint }: FakeBackupServer): TrustPolicy {
  return {
    expected: parseFingerprint(fingerprint),
    known: { find: () => Promise.resolve(undefined), store: () => Promise.resolve() },
  };
}
