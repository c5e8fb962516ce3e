import { createHash } from "node:crypto";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";

import { hashPassword } from "../../src/server/auth/password-hash.ts";
import { rawConnect, RawSession, readAnswer, type SessionAnswer } from "../support/raw-client.ts";
import { startTestServer, type TestServer } from "../support/test-server.ts";
import { tempDir } from "../support/temp-dir.ts";

interface Body {
  readonly len: number;
  readonly text?: string;
  readonly hex?: string;
  readonly sha256?: string;
}

/** One line of a recording. */
interface Event {
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

const fixtures = fileURLToPath(new URL("../../fixtures/", import.meta.url));

/** Recordings in the order in which they were made: later ones build on earlier ones. */
const recordings = [
  "login-wrong-password",
  "backup1",
  "backup2-incremental",
  "backup3-encrypted-img",
  "restore-pxar",
  "restore-img-encrypted",
  "restore-blob",
  "restore-manifest",
  "backup4-duplicate",
  "backup5-older",
  "backup6-ns",
  "backup7-badns",
  "backup8-signonly-master",
  "backup9-wrong-owner",
  "backup10-token",
  "v4-backup-legacy",
  "v4-backup-default",
  "v4-backup-data",
  "v4-backup-metadata1",
  "v4-backup-metadata2",
  "v4-backup-metadata-enc",
  "v4-backup-img",
  "v4-restore-split",
];

/** What the recordings made; it is removed from the copy so that they can make it again. */
const made = [
  ...[
    "trace",
    "trace-enc",
    "trace-tok",
    "v4legacy",
    "v4default",
    "v4data",
    "v4meta",
    "v4metaenc",
    "v4img",
  ].map((id) => `host/${id}`),
  "ct/777",
  "ns/team/host",
];

describe("interop/recorded-sessions", function () {
  this.timeout(60_000);
  let folder: Awaited<ReturnType<typeof tempDir>>;
  let server: TestServer;

  before(async () => {
    folder = await tempDir();
    const storePath = join(folder.path, "store1");
    await cp(join(fixtures, "datastore-real/store"), storePath, { recursive: true });
    for (const path of made) await rm(join(storePath, path), { recursive: true, force: true });
    const configPath = join(folder.path, "config");
    await mkdir(configPath);
    const secret = createHash("sha256").update("b91841c2-88b6-4d21-92db-618fcf83fa6e");
    const files = {
      "user.cfg": "user: test@pbs\n\ntoken: test@pbs!tok1\n",
      "acl.cfg": "acl:1:/:test@pbs,test@pbs!tok1:Admin\n",
      "shadow.json": JSON.stringify({ test: await hashPassword("secret12") }),
      "token.shadow": JSON.stringify({ "test@pbs!tok1": `$amber-sha256$${secret.digest("hex")}` }),
    };
    for (const [name, text] of Object.entries(files)) await writeFile(join(configPath, name), text);
    server = await startTestServer({ storePath, configPath });
  });

  after(async () => {
    await server[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  for (const name of recordings) {
    it(`gives the official client of ${name} the answers that the genuine server gave`, async () => {
      const lines = (await readFile(join(fixtures, `protocol/${name}.jsonl`), "utf8")).split("\n");
      const events = lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Event);

      const login: Login = { ticket: "", csrf: "" };
      const connections = new Map<number, Replay>();
      try {
        for (const event of events) {
          let replay = connections.get(event.conn);
          if (!replay) connections.set(event.conn, (replay = new Replay(server.port, login)));
          await replay.step(event);
        }
      } finally {
        for (const replay of connections.values()) await replay.close();
      }
    });
  }
});

/** What the client got at its login; its connections share it. */
interface Login {
  ticket: string;
  csrf: string;
}

/** One connection of a recording, played against our server. */
class Replay {
  readonly #port: number;
  readonly #login: Login;
  #socket: Awaited<ReturnType<typeof rawConnect>> | undefined;
  #session: RawSession | undefined;
  #folder = "";
  /** Our number of each writer, by the number in the recording. */
  readonly #wids = new Map<number, number>();
  readonly #requests = new Map<number, { headers: Record<string, string>; parts: Body[] }>();
  readonly #answers = new Map<number, Promise<SessionAnswer>>();
  readonly #wanted = new Map<number, { status: number; type: string; bodies: Body[] }>();

  constructor(port: number, login: Login) {
    this.#port = port;
    this.#login = login;
  }

  async step(event: Event): Promise<void> {
    if (event.proto === "http/1.1" && event.from === "client") await this.#send(event);
    if (event.proto === "http/1.1" && event.from === "server") await this.#compare(event);
    if (event.proto === "h2" && event.from === "client") await this.#request(event);
    if (event.proto === "h2" && event.from === "server") await this.#answer(event);
  }

  async close(): Promise<void> {
    await this.#session?.close();
    this.#socket?.destroy();
  }

  async #send({ first_line: first = "", headers = [], body }: Event): Promise<void> {
    this.#socket ??= await rawConnect(this.#port);
    const lines = headers.map(([name, value]) => {
      if (name === "cookie") return `cookie: PBSAuthCookie=${this.#login.ticket}`;
      if (name === "csrfpreventiontoken") return `csrfpreventiontoken: ${this.#login.csrf}`;
      return `${name}: ${value}`;
    });
    if (first.includes("backup-time=")) this.#folder = snapshotFolder(first);
    this.#socket.write(`${[first, ...lines].join("\r\n")}\r\n\r\n${body?.text ?? ""}`);
  }

  async #compare({ first_line: first = "", headers = [], body }: Event): Promise<void> {
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
      this.#login.ticket = data["ticket"] ?? "";
      this.#login.csrf = data["CSRFPreventionToken"] ?? "";
    } else if (body?.text !== undefined) expect(answer.text).to.equal(body.text);
  }

  async #request({ frame, stream = 0, flags = [], headers = [], data }: Event): Promise<void> {
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
    const parts = await Promise.all(
      request.parts.map(async (part) => await bytesOf(part, path, this.#folder)),
    );
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

  async #answer({ frame, stream = 0, flags = [], headers = [], data }: Event): Promise<void> {
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
      expect(answer?.text, path).to.equal(text);
    }
    // A manifest also holds the server's counters, so its length may differ; an index has a random name of equal length.
    else if (!path.includes("index.json")) expect(answer?.body.length, path).to.equal(size);
  }
}

/**
 * Long bodies are not in the recording. Those of chunks and blobs are in the datastore it was made with, sometimes in
 * another form (another initialisation vector, a manifest with counters), which serves as well.
 */
async function bytesOf(body: Body, path: string, folder: string): Promise<Buffer> {
  if (body.text !== undefined) return Buffer.from(body.text);
  if (body.hex !== undefined) return Buffer.from(body.hex, "hex");
  const query = new URLSearchParams(path.slice(path.indexOf("?")));
  const digest = query.get("digest") ?? "";
  const name = query.get("file-name");
  const store = join(fixtures, "datastore-real/store");
  return await readFile(
    name === null ? join(store, ".chunks", digest.slice(0, 4), digest) : join(store, folder, name),
  );
}

/** Folder of the snapshot that an upgrade request names. */
function snapshotFolder(requestLine: string): string {
  const query = new URLSearchParams(/\?(\S+)/.exec(requestLine)?.[1]);
  const time = new Date(Number(query.get("backup-time")) * 1000).toISOString();
  const namespace = (query.get("ns") ?? "").split("/").filter((part) => part !== "");
  return join(
    ...namespace.map((part) => `ns/${part}`),
    query.get("backup-type") ?? "",
    query.get("backup-id") ?? "",
    time.replace(".000", ""),
  );
}
