import { type BackupTools } from "../client/backup/run-backup.ts";
import { PackThread } from "../client/archive/pack-thread.ts";
import { createNativeProvider } from "../format/crypto/native-provider.ts";
import { startCodecPool } from "./start-codec-pool.ts";
import { tuneMemory } from "./tune-memory.ts";

/** Starts the threads of a backup, and ends them when `use` has ended. */
export async function startBackupTools(
  use: (tools: Pick<BackupTools, "provider" | "pool" | "thread">) => Promise<void>,
): Promise<void> {
  tuneMemory();
  await using thread = PackThread.start();
  await using pool = startCodecPool();
  await use({ provider: createNativeProvider(), pool, thread });
}
