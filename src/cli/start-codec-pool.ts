import { availableParallelism } from "node:os";

import { CodecPool } from "../chunks/codec-pool.ts";
import { tuneMemory } from "./tune-memory.ts";

/** Codec threads beyond this number have nothing to do: reading and sending take the rest. */
const CODEC_THREADS_MAX = 4;

/**
 * The codec threads of a command that moves backups, as many as this machine has use for.
 *
 * @param starts `later`: with the first work, for commands that have something else to do first.
 */
export function startCodecPool(starts: "now" | "later" = "now"): CodecPool {
  tuneMemory();
  const workerCount = Math.min(availableParallelism(), CODEC_THREADS_MAX);
  return CodecPool.create({ workerCount, starts });
}
