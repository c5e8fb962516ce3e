import { lstatSync, readdirSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";

import { announceLoaded } from "../../chunks/announce-loaded.ts";
import { setAccessTime } from "../../linux/file-times.ts";
import {
  type ChunkFolderAnswer,
  type ChunkFolderRequest,
  type SurveyedFile,
} from "./chunk-folder-message.ts";

// Touches and surveys millions of chunk files: synchronous calls, which cost a tenth of asynchronous ones, off the main thread.

announceLoaded();

const DIGEST_BYTES = 32;
const base: unknown = workerData;
if (!parentPort || typeof base !== "string") throw new TypeError("not started as a thread");
const port = parentPort;
/** Path of a chunk: base, four digits, 64 digits. */
const path = Buffer.from(`${base}/0000/${"0".repeat(2 * DIGEST_BYTES)}`);
const folderAt = Buffer.byteLength(base) + 1;
const nameAt = folderAt + 5;

port.on("message", (request: ChunkFolderRequest) => {
  port.postMessage(answerOf(request));
});

function answerOf(request: ChunkFolderRequest): ChunkFolderAnswer {
  try {
    return request.kind === "touch"
      ? { kind: "touched", missing: touch(request.digests, request.timeSec) }
      : { kind: "surveyed", files: request.folders.flatMap(survey) };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    return {
      kind: "failed",
      code,
      message: error instanceof Error ? error.message : String(error),
    };
  }
}

function touch(digests: Uint8Array, timeSec: number): number[] {
  const missing: number[] = [];
  const bytes = Buffer.from(digests.buffer, digests.byteOffset, digests.byteLength);
  for (let at = 0; at < bytes.length; at += DIGEST_BYTES) {
    path.write(bytes.toString("hex", at, at + DIGEST_BYTES), nameAt, "latin1");
    path.copy(path, folderAt, nameAt, nameAt + 4);
    if (!setAccessTime(path, timeSec)) missing.push(at / DIGEST_BYTES);
  }
  return missing;
}

/** Regular files of a folder; what vanishes meanwhile is passed over, every other failure ends the survey. */
function survey(folder: string): SurveyedFile[] {
  const files: SurveyedFile[] = [];
  for (const name of namesIn(`${String(base)}/${folder}`)) {
    const stat = lstatSync(`${String(base)}/${folder}/${name}`, { throwIfNoEntry: false });
    if (stat?.isFile() !== true) continue;
    files.push({ name, size: stat.size, usedAtSec: Math.floor(stat.atimeMs / 1000) });
  }
  return files;
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}
