import { readFileSync } from "node:fs";
import { join } from "node:path";

import { timeText } from "../../src/format/snapshot/time-text.ts";
import { fixtures } from "./fixtures.ts";

/** Content of a message; of a long one there is only the length and digest. */
export interface Body {
  readonly len: number;
  readonly text?: string;
  readonly hex?: string;
  readonly sha256?: string;
}

/** One line of a recording: a message of HTTP/1.1, or a frame of HTTP/2. */
export interface RecordedEvent {
  readonly conn: number;
  readonly from?: "client" | "server";
  readonly proto?: "http/1.1" | "h2";
  readonly first_line?: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: Body | null;
  readonly frame?: string;
  readonly stream?: number;
  readonly flags?: readonly string[];
  readonly data?: Body;
}

/** The datastore that the recordings were made with. */
export const recordedStore: string = join(fixtures, "datastore-real/store");

/** The events of `fixtures/protocol/NAME.jsonl`, in the order in which they were seen. */
export function recordedEvents(name: string): readonly RecordedEvent[] {
  return readFileSync(join(fixtures, `protocol/${name}.jsonl`), "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as RecordedEvent);
}

/** Parameters of a request line or target. */
export function queryOf(target: string): URLSearchParams {
  return new URLSearchParams(/\?(\S+)/.exec(target)?.[1]);
}

/** Folder of the snapshot that an upgrade request names. */
export function snapshotFolder(target: string): string {
  const query = queryOf(target);
  const namespace = (query.get("ns") ?? "").split("/").filter((part) => part !== "");
  return join(
    ...namespace.map((part) => `ns/${part}`),
    query.get("backup-type") ?? "",
    query.get("backup-id") ?? "",
    timeText(Number(query.get("backup-time"))),
  );
}

/** The chunk, or the file of a snapshot, that a request in a session names, as it is in the datastore. */
export function storedFile(target: string, folder: string): Buffer {
  const query = queryOf(target);
  const digest = query.get("digest");
  const name = query.get("file-name") ?? query.get("archive-name");
  return readFileSync(
    name === null && digest !== null
      ? join(recordedStore, ".chunks", digest.slice(0, 4), digest)
      : join(recordedStore, folder, name ?? ""),
  );
}
