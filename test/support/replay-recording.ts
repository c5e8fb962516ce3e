import { createHash } from "node:crypto";
import { expect } from "chai";

import { eventually } from "./eventually.ts";
import { normalAnswer } from "./normal-answer.ts";
import { rawCall, rawConnect, RawSession, readAnswer, type SessionAnswer } from "./raw-client.ts";
import {
  type Body,
  queryOf,
  type RecordedEvent,
  recordedEvents,
  snapshotFolder,
  storedFile,
} from "./recorded-events.ts";

/**
 * Plays the client's side of a recording against a server on `port`, and holds its answers against the recorded ones.
 *
 * @param changes Whether a snapshot, by its folder, is made anew by recordings, so that its files are not the recorded ones.
 */
export async function replayRecording(
  name: string,
  { port, changes }: { readonly port: number; readonly changes: (folder: string) => boolean },
): Promise<void> {
  const context: Context = { port, changes, ticket: "", csrf: "", upids: new Map() };
  const connections = new Map<number, Replay>();
  try {
    for (const event of recordedEvents(name)) {
      let replay = connections.get(event.conn);
      if (!replay) connections.set(event.conn, (replay = new Replay(context)));
      await replay.step(event);
    }
  } finally {
    for (const replay of connections.values()) await replay.close();
  }
}

/** What the connections of a client share. */
interface Context {
  readonly port: number;
  readonly changes: (folder: string) => boolean;
  /** Of the client's login. */
  ticket: string;
  csrf: string;
  /** Our task of each recorded one, by their UPIDs. */
  readonly upids: Map<string, string>;
}

/** One connection of a recording, played against our server. */
class Replay {
  readonly #context: Context;
  #socket: Awaited<ReturnType<typeof rawConnect>> | undefined;
  #session: RawSession | undefined;
  #folder = "";
  /** Of the last request before the connection was upgraded. */
  #path = "";
  /** Our number of each writer, by the number in the recording. */
  readonly #wids = new Map<number, number>();
  readonly #requests = new Map<number, { headers: Record<string, string>; parts: Body[] }>();
  readonly #answers = new Map<number, Promise<SessionAnswer>>();
  readonly #wanted = new Map<number, { status: number; type: string; bodies: Body[] }>();

  constructor(context: Context) {
    this.#context = context;
  }

  async step(event: RecordedEvent): Promise<void> {
    if (event.proto === "http/1.1" && event.from === "client") await this.#send(event);
    if (event.proto === "http/1.1" && event.from === "server") await this.#compare(event);
    if (event.proto === "h2" && event.from === "client") this.#request(event);
    if (event.proto === "h2" && event.from === "server") await this.#answer(event);
  }

  async close(): Promise<void> {
    await this.#session?.close();
    this.#socket?.destroy();
  }

  async #send({ first_line: first = "", headers = [], body }: RecordedEvent): Promise<void> {
    this.#socket ??= await rawConnect(this.#context.port);
    if (/\/tasks\/[^/]+\/status /.test(first)) await this.#taskEnded(this.#translated(first));
    const lines = headers.map(([name, value]) => {
      if (name === "cookie") return `cookie: PBSAuthCookie=${this.#context.ticket}`;
      if (name === "csrfpreventiontoken") return `csrfpreventiontoken: ${this.#context.csrf}`;
      return `${name}: ${value}`;
    });
    this.#path = first.split(" ")[1] ?? "";
    if (first.includes("backup-time=")) this.#folder = snapshotFolder(first);
    this.#socket.write(`${[this.#translated(first), ...lines].join("\r\n")}\r\n\r\n`);
    if (body?.text !== undefined) this.#socket.write(body.text);
    if (body?.hex !== undefined) this.#socket.write(Buffer.from(body.hex, "hex"));
  }

  async #compare({ first_line: first = "", headers = [], body }: RecordedEvent): Promise<void> {
    const answer = await readAnswer(this.#socket!);
    expect(answer.status, answer.text).to.equal(Number(first.split(" ")[1]));
    for (const [name, value] of headers) {
      if (["connection", "upgrade", "content-type"].includes(name)) {
        expect(answer.headers[name]).to.equal(value);
      }
    }
    if (answer.status === 101) {
      if (answer.rest.length > 0) this.#socket!.unshift(answer.rest);
      this.#session = new RawSession(this.#socket!);
    } else if (answer.text.includes('"ticket"')) {
      const { data } = JSON.parse(answer.text) as { data: Record<string, string> };
      this.#context.ticket = data["ticket"] ?? "";
      this.#context.csrf = data["CSRFPreventionToken"] ?? "";
    } else if (body?.text?.startsWith('{"data":"UPID:') === true) {
      const upidIn = (text: string): string => (JSON.parse(text) as { data: string }).data;
      this.#context.upids.set(upidIn(body.text), upidIn(answer.text));
    } else if (this.#path.includes("/log?")) {
      // How far the task has come differs; what the client relies on does not.
      expectLogPage(answer.text, this.#path);
    } else if (body?.text !== undefined) {
      const isChunked = headers.some(([name]) => name === "transfer-encoding");
      const recorded = isChunked ? withoutChunks(body.text) : body.text;
      expect(normalAnswer(answer.text)).to.deep.equal(normalAnswer(recorded));
    }
  }

  /** The recorded client had waited until its task had ended; ours may take longer. */
  async #taskEnded(line: string): Promise<void> {
    const headers = { cookie: `PBSAuthCookie=${this.#context.ticket}` };
    await eventually(async () => {
      const { text } = await rawCall(this.#context.port, line.replace(" HTTP/1.1", ""), {
        headers,
      });
      return text.includes('"stopped"');
    });
  }

  /** A request line with our tasks instead of the recorded ones. */
  #translated(line: string): string {
    let text = line;
    for (const [recorded, ours] of this.#context.upids) {
      const escaped = escapedUpid(recorded);
      if (text.includes(escaped)) text = text.replace(escaped, encodeURIComponent(ours));
    }
    return text;
  }

  #request(event: RecordedEvent): void {
    const { frame, stream = 0, flags = [], headers = [], data } = event;
    if (frame === "HeadersFrame") {
      this.#requests.set(stream, { headers: Object.fromEntries(headers), parts: [] });
    }
    const request = this.#requests.get(stream);
    if (!request || stream === 0) return;
    if (data) request.parts.push(data);
    if (!flags.includes("END_STREAM")) return;
    let path = (request.headers[":path"] ?? "").replace(/\bwid=([0-9]+)/, (_, wid: string) => {
      return `wid=${this.#wids.get(Number(wid)) ?? wid}`;
    });
    const parts = request.parts.map((part) => bytesOf(part, path, this.#folder));
    let body = request.parts.length === 0 ? undefined : Buffer.concat(parts);
    if (body && path.includes("encoded-size=")) {
      path = path.replace(/encoded-size=[0-9]+/, `encoded-size=${body.length}`);
    }
    if (body && request.headers["content-type"] === "application/json") {
      const parameters = JSON.parse(body.toString()) as { wid: number };
      parameters.wid = this.#wids.get(parameters.wid) ?? parameters.wid;
      body = Buffer.from(JSON.stringify(parameters));
    }
    const extra = Object.fromEntries(
      Object.entries(request.headers).filter(([name]) => !name.startsWith(":")),
    );
    this.#answers.set(
      stream,
      this.#session!.call(`${request.headers[":method"] ?? ""} ${path}`, body, extra),
    );
  }

  async #answer(event: RecordedEvent): Promise<void> {
    const { frame, stream = 0, flags = [], headers = [], data } = event;
    if (frame === "HeadersFrame") {
      const map = new Map(headers);
      this.#wanted.set(stream, {
        status: Number(map.get(":status")),
        type: map.get("content-type") ?? "",
        bodies: [],
      });
    }
    const wanted = this.#wanted.get(stream);
    if (!wanted) return;
    if (data) wanted.bodies.push(data);
    if (!flags.includes("END_STREAM")) return;
    const path = this.#requests.get(stream)?.headers[":path"] ?? "";
    const answer = await this.#answers.get(stream);
    expect(`${answer?.status} ${answer?.type}`, `${path}: ${answer?.text}`).to.equal(
      `${wanted.status} ${wanted.type}`,
    );
    const text = wanted.bodies.map((body) => body.text ?? "").join("");
    const size = wanted.bodies.reduce((sum, body) => sum + body.len, 0);
    if (/^\/(dynamic|fixed)_index\?/.test(path)) {
      // Two that are created at the same time get their numbers in any order.
      const numberIn = (data: string): number => (JSON.parse(data) as { data: number }).data;
      this.#wids.set(numberIn(text), numberIn(answer?.text ?? ""));
    } else if (wanted.type.startsWith("application/json")) {
      expect(normalAnswer(answer?.text ?? ""), path).to.deep.equal(normalAnswer(text));
    }
    // A manifest also holds the server's counters, so its length may differ; an index has a random name of equal length.
    else if (!path.includes("index.json")) expect(answer?.body.length, path).to.equal(size);
    const [whole] = wanted.bodies;
    const isSame = wanted.bodies.filter((body) => body.len > 0).length === 1 && whole?.sha256;
    if (isSame !== undefined && isSame !== false && !this.#context.changes(this.#folder)) {
      const digest = createHash("sha256").update(answer?.body ?? "");
      expect(digest.digest("hex"), path).to.equal(isSame);
    }
  }
}

/**
 * Long bodies are not in the recording. Those of chunks and blobs are in the datastore it was made with, sometimes in
 * another form (another initialisation vector, a manifest with counters), which serves as well.
 */
function bytesOf(body: Body, path: string, folder: string): Buffer {
  if (body.text !== undefined) return Buffer.from(body.text);
  if (body.hex !== undefined) return Buffer.from(body.hex, "hex");
  return path === "/speedtest" ? numbers(body.len) : storedFile(path, folder);
}

/** Takes the framing of a chunked body off. */
function withoutChunks(text: string): string {
  let rest = text;
  let whole = "";
  for (;;) {
    const [head = ""] = rest.split("\r\n", 1);
    const size = Number.parseInt(head, 16);
    if (!(size > 0)) return whole;
    whole += rest.slice(head.length + 2, head.length + 2 + size);
    rest = rest.slice(head.length + 2 + size + 2);
  }
}

/** What the official client checks of a page of a task's log before it shows it (spec rest-api.md §9.3). */
function expectLogPage(text: string, path: string): void {
  const query = queryOf(path);
  const page = JSON.parse(text) as {
    active: boolean;
    total: number;
    data: readonly { n: number; t: string }[];
  };
  expect(page.active).to.be.a("boolean");
  const start = Number(query.get("start"));
  page.data.forEach(({ n, t }, i) => {
    expect(n).to.equal(start + i);
    expect(t).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d: /);
  });
  const next = Math.max(start, (page.data.at(-1)?.n ?? 0) + 1);
  if (next <= page.total) expect(page.data).to.have.length(Number(query.get("limit")));
}

/** What the official client measures its connection with: numbers of four bytes, counted up. */
function numbers(size: number): Buffer {
  return Buffer.from(Uint32Array.from({ length: size / 4 }, (_, i) => i).buffer);
}

/** The way the official client writes a UPID into a path: everything but letters and digits is escaped. */
function escapedUpid(upid: string): string {
  return encodeURIComponent(upid).replace(
    /[-_.!~*'()]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
