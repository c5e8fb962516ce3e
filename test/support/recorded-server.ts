import { readFileSync } from "node:fs";
import { type ServerHttp2Stream } from "node:http2";
import { join, resolve } from "node:path";
import { type TLSSocket } from "node:tls";

import { startFakeServer } from "./fake-backup-server.ts";
import { longBody } from "./recorded-bodies.ts";

const fixtures = resolve(import.meta.dirname, "../../fixtures");

interface Body {
  readonly len: number;
  readonly text?: string;
  readonly hex?: string;
}

interface Event {
  readonly conn: number;
  readonly from?: "client" | "server";
  readonly proto?: "http/1.1" | "h2";
  readonly first_line?: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: Body | null;
  readonly stream?: number;
  readonly data?: Body;
}

/** One recorded request with its answer. */
interface Exchange {
  /** Method, path and sorted query, without what may differ between runs. */
  readonly key: string;
  readonly path: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Body[];
  status: number;
  type: string;
  readonly answer: Body[];
  isUsed: boolean;
}

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

/** Starts a server that knows the recording `fixtures/protocol/NAME.jsonl`. */
export async function startRecordedServer(name: string): Promise<RecordedServer> {
  const recording = readRecording(name);
  const violations: string[] = [];
  const sessions: Exchange[][] = [...recording.sessions];
  let next = 0;
  let folder = "";
  const known = { indexed: false, chunks: new Set<string>(), closed: 0, opened: 0 };

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
      folder = snapshotFolder(target);
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
    const key = sessionKey(method, target, body);
    const all = sessions.flat();
    const wanted =
      all.find((each) => each.key === key && !each.isUsed) ??
      (method === "GET" ? all.find((each) => each.key === key) : undefined);
    if (!wanted) {
      violations.push(`no such request in the session: ${key}`);
      stream.respond({ ":status": 400 });
      stream.end("unexpected");
      return;
    }
    wanted.isUsed = true;
    const reason = outOfOrder(method, target, body, known);
    if (reason !== undefined) violations.push(`${method} ${target}: ${reason}`);
    const contentType = headers["content-type"];
    if (method !== "GET" && body.length > 0 && contentType !== wanted.headers.get("content-type")) {
      violations.push(`content-type of ${method} ${target}: ${String(contentType)}`);
    }
    stream.respond({ ":status": wanted.status, "content-type": wanted.type });
    stream.end(sessionAnswer(wanted, folder));
  };

  const server = await startFakeServer({ onHead, onStream });
  return {
    port: server.port,
    fingerprint: server.fingerprint,
    violations,
    missing: () =>
      [...recording.calls, ...sessions.flat()]
        .filter(({ key, isUsed }) => !isUsed && !key.startsWith("GET "))
        .map(({ key }) => key),
    close: async () => {
      await server.close();
    },
  };
}

/** What the official client printed in this run. */
export function recordedOutput(name: string): string {
  return readFileSync(join(fixtures, `protocol/${name}.client-output.txt`), "utf8");
}

function readRecording(name: string): {
  readonly calls: Exchange[];
  readonly upgrades: Exchange[];
  readonly sessions: Exchange[][];
} {
  const events = readFileSync(join(fixtures, `protocol/${name}.jsonl`), "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Event);
  const calls: Exchange[] = [];
  const upgrades: Exchange[] = [];
  const open = new Map<number, Exchange>();
  const sessions = new Map<number, Map<number, Exchange>>();
  for (const event of events) {
    const { conn, from, proto, headers = [] } = event;
    if (proto === "http/1.1" && from === "client") {
      const [method = "", target = ""] = (event.first_line ?? "").split(" ");
      const exchange = makeExchange(keyOf(method, target), target, headers);
      if (event.body) exchange.body.push(event.body);
      open.set(conn, exchange);
      (/\/(backup|reader)\?/.test(target) ? upgrades : calls).push(exchange);
    } else if (proto === "http/1.1" && from === "server") {
      const exchange = open.get(conn);
      if (!exchange) continue;
      exchange.status = Number((event.first_line ?? "").split(" ")[1]);
      exchange.type = new Map(headers).get("content-type") ?? "";
      if (event.body) exchange.answer.push(event.body);
    } else if (proto === "h2" && event.stream !== undefined && event.stream > 0) {
      const streams = sessions.get(conn) ?? new Map<number, Exchange>();
      sessions.set(conn, streams);
      const map = new Map(headers);
      const exchange = streams.get(event.stream);
      if (from === "client" && map.has(":path")) {
        const target = map.get(":path") ?? "";
        streams.set(event.stream, makeExchange(map.get(":method") ?? "", target, headers));
      } else if (exchange && from === "client" && event.data) exchange.body.push(event.data);
      else if (exchange && from === "server") {
        if (map.has(":status")) {
          exchange.status = Number(map.get(":status"));
          exchange.type = map.get("content-type") ?? "";
        }
        if (event.data) exchange.answer.push(event.data);
      }
    }
  }
  return {
    calls,
    upgrades,
    sessions: [...sessions.values()].map((streams) =>
      [...streams.values()].map((each) => ({
        ...each,
        key: sessionKey(each.key, each.path, contentOf(each.body)),
      })),
    ),
  };
}

function makeExchange(
  key: string,
  path: string,
  headers: readonly (readonly [string, string])[],
): Exchange {
  const map = new Map(headers);
  return { key, path, headers: map, body: [], status: 0, type: "", answer: [], isUsed: false };
}

/** A request without the order of its parameters and those that change nothing. */
function keyOf(method: string, target: string): string {
  const [path = "", query = ""] = target.split("?");
  const parameters = new URLSearchParams(query);
  for (const [name, value] of [
    ["debug", "true"],
    ["benchmark", "false"],
  ] as const) {
    if (parameters.get(name) === value) parameters.delete(name);
  }
  parameters.sort();
  return `${method} ${decodeURIComponent(path.replace(/^\/+/, "/"))}?${parameters.toString()}`;
}

/** A request of a session; writers get numbers in any order, and compressed sizes may differ. */
function sessionKey(method: string, target: string, body: Buffer): string {
  const [path = "", query = ""] = target.split("?");
  const parameters = new URLSearchParams(query);
  for (const name of ["wid", "encoded-size"]) parameters.delete(name);
  parameters.sort();
  const content = body.toString("latin1");
  const list = path.endsWith("_index") && method === "PUT" ? digestList(content) : "";
  return `${method} ${path}?${parameters.toString()}${list}`;
}

function digestList(text: string): string {
  const parsed = JSON.parse(text) as { "digest-list": string[]; "offset-list": number[] };
  return ` ${parsed["digest-list"].join()} ${parsed["offset-list"].join()}`;
}

function contentOf(bodies: readonly Body[]): Buffer {
  return Buffer.concat(
    bodies.map(({ text, hex }) =>
      text === undefined ? Buffer.from(hex ?? "", "hex") : Buffer.from(text),
    ),
  );
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
  if (isWhole) return contentOf(exchange.answer);
  const query = new URLSearchParams(exchange.path.slice(exchange.path.indexOf("?")));
  const digest = query.get("digest");
  const store = join(fixtures, "datastore-real/store");
  return readFileSync(
    digest === null
      ? join(store, folder, query.get("file-name") ?? query.get("archive-name") ?? "")
      : join(store, ".chunks", digest.slice(0, 4), digest),
  );
}

/** Why the genuine server would refuse a request at this moment of the session (spec backup-protocol.md, reader-protocol.md). */
function outOfOrder(
  method: string,
  target: string,
  body: Buffer,
  known: { indexed: boolean; readonly chunks: Set<string>; opened: number; closed: number },
): string | undefined {
  const query = new URLSearchParams(target.slice(target.indexOf("?")));
  const path = target.split("?")[0] ?? "";
  if (path === "/download" && /\.[df]idx$/.test(query.get("file-name") ?? "")) known.indexed = true;
  if (path === "/chunk" && !known.indexed) return "no index was downloaded before";
  if (method === "POST" && path.endsWith("_chunk")) known.chunks.add(query.get("digest") ?? "");
  if (method === "POST" && path.endsWith("_index")) known.opened += 1;
  if (method === "POST" && path.endsWith("_close")) known.closed += 1;
  if (method === "PUT" && known.opened === known.closed) return "no index is open";
  if (path === "/finish" && known.opened !== known.closed) return "an index is still open";
  return body.length === 0 && path === "/blob" ? "it has no content" : undefined;
}

function snapshotFolder(target: string): string {
  const query = new URLSearchParams(target.slice(target.indexOf("?")));
  const time = new Date(Number(query.get("backup-time")) * 1000).toISOString();
  const namespace = (query.get("ns") ?? "").split("/").filter((part) => part !== "");
  return join(
    ...namespace.map((part) => `ns/${part}`),
    query.get("backup-type") ?? "",
    query.get("backup-id") ?? "",
    time.replace(".000", ""),
  );
}
