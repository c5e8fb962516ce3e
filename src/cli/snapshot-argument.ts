import { type BackupServer } from "../client/session/backup-server.ts";
import { type Namespace } from "../format/snapshot/namespace.ts";
import { type BackupGroup, type SnapshotId } from "../format/snapshot/snapshot-id.ts";
import { CliError } from "./cli-error.ts";

/**
 * Finds the snapshot that an argument means: `type/id/time`, or with `type/id` the newest finished one of the group
 * (spec client-cli.md §1).
 *
 * A snapshot given in full is not looked up.
 *
 * @throws {FormatError} for anything else; {@link CliError} `CLI_NOT_FOUND` for a group without finished snapshots.
 */
export async function findSnapshot(
  server: BackupServer,
  namespace: Namespace,
  text: string,
  signal: AbortSignal,
): Promise<SnapshotId> {
  const { parseBackupGroup, parseSnapshotId } = await import("../format/snapshot/snapshot-id.ts");
  if (text.split("/").length === 3) return parseSnapshotId(text);
  return await newestSnapshot(server, namespace, parseBackupGroup(text), signal);
}

async function newestSnapshot(
  server: BackupServer,
  namespace: Namespace,
  group: BackupGroup,
  signal: AbortSignal,
): Promise<SnapshotId> {
  const { listSnapshots } = await import("../client/session/list-datastore.ts");
  const listed = await listSnapshots(server, namespace, { group, signal });
  const newest = listed.filter(({ isFinished }) => isFinished).at(-1);
  if (newest) return newest.snapshot;
  throw new CliError(
    "CLI_NOT_FOUND",
    `Cannot find a snapshot of "${group.type}/${group.id}": the group has no finished one`,
  );
}
