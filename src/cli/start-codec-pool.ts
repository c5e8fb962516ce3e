import { availableParallelism } from "node:os";

import { CodecPool } from "../chunks/codec-pool.ts";
import { tuneMemory } from "./tune-memory.ts";

/** Codec threads beyond this number have nothing to do: reading and sending take the rest. */
const CODEC_THREADS_MAX = 4;

/** Starts the codec threads of a command that moves backups, as many as this machine has use for. */
export function startCodecPool(): CodecPool {
  tuneMemory();
  return CodecPool.create({ workerCount: Math.min(availableParallelism(), CODEC_THREADS_MAX) });
}
