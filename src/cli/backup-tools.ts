import { availableParallelism } from "node:os";

import { CodecPool } from "../chunks/codec-pool.ts";
import { type BackupTools } from "../client/backup/run-backup.ts";
import { PackThread } from "../client/archive/pack-thread.ts";
import { createNativeProvider } from "../format/crypto/native-provider.ts";

/** Codec threads beyond this number have nothing to do: reading and sending take the rest. */
const CODEC_THREADS_MAX = 4;

/** Starts the threads of a backup, and ends them when `use` has ended. */
export async function startBackupTools(
  use: (tools: Pick<BackupTools, "provider" | "pool" | "thread">) => Promise<void>,
): Promise<void> {
  await using thread = PackThread.start();
  await using pool = CodecPool.create({ workerCount: codecThreadCount() });
  await use({ provider: createNativeProvider(), pool, thread });
}

/** How many codec threads this machine gets. */
export function codecThreadCount(): number {
  return Math.min(availableParallelism(), CODEC_THREADS_MAX);
}
