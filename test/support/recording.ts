import { readFileSync } from "node:fs";
import { join } from "node:path";

import { fixtures } from "./fixtures.ts";
import { type Body, recordedEvents } from "./recorded-events.ts";

/** One recorded request with its answer. */
export interface Exchange {
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

/** What the official client printed in this run. */
export function recordedOutput(name: string): string {
  return readFileSync(join(fixtures, `protocol/${name}.client-output.txt`), "utf8");
}

/** Reads `fixtures/protocol/NAME.jsonl`. */
export function readRecording(name: string): {
  /** Time of the previous snapshot that the server told; `null` when there was none. */
  readonly previousSec: number | null;
  readonly appends: Appends;
  readonly calls: Exchange[];
  readonly upgrades: Exchange[];
  readonly sessions: Exchange[][];
} {
  const calls: Exchange[] = [];
  const upgrades: Exchange[] = [];
  const open = new Map<number, Exchange>();
  const sessions = new Map<number, Map<number, Exchange>>();
  for (const event of recordedEvents(name)) {
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
  const asked = [...sessions.values()].flatMap((streams) => [...streams.values()]);
  const previous = asked.find(({ path }) => path === "/previous_backup_time")?.answer ?? [];
  const text = contentOf(previous).toString();
  const appends: Appends = new Map();
  for (const { key, body } of asked) if (key === "PUT") addAppend(appends, contentOf(body));
  return {
    calls,
    upgrades,
    appends,
    previousSec: text === "" ? null : (JSON.parse(text) as { data: number | null }).data,
    sessions: [...sessions.values()].map((streams) =>
      [...streams.values()].map((each) => ({
        ...each,
        key: sessionKey(each.key, each.path),
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
export function keyOf(method: string, target: string): string {
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
export function sessionKey(method: string, target: string): string {
  const [path = "", query = ""] = target.split("?");
  const parameters = new URLSearchParams(query);
  for (const name of ["wid", "encoded-size"]) parameters.delete(name);
  parameters.sort();
  return `${method} ${path}?${parameters.toString()}`;
}

/** What was appended to each index, as text, by the number of its writer. */
export type Appends = Map<number, string>;

export function addAppend(appends: Appends, body: Buffer): readonly string[] {
  const parsed = JSON.parse(body.toString()) as {
    "digest-list": string[];
    "offset-list": number[];
    wid: number;
  };
  const digests = parsed["digest-list"];
  const entries = digests.map((digest, i) => `${digest}@${parsed["offset-list"][i]}`);
  appends.set(parsed.wid, `${appends.get(parsed.wid) ?? ""} ${entries.join(" ")}`);
  return digests;
}

/** Indexes of the recording that were not made; entries may be appended in other portions. */
export function differentAppends(wanted: Appends, made: Appends): string[] {
  const present = new Set(made.values());
  return [...wanted.values()].filter((entries) => !present.has(entries));
}

export function digestOf(target: string): string {
  return new URLSearchParams(target.slice(target.indexOf("?"))).get("digest") ?? "";
}

export function contentOf(bodies: readonly Body[]): Buffer {
  return Buffer.concat(
    bodies.map(({ text, hex }) =>
      text === undefined ? Buffer.from(hex ?? "", "hex") : Buffer.from(text),
    ),
  );
}
