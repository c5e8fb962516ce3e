import { expect } from "chai";

import { type RouteDescription } from "../../src/server/http/route.ts";
import { eventually } from "../support/eventually.ts";
import { FuzzedServer, type Shot } from "../support/fuzzed-server.ts";
import { hostileText, hostileValue, likelyValue } from "../support/hostile-values.ts";
import { Chance } from "../support/mutator.ts";
import { type RawSession } from "../support/raw-client.ts";
import { otherToken } from "../support/test-server.ts";
import { chunkA, chunkQuery } from "../support/transcript.ts";

const SEED = Number(process.env["AMBER_FUZZ_SEED"] ?? 20_261_125);
const ROUNDS_PER_ROUTE = 24;
const SESSION_REQUESTS = 300;

/** Statuses that tell a client what is wrong with its request; 500 is a mistake of ours. */
const PLAIN_STATUSES = new Set([200, 400, 401, 403, 404, 414, 501]);

/** Routes that open a session or answer with it; fuzzed below. */
const SESSION_PATHS = new Set(["/backup", "/reader"]);

describe(`fuzz/request-parsers (seed ${SEED})`, function () {
  this.timeout(240_000);
  let fuzzed: FuzzedServer;
  let callers: readonly Readonly<Record<string, string>>[];

  before(async () => {
    fuzzed = await FuzzedServer.start();
    const other = await otherToken(fuzzed.server, "DatastoreBackup");
    callers = [{}, other, { authorization: "PBSAPIToken=x@y!z:\u00ff" }];
  });

  after(async () => {
    await fuzzed[Symbol.asyncDispose]();
  });

  it("answers every hostile request to every route with a refusal that names it, never with a failure", async () => {
    const chance = new Chance(SEED);
    const failures: string[] = [];
    const statuses = new Map<number, number>();
    const { server } = fuzzed;
    for (const route of server.routes) {
      if (SESSION_PATHS.has(route.path)) continue;
      for (let round = 0; round < ROUNDS_PER_ROUTE; round++) {
        const isAdmin = route.method === "GET" && round % 2 === 0;
        const { authorization } = server;
        const caller = isAdmin ? { authorization } : chance.pick(callers);
        const shot = makeShot(chance, route, caller);
        // A connection that the server ended after a refusal may be chosen once more by the agent.
        const status = await fuzzed
          .shoot(shot)
          .catch(async () => await fuzzed.shoot(shot))
          .then(
            (answer) => answer.status,
            (error: unknown) => String(error),
          );
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
    expect(await fuzzed.damage()).to.deep.equal([]);
  });

  it("answers or ends every hostile request inside a session, and keeps nothing of it", async () => {
    const chance = new Chance(SEED + 1);
    for (let round = 0; round < 6; round++) {
      const session = await fuzzed.openBackup(`fuzz-${round}`);
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

    await eventually(async () => (await fuzzed.snapshotsOf("vm")).length === 1);
    expect(await fuzzed.damage()).to.deep.equal([]);
  });

  it("answers or ends every hostile request of a reader, and gives it nothing but what it may have", async () => {
    const chance = new Chance(SEED + 2);
    const given = new Set<string>();
    for (let round = 0; round < 3; round++) {
      const session = await fuzzed.openReader();
      for (let i = 0; i < 60 && !session.http2.destroyed; i++) {
        const line = hostileReading(chance);
        const answer = await session.call(line).catch(() => undefined);
        if (answer?.status === 200) given.add(line.split("?")[0] ?? "");
        else if (answer) expect(answer.status, line).to.be.oneOf([400, 403, 404]);
      }
      await session.close();
    }

    // A chunk of the victim is not given before its index was read, which no hostile name is.
    expect([...given]).to.deep.equal([]);
    expect(await fuzzed.damage()).to.deep.equal([]);
  });
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

const readings = ["GET /download", "GET /chunk", "POST /speedtest", "GET /nothing", "PUT /chunk"];

/** One request of a reader: any name, any digest. */
function hostileReading(chance: Chance): string {
  const chosen: Record<string, unknown> = {};
  for (const name of ["file-name", "digest", "size"]) {
    if (chance.below(4) > 0) chosen[name] = hostileValue(chance);
  }
  if (chance.below(4) === 0) chosen["digest"] = chunkA.digest;
  return `${chance.pick(readings)}?${query(chosen)}`;
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
