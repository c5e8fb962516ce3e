import { once } from "node:events";
import * as http2 from "node:http2";
import { connect, type TLSSocket } from "node:tls";

/** One answer over HTTP/1.1, with nothing interpreted but its length. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly text: string;
}

/** Opens a TLS 1.3 connection without any trust decision. */
export async function rawConnect(port: number): Promise<TLSSocket> {
  const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false });
  await once(socket, "secureConnect");
  socket.on("error", () => undefined);
  return socket;
}

/** Reads one HTTP/1.1 answer; gives it with the bytes behind it. */
export async function readAnswer(socket: TLSSocket): Promise<RawAnswer & { rest: Buffer }> {
  let bytes = Buffer.alloc(0);
  const more = async (): Promise<boolean> => {
    const settled = new AbortController();
    const { signal } = settled;
    const events = ["data", "end", "close"].map((event) => once(socket, event, { signal }));
    const [chunk] = (await Promise.race(events).finally(() => {
      settled.abort();
    })) as [Buffer | undefined];
    if (!chunk) return false;
    bytes = Buffer.concat([bytes, chunk]);
    return true;
  };
  const mustHave = async (): Promise<void> => {
    if (!(await more())) throw new Error(`connection closed after "${bytes.toString("latin1")}"`);
  };
  while (!bytes.includes("\r\n\r\n")) await mustHave();
  const headEnd = bytes.indexOf("\r\n\r\n");
  const [first = "", ...lines] = bytes.subarray(0, headEnd).toString("latin1").split("\r\n");
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const status = Number(first.split(" ")[1]);
  bytes = bytes.subarray(headEnd + 4);
  if (status === 101) {
    socket.pause();
    return { status, headers, body: Buffer.alloc(0), text: "", rest: bytes };
  }
  let body: Buffer;
  if (headers["transfer-encoding"] === "chunked") {
    const parts: Buffer[] = [];
    for (;;) {
      while (!bytes.includes("\r\n")) await mustHave();
      const size = Number.parseInt(bytes.subarray(0, bytes.indexOf("\r\n")).toString(), 16);
      const start = bytes.indexOf("\r\n") + 2;
      while (bytes.length < start + size + 2) await mustHave();
      parts.push(bytes.subarray(start, start + size));
      bytes = bytes.subarray(start + size + 2);
      if (size === 0) break;
    }
    body = Buffer.concat(parts);
  } else {
    const size = Number(headers["content-length"] ?? 0);
    while (bytes.length < size) {
      if (!(await more())) break;
    }
    body = bytes.subarray(0, size);
    bytes = bytes.subarray(size);
  }
  return { status, headers, body, text: body.toString("utf8"), rest: bytes };
}

/** Sends one request on a connection of its own. `line` is method and path. */
export async function rawCall(
  port: number,
  line: string,
  options: { headers?: Readonly<Record<string, string>>; body?: string | Buffer } = {},
): Promise<RawAnswer> {
  const socket = await rawConnect(port);
  try {
    const body = Buffer.from(options.body ?? "");
    const headers = {
      host: `localhost:${port}`,
      connection: "close",
      ...(options.body === undefined ? {} : { "content-length": String(body.length) }),
      ...options.headers,
    };
    const head = [`${line} HTTP/1.1`, ...Object.entries(headers).map((pair) => pair.join(": "))];
    socket.write(Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), body]));
    return await readAnswer(socket);
  } finally {
    socket.destroy();
  }
}

/** One answer inside a session. */
export interface SessionAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: Buffer;
  readonly text: string;
}

/** A session as the official client has it: HTTP/2 on the connection that was upgraded. */
export class RawSession {
  readonly http2: http2.ClientHttp2Session;
  readonly socket: TLSSocket;

  constructor(socket: TLSSocket) {
    this.socket = socket;
    this.http2 = http2.connect("https://localhost:8007", {
      createConnection: () => socket,
      maxSessionMemory: 512,
      settings: { initialWindowSize: 16 * 1024 * 1024, enablePush: false },
    });
    this.http2.on("error", () => undefined);
    this.http2.on("connect", () => {
      if (!this.http2.destroyed) this.http2.setLocalWindowSize(32 * 1024 * 1024);
    });
  }

  /** Sends one request; `line` is method and path. */
  async call(
    line: string,
    body?: string | Uint8Array,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<SessionAnswer> {
    const [method = "", path = ""] = line.split(" ");
    const stream = this.http2.request(
      { ":method": method, ":path": path, ":scheme": "https", ...headers },
      { endStream: body === undefined },
    );
    const answer = new Promise<SessionAnswer>((resolve, reject) => {
      let status = 0;
      let type = "";
      const parts: Buffer[] = [];
      stream.on("response", (received) => {
        status = received[":status"] ?? 0;
        type = received["content-type"] ?? "";
      });
      stream.on("data", (part: Buffer) => parts.push(part));
      stream.on("error", reject);
      stream.on("close", () => {
        const bytes = Buffer.concat(parts);
        if (status === 0) reject(new Error("stream closed without an answer"));
        else resolve({ status, type, body: bytes, text: bytes.toString("utf8") });
      });
    });
    if (body !== undefined) stream.end(body);
    return await answer;
  }

  /** Sends parameters as JSON, as `PUT dynamic_index` of the official client. */
  async json(line: string, parameters: unknown): Promise<SessionAnswer> {
    return await this.call(line, JSON.stringify(parameters), {
      "content-type": "application/json",
    });
  }

  /** Goes away like the official client: the connection is just closed. */
  async close(): Promise<void> {
    const closed = this.socket.destroyed ? undefined : once(this.socket, "close");
    this.http2.destroy();
    this.socket.destroy();
    await closed;
  }
}

/** Head of an upgrade request. */
export function upgradeHead(
  port: number,
  path: string,
  protocol: string,
  headers: Readonly<Record<string, string>>,
): string {
  const all = {
    host: `localhost:${port}`,
    "user-agent": "proxmox-backup-client/1.0",
    "content-type": "application/x-www-form-urlencoded",
    ...headers,
    connection: "upgrade",
    upgrade: protocol,
  };
  const lines = Object.entries(all).map((pair) => pair.join(": "));
  return `GET ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`;
}

/** Asks for an upgrade; gives the session, or the refusal. */
export async function rawUpgrade(
  port: number,
  head: string,
): Promise<{ session: RawSession } | { refusal: RawAnswer }> {
  const socket = await rawConnect(port);
  socket.write(head);
  const answer = await readAnswer(socket);
  if (answer.status !== 101) {
    socket.destroy();
    return { refusal: answer };
  }
  if (answer.rest.length > 0) socket.unshift(answer.rest);
  return { session: new RawSession(socket) };
}
