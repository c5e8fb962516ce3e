import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { type IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import { expect } from "chai";

import { type RouteDescription } from "../../src/server/http/route.ts";
import { eventually } from "../support/eventually.ts";
import { hostileText, hostileValue, likelyValue } from "../support/hostile-values.ts";
import { Chance } from "../support/mutator.ts";
import {
  rawCall,
  type RawSession,
  rawUpgrade,
  type SessionAnswer,
  upgradeHead,
} from "../support/raw-client.ts";
import { otherToken, startTestServer, type TestServer } from "../support/test-server.ts";
import { chunkA, chunkQuery, plainBlob } from "../support/transcript.ts";

const SEED = Number(process.env["AMBER_FUZZ_SEED"] ?? 20_261_125);
const ROUNDS_PER_ROUTE = 24;
const SESSION_REQUESTS = 300;

/** Statuses that tell a client what is wrong with its request; 500 is a mistake of ours. */
const PLAIN_STATUSES = new Set([200, 400, 401, 403, 404, 414, 501]);

/** Routes that open a session or answer with it; fuzzed below. */
const SESSION_PATHS = new Set(["/backup", "/reader"]);

interface Shot {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: Buffer | undefined;
}

describe(`fuzz/request-parsers (seed ${SEED})`, function () {
  this.timeout(240_000);
  let server: TestServer;
  let agent: Agent;
  let callers: readonly Readonly<Record<string, string>>[];
  let time = 1_719_000_000;
  let victimTime = 0;

  before(async () => {
    server = await startTestServer();
    agent = new Agent({ keepAlive: true, maxSockets: 4, rejectUnauthorized: false });
    await backUp("victim");
    victimTime = time;
    const other = await otherToken(server, "DatastoreBackup");
    callers = [{}, other, { authorization: "PBSAPIToken=x@y!z:\u00ff" }];
  });

  after(async () => {
    agent.destroy();
    await server[Symbol.asyncDispose]();
  });

  async function shoot({ method, path, headers, body }: Shot): Promise<number> {
    // Node frames a body of DELETE only by a stated length.
    const framed = body ? { ...headers, "content-length": String(body.length) } : headers;
    const address = { agent, host: "127.0.0.1", port: server.port };
    const sent = request({ ...address, method, path, headers: framed });
    sent.end(body);
    const [answer] = (await once(sent, "response")) as [IncomingMessage];
    answer.resume();
    await once(answer, "close");
    return answer.statusCode ?? 0;
  }

  async function open(id: string): Promise<RawSession> {
    time += 1;
    const path = `/api2/json/backup?store=store1&backup-type=vm&backup-id=${id}&backup-time=${time}`;
    const { authorization, port } = server;
    const head = upgradeHead(port, path, "proxmox-backup-protocol-v1", { authorization });
    const result = await rawUpgrade(port, head);
    if (!("session" in result)) throw new Error(result.refusal.text);
    return result.session;
  }

  /** Makes a whole snapshot of one chunk, to be found unharmed afterwards. */
  async function backUp(id: string): Promise<void> {
    const session = await open(id);
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
    const head = { "backup-type": "vm", "backup-id": id, "backup-time": time };
    const manifest = plainBlob(
      Buffer.from(JSON.stringify({ ...head, files, unprotected: {}, signature: null })),
    );
    const named = `file-name=index.json.blob&encoded-size=${manifest.length}`;
    await must(session.call(`POST /blob?${named}`, manifest));
    await must(session.call("POST /finish"));
    await session.close();
  }

  async function contentOfVictim(): Promise<string> {
    const query = `backup-type=vm&backup-id=victim&backup-time=${victimTime}&file-name=root.pxar.didx`;
    const path = `/api2/json/admin/datastore/store1/download-decoded?${query}`;
    const { authorization } = server;
    const answer = await rawCall(server.port, `GET ${path}`, { headers: { authorization } });
    return createHash("sha256").update(answer.body).digest("hex");
  }

  it("answers every hostile request to every route with a refusal that names it, never with a failure", async () => {
    const chance = new Chance(SEED);
    const failures: string[] = [];
    const statuses = new Map<number, number>();
    for (const route of server.routes) {
      if (SESSION_PATHS.has(route.path)) continue;
      for (let round = 0; round < ROUNDS_PER_ROUTE; round++) {
        const isAdmin = route.method === "GET" && round % 2 === 0;
        const { authorization } = server;
        const caller = isAdmin ? { authorization } : chance.pick(callers);
        const shot = makeShot(chance, route, caller);
        // A connection that the server ended after a refusal may be chosen once more by the agent.
        const status = await shoot(shot)
          .catch(async () => await shoot(shot))
          .catch((error: unknown) => String(error));
        if (typeof status === "number") statuses.set(status, (statuses.get(status) ?? 0) + 1);
        // Whoever sends on after a refusal of its length may not get to read it.
        const isCutOff = typeof status === "string" && (shot.body?.length ?? 0) > 500_000;
        if (!PLAIN_STATUSES.has(Number(status)) && !isCutOff) {
          failures.push(
            `${status} ${shot.method} ${shot.path.slice(0, 300)} ${shot.body?.toString().slice(0, 200) ?? ""}`,
          );
        }
      }
    }

    expect(failures.join("\n")).to.equal("");
    expect(server.routes.length).to.be.greaterThan(40);
    expect([...statuses.keys()]).to.include.members([200, 400, 401, 403]);
    expect(await contentOfVictim()).to.equal(chunkA.digest);
  });

  it("answers or ends every hostile request inside a session, and keeps nothing of it", async () => {
    const chance = new Chance(SEED + 1);
    for (let round = 0; round < 6; round++) {
      const session = await open(`fuzz-${round}`);
      const opened = await session.call("POST /dynamic_index?archive-name=root.pxar.didx");
      const { data: wid } = JSON.parse(opened.text) as { data: number };
      const answers: Promise<unknown>[] = [];
      for (let i = 0; i < SESSION_REQUESTS / 6; i++) {
        answers.push(hostileCall(chance, session, wid).catch(() => undefined));
        if (answers.length >= 8) await Promise.all(answers.splice(0));
      }
      await Promise.all(answers);
      // Uploads that never end, when the client goes away.
      for (let i = 0; i < 3; i++) {
        const stream = session.http2.destroyed
          ? undefined
          : session.http2.request({
              ":method": "POST",
              ":path": `/dynamic_chunk?${chunkQuery(chunkA, wid)}`,
              ":scheme": "https",
            });
        stream?.on("error", () => undefined);
        stream?.write(chunkA.blob.subarray(0, 1 + chance.below(chunkA.blob.length - 1)));
      }
      await session.close();
    }

    await eventually(async () => (await snapshotsOf("vm")).length === 1);
    expect(await contentOfVictim()).to.equal(chunkA.digest);
    expect((await rawCall(server.port, "GET /api2/json/ping")).status).to.equal(200);
  });

  async function snapshotsOf(type: string): Promise<readonly string[]> {
    const groups = await readdir(`${server.storePath}/${type}`).catch(() => []);
    const found = await Promise.all(
      groups.map(async (id) => {
        const names = await readdir(`${server.storePath}/${type}/${id}`);
        return names.filter((name) => name.endsWith("Z")).map((name) => `${id}/${name}`);
      }),
    );
    return found.flat();
  }
});

const paths = [
  "POST /dynamic_index",
  "POST /fixed_index",
  "PUT /dynamic_index",
  "PUT /fixed_index",
  "POST /dynamic_chunk",
  "POST /fixed_chunk",
  "POST /dynamic_close",
  "POST /fixed_close",
  "POST /blob",
  "GET /previous",
  "GET /previous_backup_time",
  "POST /speedtest",
  "POST /finish",
  "GET /../../etc/passwd",
  "PATCH /blob",
  "GET /",
];

const sessionParameters = [
  "archive-name",
  "file-name",
  "wid",
  "digest",
  "size",
  "encoded-size",
  "digest-list",
  "offset-list",
  "chunk-count",
  "csum",
  "reuse-csum",
];

/** One request inside a session: any method with any parameters and any body. */
async function hostileCall(chance: Chance, session: RawSession, wid: number): Promise<void> {
  const line = chance.pick(paths);
  const isFinish = line === "POST /finish";
  const chosen: Record<string, unknown> = {};
  for (const name of sessionParameters) {
    if (chance.below(3) === 0) continue;
    if (name === "wid" && chance.below(2) === 0) chosen[name] = wid;
    else if (name === "digest" && chance.below(2) === 0) chosen[name] = chunkA.digest;
    else if (name.endsWith("size"))
      chosen[name] = chance.pick([chunkA.blob.length, 0, -1, 2 ** 40]);
    else chosen[name] = hostileValue(chance);
  }
  if (isFinish) chosen["x"] = 1;
  const body = chance.pick([
    undefined,
    chunkA.blob,
    Buffer.alloc(0),
    Buffer.from("{"),
    chunkA.plain,
  ]);
  if (chance.below(2) === 0) await session.json(line, chosen);
  else await session.call(`${line}?${query(chosen)}`, body);
}

function query(values: Readonly<Record<string, unknown>>): string {
  return Object.entries(values)
    .map(([name, value]) => {
      return `${escaped(name)}=${escaped(textOf(value))}`;
    })
    .join("&");
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Half a surrogate pair cannot be escaped; it goes as its own escape would. */
function escaped(text: string): string {
  return encodeURIComponent(Buffer.from(text).toString());
}

/** A request to a route: some parameters likely, some hostile, in query, form or JSON, or a broken body. */
function makeShot(
  chance: Chance,
  route: RouteDescription,
  caller: Readonly<Record<string, string>>,
): Shot {
  const schemas = Object.entries(route.parameters.properties);
  const hostileShare = 1 + chance.below(4);
  const chosen = new Map<string, unknown>();
  for (const [name, schema] of schemas) {
    if (chance.below(8) === 0) continue;
    const isHostile = chance.below(4) < hostileShare - 1;
    chosen.set(name, isHostile ? hostileValue(chance) : likelyValue(chance, name, schema));
  }
  if (chance.below(6) === 0) chosen.set(hostileText(chance), hostileValue(chance));
  const path = route.path.replace(/\{([^}]+)\}/g, (_, name: string) => {
    const value = chosen.get(name) ?? "x";
    chosen.delete(name);
    return escaped(textOf(value).slice(0, 600)) || "x";
  });
  const root = chance.below(4) === 0 ? "/api2/extjs" : "/api2/json";
  const form = query(Object.fromEntries(chosen)).slice(0, 2200);
  const base = { method: route.method };
  const kind = route.method === "GET" ? 0 : chance.below(6);
  if (kind <= 1) {
    return { ...base, path: `${root}${path}?${form}`, headers: { ...caller }, body: undefined };
  }
  if (kind === 2) {
    const headers = { ...caller, "content-type": "application/x-www-form-urlencoded" };
    return { ...base, path: `${root}${path}`, headers, body: Buffer.from(form) };
  }
  const headers = { ...caller, "content-type": "application/json" };
  const json = Buffer.from(JSON.stringify(Object.fromEntries(chosen)));
  const bodies = [
    json,
    json.subarray(0, chance.below(json.length + 1)),
    Buffer.from(JSON.stringify(hostileValue(chance))),
    Buffer.alloc(600_000, "["),
    Buffer.from([0xff, 0xfe, 0x00, 0x7b]),
  ];
  return {
    ...base,
    path: `${root}${path}`,
    headers,
    body: kind === 3 ? json : chance.pick(bodies),
  };
}
