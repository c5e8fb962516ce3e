import { existsSync } from "node:fs";
import { type ServerHttp2Stream } from "node:http2";
import { join } from "node:path";
import { type TLSSocket } from "node:tls";

import { timeText } from "../../src/format/snapshot/time-text.ts";
import { startFakeServer } from "./fake-backup-server.ts";
import { longBody } from "./recorded-bodies.ts";
import { type Body, recordedStore, snapshotFolder, storedFile } from "./recorded-events.ts";
import {
  addAppend,
  type Appends,
  contentOf,
  differentAppends,
  digestOf,
  type Exchange,
  keyOf,
  readRecording,
  sessionKey,
} from "./recording.ts";
import { plainBlob } from "./transcript.ts";

/** A server that answers one client run from the recording of the genuine server, and nothing else. */
export interface RecordedServer {
  readonly port: number;
  readonly fingerprint: string;
  /** Everything the genuine server was not asked in this way, in words. */
  readonly violations: readonly string[];
  /** Recorded requests with an effect that were not made. */
  missing(): readonly string[];
  close(): Promise<void>;
}

/** How close a run has to be to its recording. */
export interface RecordedServerOptions {
  /**
   * `recorded`: the same chunks in the same indexes; known chunks need not be sent again. `any`: whatever a server accepts,
   * for backups that place reused content in another way.
   */
  readonly uploads: "recorded" | "any";
}

/** Starts a server that knows the recording `fixtures/protocol/NAME.jsonl`. */
export async function startRecordedServer(
  name: string,
  { uploads }: RecordedServerOptions = { uploads: "recorded" },
): Promise<RecordedServer> {
  const recording = readRecording(name);
  const violations: string[] = [];
  const sessions: Exchange[][] = [...recording.sessions];
  let next = 0;
  const folders = { reader: "", backup: "" };
  const previousSec = recording.previousSec;
  const known: SessionState = {
    files: new Set(),
    chunks: new Set(),
    previous: [],
    appends: new Map(),
    opened: 0,
    closed: 0,
  };

  const onHead = (head: string, body: string, socket: TLSSocket): "upgrade" | "answered" => {
    const [line = "", ...headerLines] = head.split("\r\n");
    const headers = new Map(
      headerLines.map((text) => {
        const colon = text.indexOf(":");
        return [text.slice(0, colon).toLowerCase(), text.slice(colon + 1).trim()];
      }),
    );
    const [method = "", target = ""] = line.split(" ");
    const content = Buffer.from(body, "latin1");
    const isUpgrade = /\/(backup|reader)\?/.test(target);
    if (isUpgrade) {
      if (target.includes("/reader?")) folders.reader = snapshotFolder(target);
      else folders.backup = snapshotFolder(target);
      const wanted = recording.upgrades.find((each) => each.key === keyOf(method, target));
      if (!wanted) violations.push(`no such upgrade: ${line}`);
      else compareHeaders(wanted, headers, line, violations);
      if (wanted?.status !== 101 && wanted) {
        writeAnswer(socket, wanted, name);
        return "answered";
      }
      return "upgrade";
    }
    const wanted = recording.calls[next];
    next += 1;
    if (wanted?.key !== keyOf(method, target)) {
      violations.push(`expected ${wanted?.key ?? "no further request"}, got ${line}`);
      socket.write("HTTP/1.1 400 Bad Request\r\nContent-Length: 10\r\n\r\nunexpected");
      return "answered";
    }
    wanted.isUsed = true;
    compareHeaders(wanted, headers, line, violations);
    if (!isSameContent(content, wanted.body)) {
      violations.push(`body of ${line}: ${content.toString("latin1")}`);
    }
    writeAnswer(socket, wanted, name);
    return "answered";
  };

  const onStream = (
    stream: ServerHttp2Stream,
    headers: Readonly<Record<string, unknown>>,
    body: Buffer,
  ): void => {
    const method = String(headers[":method"]);
    const target = String(headers[":path"]);
    const key = sessionKey(method, target);
    const all = sessions.flat();
    const group = folders.backup.slice(0, folders.backup.lastIndexOf("/"));
    const reason = outOfOrder(method, target, body, known);
    if (reason !== undefined) violations.push(`${method} ${target}: ${reason}`);
    const wanted =
      all.find((each) => each.key === key && !each.isUsed) ??
      (method === "POST" ? undefined : all.find((each) => each.key === key));
    if (!wanted && method === "GET" && isReadable(target, folders.reader, known.files)) {
      stream.respond({ ":status": 200, "content-type": "application/octet-stream" });
      stream.end(storedFile(target, folders.reader));
      return;
    }
    if (!wanted && target.startsWith("/previous?") && previousSec === null) {
      // The official client tries it, too (spec backup-protocol.md §7).
      stream.respond({ ":status": 400 });
      stream.end("no valid previous backup");
      return;
    }
    if (target.startsWith("/previous?")) {
      const file = previousFile(target, group, previousSec ?? 0);
      if (target.endsWith("idx")) known.previous.push(file);
      stream.respond({ ":status": 200, "content-type": "application/octet-stream" });
      stream.end(file);
      return;
    }
    if (!wanted && uploads === "any" && /^\/dynamic_(chunk|close)\?/.test(target)) {
      stream.respond({ ":status": 200, "content-type": "application/json;charset=UTF-8" });
      stream.end('{"data":null}');
      return;
    }
    if (!wanted) {
      violations.push(`no such request in the session: ${key}`);
      stream.respond({ ":status": 400 });
      stream.end("unexpected");
      return;
    }
    wanted.isUsed = true;
    const contentType = headers["content-type"];
    if (method !== "GET" && body.length > 0 && contentType !== wanted.headers.get("content-type")) {
      violations.push(`content-type of ${method} ${target}: ${String(contentType)}`);
    }
    stream.respond({ ":status": wanted.status, "content-type": wanted.type });
    stream.end(sessionAnswer(wanted, folders.reader));
  };

  const server = await startFakeServer({ onHead, onStream });
  return {
    port: server.port,
    fingerprint: server.fingerprint,
    violations,
    missing: () => [
      ...[...recording.calls, ...(uploads === "any" ? [] : sessions.flat())]
        .filter(({ key, isUsed }) => !isUsed && !key.startsWith("GET "))
        .filter(({ path }) => !isKnownChunk(digestOf(path), known))
        .map(({ key }) => key),
      ...(uploads === "any" ? [] : differentAppends(recording.appends, known.appends)),
    ],
    close: async () => {
      await server.close();
    },
  };
}

function isSameContent(content: Buffer, wanted: readonly Body[]): boolean {
  const recorded = contentOf(wanted);
  if (recorded.length === 0) return content.length === 0;
  if (recorded[0] !== 0x7b) return content.equals(recorded);
  const sorted = (bytes: Buffer): string =>
    JSON.stringify(
      Object.entries(JSON.parse(bytes.toString()) as object).sort(([a], [b]) => (a < b ? -1 : 1)),
    );
  return sorted(content) === sorted(recorded);
}

/** Headers that the genuine server looks at. */
function compareHeaders(
  wanted: Exchange,
  headers: ReadonlyMap<string, string>,
  line: string,
  violations: string[],
): void {
  const names = ["user-agent", "cookie", "csrfpreventiontoken", "authorization", "upgrade"];
  for (const name of [...names, "content-type"]) {
    const value = wanted.headers.get(name);
    if (value !== undefined && headers.get(name) !== value) {
      violations.push(`${name} of ${line}: ${headers.get(name) ?? "missing"}, not ${value}`);
    }
  }
  if (!headers.has("host")) violations.push(`host of ${line}: missing`);
}

function writeAnswer(socket: TLSSocket, exchange: Exchange, name: string): void {
  const { status, type, answer } = exchange;
  const body = answer.map((each) => each.text ?? longBody(name, exchange.path, each.len)).join("");
  socket.write(
    `HTTP/1.1 ${status} X\r\nContent-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

/** Long answers are files of the datastore that the recordings were made with. */
function sessionAnswer(exchange: Exchange, folder: string): Buffer {
  const isWhole = exchange.answer.every(({ len, text, hex }) => {
    return len === 0 || text !== undefined || hex !== undefined;
  });
  return isWhole ? contentOf(exchange.answer) : storedFile(exchange.path, folder);
}

/** A file of the previous snapshot; of one that was removed before the store was kept, a manifest without files. */
function previousFile(target: string, group: string, timeSec: number): Buffer {
  const folder = join(group, timeText(timeSec));
  if (existsSync(join(recordedStore, folder))) return storedFile(target, folder);
  const [type, id] = group.split("/").slice(-2);
  const members = { "backup-type": type, "backup-id": id, "backup-time": timeSec, files: [] };
  return plainBlob(Buffer.from(JSON.stringify({ ...members, unprotected: {}, signature: null })));
}

/** What a session has done so far. */
interface SessionState {
  /** Indexes that were downloaded. */
  readonly files: Set<string>;
  /** Chunks that were uploaded. */
  readonly chunks: Set<string>;
  /** Indexes of the previous backup that were downloaded. */
  readonly previous: Buffer[];
  readonly appends: Appends;
  opened: number;
  closed: number;
}

/** A reader may have every chunk that an index names which it has read; the official client may not have wanted this one. */
function isReadable(target: string, folder: string, files: ReadonlySet<string>): boolean {
  const digest = /^\/chunk\?digest=([0-9a-f]{64})$/.exec(target)?.[1];
  if (digest === undefined) return false;
  const bytes = Buffer.from(digest, "hex");
  return [...files].some((name) => storedFile(`?file-name=${name}`, folder).includes(bytes));
}

/** Why the genuine server would refuse a request at this moment of the session (spec backup-protocol.md, reader-protocol.md). */
function outOfOrder(
  method: string,
  target: string,
  body: Buffer,
  known: SessionState,
): string | undefined {
  const query = new URLSearchParams(target.slice(target.indexOf("?")));
  const path = target.split("?")[0] ?? "";
  const name = query.get("file-name") ?? "";
  if (path === "/download" && /\.[df]idx$/.test(name)) known.files.add(name);
  if (path === "/chunk" && known.files.size === 0) return "no index was downloaded before";
  if (method === "POST" && path.endsWith("_index")) known.opened += 1;
  if (method === "POST" && path.endsWith("_close")) known.closed += 1;
  if (method === "POST" && path.endsWith("_chunk")) known.chunks.add(digestOf(target));
  if (method === "PUT") {
    if (known.opened === known.closed) return "no index is open";
    const unknown = addAppend(known.appends, body).find((digest) => !isKnownChunk(digest, known));
    if (unknown !== undefined) return `chunk ${unknown} is not known`;
  }
  if (path === "/finish" && known.opened !== known.closed) return "an index is still open";
  return body.length === 0 && path === "/blob" ? "it has no content" : undefined;
}

/** A chunk that was uploaded in this session, or is in an index of the previous backup that was downloaded. */
function isKnownChunk(digest: string, { chunks, previous }: SessionState): boolean {
  if (digest === "") return false;
  const bytes = Buffer.from(digest, "hex");
  return chunks.has(digest) || previous.some((index) => index.includes(bytes));
}
