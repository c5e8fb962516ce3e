import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { type IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import { dirname } from "node:path";

import { eventually } from "./eventually.ts";
import {
  rawCall,
  type RawSession,
  rawUpgrade,
  type SessionAnswer,
  upgradeHead,
} from "./raw-client.ts";
import { startTestServer, type TestServer } from "./test-server.ts";
import { chunkA, chunkQuery, plainBlob } from "./transcript.ts";

/** What a server of a test has beside its datastore. */
const EXPECTED = new Set(["store1", "config", "tasks", "state", "web", "audit.log"]);

/** One request. */
export interface Shot {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
}

/** A server with one whole snapshot, `vm/victim`, which has to be unharmed after whatever is done to it. */
export class FuzzedServer implements AsyncDisposable {
  readonly server: TestServer;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4, rejectUnauthorized: false });
  #time = 1_719_000_000;
  #victimTime = 0;

  private constructor(server: TestServer) {
    this.server = server;
  }

  static async start(): Promise<FuzzedServer> {
    const fuzzed = new FuzzedServer(await startTestServer());
    await fuzzed.#backUp("victim");
    fuzzed.#victimTime = fuzzed.#time;
    return fuzzed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    await this.server[Symbol.asyncDispose]();
  }

  /** Sends one request on a connection that others use, too; gives the answer's status and text. */
  async shoot({ method, path, headers, body }: Shot): Promise<{ status: number; text: string }> {
    // Node frames a body of DELETE only by a stated length.
    const framed = body ? { ...headers, "content-length": String(body.length) } : headers;
    const address = { agent: this.#agent, host: "127.0.0.1", port: this.server.port };
    const sent = request({ ...address, method, path, headers: framed });
    sent.end(body);
    const [answer] = (await once(sent, "response")) as [IncomingMessage];
    const parts: Buffer[] = [];
    answer.on("data", (part: Buffer) => parts.push(part));
    await once(answer, "close");
    return { status: answer.statusCode ?? 0, text: Buffer.concat(parts).toString() };
  }

  /** Opens a backup session of a new snapshot of `vm/ID`. */
  async openBackup(id: string): Promise<RawSession> {
    this.#time += 1;
    return await this.#open("backup", `backup-id=${id}&backup-time=${this.#time}`);
  }

  /** Opens a reader session of the victim. */
  async openReader(): Promise<RawSession> {
    return await this.#open("reader", `backup-id=victim&backup-time=${this.#victimTime}`);
  }

  /** What is not as it should be: the server does not answer, the victim is not what it was, the datastore does not verify. */
  async damage(): Promise<readonly string[]> {
    const damage: string[] = [];
    const { port, authorization, storePath } = this.server;
    const headers = { authorization };
    const ping = await rawCall(port, "GET /api2/json/ping");
    if (ping.status !== 200) damage.push(`ping: ${ping.status}`);
    const query = `backup-type=vm&backup-id=victim&backup-time=${this.#victimTime}&file-name=root.pxar.didx`;
    const store = "/api2/json/admin/datastore/store1";
    const content = await rawCall(port, `GET ${store}/download-decoded?${query}`, { headers });
    if (createHash("sha256").update(content.body).digest("hex") !== chunkA.digest) {
      damage.push(`the victim: ${content.status} ${content.text.slice(0, 200)}`);
    }
    const begun = await rawCall(port, `POST ${store}/verify?ignore-verified=false`, { headers });
    const { data: upid } = JSON.parse(begun.text) as { data: string };
    const path = `GET /api2/json/nodes/localhost/tasks/${encodeURIComponent(upid)}/status`;
    await eventually(async () =>
      (await rawCall(port, path, { headers })).text.includes('"stopped"'),
    );
    const verified = await rawCall(port, path, { headers });
    if (!verified.text.includes('"exitstatus":"OK"')) damage.push(`verify: ${verified.text}`);
    const beside = (await readdir(dirname(storePath))).filter((name) => !EXPECTED.has(name));
    if (beside.length > 0) damage.push(`beside the datastore: ${beside.join()}`);
    return damage;
  }

  /** Snapshots of a type, as `id/time`. */
  async snapshotsOf(type: string): Promise<readonly string[]> {
    const folder = `${this.server.storePath}/${type}`;
    const groups = await readdir(folder).catch(() => []);
    const found = await Promise.all(
      groups.map(async (id) => {
        const names = await readdir(`${folder}/${id}`);
        return names.filter((name) => name.endsWith("Z")).map((name) => `${id}/${name}`);
      }),
    );
    return found.flat();
  }

  async #open(kind: "backup" | "reader", query: string): Promise<RawSession> {
    const path = `/api2/json/${kind}?store=store1&backup-type=vm&${query}`;
    const protocol = `proxmox-backup-${kind === "backup" ? "" : "reader-"}protocol-v1`;
    const { authorization, port } = this.server;
    const result = await rawUpgrade(port, upgradeHead(port, path, protocol, { authorization }));
    if (!("session" in result)) throw new Error(result.refusal.text);
    return result.session;
  }

  /** Makes a whole snapshot of one chunk. */
  async #backUp(id: string): Promise<void> {
    const session = await this.openBackup(id);
    const must = async (answer: Promise<SessionAnswer>): Promise<string> => {
      const { status, text } = await answer;
      if (status !== 200) throw new Error(text);
      return text;
    };
    const made = await must(session.call("POST /dynamic_index?archive-name=root.pxar.didx"));
    const { data: wid } = JSON.parse(made) as { data: number };
    await must(session.call(`POST /dynamic_chunk?${chunkQuery(chunkA, wid)}`, chunkA.blob));
    const size = chunkA.plain.length;
    const lists = { "digest-list": [chunkA.digest], "offset-list": [0] };
    await must(session.json("PUT /dynamic_index", { wid, ...lists }));
    const end = Buffer.alloc(8);
    end.writeBigUInt64LE(BigInt(size));
    const csum = createHash("sha256").update(end).update(chunkA.digest, "hex").digest("hex");
    const sums = `chunk-count=1&size=${size}&csum=${csum}`;
    await must(session.call(`POST /dynamic_close?wid=${wid}&${sums}`));
    const files = [{ filename: "root.pxar.didx", "crypt-mode": "none", size, csum }];
    const head = { "backup-type": "vm", "backup-id": id, "backup-time": this.#time };
    const manifest = plainBlob(
      Buffer.from(JSON.stringify({ ...head, files, unprotected: {}, signature: null })),
    );
    const named = `file-name=index.json.blob&encoded-size=${manifest.length}`;
    await must(session.call(`POST /blob?${named}`, manifest));
    await must(session.call("POST /finish"));
    await session.close();
  }
}
