import { mapConcurrent } from "../../chunks/map-concurrent.ts";
import { rootNamespace } from "../../format/snapshot/namespace.ts";
import { parseBackupGroup } from "../../format/snapshot/snapshot-id.ts";
import { type BackupServer } from "../session/backup-server.ts";
import { parseAnswer } from "../session/server-answer.ts";
import { snapshotParameters } from "../session/session-snapshot.ts";
import { benchmarkChunk } from "./benchmark-chunk.ts";
import { type MeasuredSpeed, type MeasureOptions } from "./measured-speed.ts";

/** Chunks that are on their way at a time, as many as the recorded client had. Memory: one chunk, sent again and again. */
const IN_FLIGHT_MAX = 8;

/** Longest answer in bytes; there is nothing to say. */
const ANSWER_BYTES_MAX = 64 * 1024;

/**
 * Measures how fast chunks reach the server: sends one again and again in a session of the kind that keeps nothing.
 *
 * The server makes a snapshot of the group `host/benchmark` and removes it when the session ends, however it ends
 * (spec backup-protocol.md §8).
 *
 * @param timeSec Time in the name of that snapshot.
 * @throws {ApiError} the server's refusal; {@link SessionError}; the signal's reason when aborted.
 */
export async function measureUpload(
  server: BackupServer,
  timeSec: number,
  options: MeasureOptions,
): Promise<MeasuredSpeed> {
  const { signal, monotonicMs } = options;
  const snapshot = { ...parseBackupGroup("host/benchmark"), timeSec, namespace: rootNamespace };
  const query = { ...snapshotParameters(snapshot), benchmark: true, debug: false };
  const connection = await server.openBackup(query, signal);
  try {
    const chunk = benchmarkChunk();
    const startMs = monotonicMs();
    const answers = mapConcurrent(untilOver(startMs, options), IN_FLIGHT_MAX, async () => {
      const answer = await connection.request({
        method: "POST",
        path: "/speedtest",
        body: chunk,
        contentType: "application/x-www-form-urlencoded",
        answerBytesMax: ANSWER_BYTES_MAX,
        ...(signal ? { signal } : {}),
      });
      return parseAnswer(answer, "POST /speedtest");
    });
    let count = 0;
    while ((await answers.next()).done !== true) count += 1;
    return { count, bytes: count * chunk.length, elapsedMs: monotonicMs() - startMs };
  } finally {
    connection.destroy();
  }
}

/** One turn for each chunk, until the time is over; the first one is always there. */
function* untilOver(
  startMs: number,
  { durationMs, monotonicMs }: MeasureOptions,
): Generator<undefined, void, void> {
  do yield;
  while (monotonicMs() - startMs < durationMs);
}
