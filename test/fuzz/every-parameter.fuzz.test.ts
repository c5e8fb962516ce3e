import { expect } from "chai";
import { type TSchema } from "typebox";

import { type RouteDescription } from "../../src/server/http/route.ts";
import { FuzzedServer, type Shot } from "../support/fuzzed-server.ts";
import { likelyValue } from "../support/hostile-values.ts";
import { Chance } from "../support/mutator.ts";
import { rawConnect } from "../support/raw-client.ts";

const SEED = Number(process.env["AMBER_FUZZ_SEED"] ?? 20_261_126);

/** Names that lead out of a folder, or end before they seem to. */
const climbs = [
  "..",
  "../..",
  "../../../../etc/passwd",
  "a/../../b",
  "/etc/passwd",
  "..\\..",
  "%2e%2e%2fx",
  "a\0b",
  ".\u0000./x",
] as const;

/** What no schema takes for its type, by that type. */
const wrongTypes: Readonly<Record<string, readonly unknown[]>> = {
  string: [7, true, null, ["a"], { a: 1 }],
  integer: ["many", true, null, [1], {}, 1.5, 2 ** 60, -(2 ** 60), 1e308],
  number: ["many", true, null, [1], {}],
  boolean: ["maybe", 2, null, [true], {}],
  array: [{}, 7, null, [{}], [null]],
};

/** Answers that tell a client what is wrong with its request. */
const PLAIN_STATUSES = [200, 400, 401, 403, 404, 414, 501];

/** Open sessions, not routes that answer. */
const SESSION_PATHS = new Set(["/backup", "/reader"]);

interface Target {
  readonly route: RouteDescription;
  readonly name: string;
  readonly schema: TSchema;
}

describe(`fuzz/every-parameter (seed ${SEED})`, function () {
  this.timeout(240_000);
  let fuzzed: FuzzedServer;
  let admin: Readonly<Record<string, string>>;
  let routes: readonly RouteDescription[];
  let targets: readonly Target[];

  before(async () => {
    fuzzed = await FuzzedServer.start();
    const { server } = fuzzed;
    admin = { authorization: server.authorization };
    routes = server.routes.filter(({ path }) => !SESSION_PATHS.has(path));
    targets = routes.flatMap((route) =>
      Object.entries(route.parameters.properties).map(([name, schema]) => ({
        route,
        name,
        schema,
      })),
    );
  });

  after(async () => {
    await fuzzed[Symbol.asyncDispose]();
  });

  afterEach(async () => {
    expect(await fuzzed.damage()).to.deep.equal([]);
  });

  it("lets no name of any route climb out of a folder", async () => {
    const chance = new Chance(SEED);
    const wrong: string[] = [];
    for (const target of targets.filter(({ schema }) => typeOf(schema) === "string")) {
      const shot = shotAt(chance, target, chance.pick(climbs), admin);
      const { status, text } = await fuzzed.shoot(shot);
      const isPlain = PLAIN_STATUSES.includes(status);
      if (!isPlain || text.includes("root:x:0"))
        wrong.push(`${status} ${shot.method} ${shot.path}`);
    }

    expect(wrong).to.deep.equal([]);
    expect(targets.length).to.be.above(400);
  });

  it("refuses every parameter of a wrong type in JSON, and names it", async () => {
    const chance = new Chance(SEED + 1);
    const wrong: string[] = [];
    for (const target of targets.filter(({ route }) => hasJson(route))) {
      const { route, name, schema } = target;
      if (route.path.includes(`{${name}}`)) continue;
      const value = chance.pick(wrongTypes[typeOf(schema)] ?? [null]);
      const { status, text } = await fuzzed.shoot(shotAt(chance, target, value, admin));
      if (status === 400 && text.includes(`'${name}'`)) continue;
      wrong.push(
        `${route.method} ${route.path} ${name}=${JSON.stringify(value)}: ${status} ${text}`,
      );
    }

    expect(wrong).to.deep.equal([]);
  });

  it("refuses numbers that are none, or too large, in queries", async () => {
    const chance = new Chance(SEED + 2);
    const numbers = [
      "9".repeat(400),
      "1e400",
      "0x10",
      "-1e9",
      "NaN",
      "1.5.5",
      "18446744073709551616",
    ];
    const wrong: string[] = [];
    for (const target of targets.filter(({ route, schema }) => {
      return !hasJson(route) && typeOf(schema) === "integer";
    })) {
      const { status, text } = await fuzzed.shoot(
        shotAt(chance, target, chance.pick(numbers), admin),
      );
      if (status !== 400) wrong.push(`${target.route.path} ${target.name}: ${status} ${text}`);
    }

    expect(wrong).to.deep.equal([]);
  });

  it("goes on after bodies that end too early, of every route that takes one", async () => {
    const halves = ['{"store":"sto', "store=sto", "42ab3807be"];
    const sockets = await Promise.all(
      routes
        .filter(({ method }) => method === "POST" || method === "PUT")
        .map(async ({ method, path, body }, number) => {
          const socket = await rawConnect(fuzzed.server.port);
          const framing = number % 2 === 0 ? "content-length: 4000" : "transfer-encoding: chunked";
          const half = body === "stream" ? halves[2] : halves[number % 2];
          socket.write(
            [
              `${method} /api2/json${path.replaceAll(/\{[^}]+\}/g, "store1")} HTTP/1.1`,
              `host: localhost:${fuzzed.server.port}`,
              `authorization: ${admin["authorization"]}`,
              `content-type: ${number % 4 < 2 ? "application/json" : "application/x-www-form-urlencoded"}`,
              framing,
              "",
              framing.startsWith("transfer") ? `40\r\n${half}` : half,
            ].join("\r\n"),
          );
          return socket;
        }),
    );
    // All of them are half open while the server is asked for something else.
    expect(await fuzzed.damage()).to.deep.equal([]);
    for (const [number, socket] of sockets.entries()) {
      if (number % 2 === 0) socket.end();
      else socket.destroy();
    }

    expect(sockets.length).to.be.above(40);
  });

  it("refuses bodies that are too large, of every route that takes parameters", async () => {
    const large = Buffer.from(`{"store":"${"x".repeat(600_000)}"}`);
    const wrong: string[] = [];
    for (const route of routes.filter((each) => hasJson(each))) {
      const shot = {
        method: route.method,
        path: `/api2/json${route.path.replaceAll(/\{[^}]+\}/g, "store1")}`,
        headers: { ...admin, "content-type": "application/json" },
        body: large,
      };
      // Whoever sends on after a refusal of its length may not get to read it.
      const status = await fuzzed.shoot(shot).then(
        (answer) => answer.status,
        () => 400,
      );
      if (status !== 400) wrong.push(`${route.method} ${route.path}: ${status}`);
    }

    expect(wrong).to.deep.equal([]);
  });
});

function hasJson({ method, body }: RouteDescription): boolean {
  return (method === "POST" || method === "PUT") && body === "parameters";
}

function typeOf(schema: TSchema): string {
  if ("enum" in schema) return "string";
  return "type" in schema ? String(schema.type) : "any";
}

/** A request in which one parameter has a given value, and the others that are needed have likely ones. */
function shotAt(
  chance: Chance,
  { route, name, schema }: Target,
  value: unknown,
  headers: Readonly<Record<string, string>>,
): Shot {
  const required = new Set<string>(route.parameters.required);
  const values = new Map<string, unknown>();
  for (const [each, other] of Object.entries(route.parameters.properties)) {
    const isNeeded = route.path.includes(`{${each}}`) || required.has(each);
    if (isNeeded) values.set(each, likelyValue(chance, each, other));
  }
  values.set(name, typeOf(schema) === "array" && typeof value === "string" ? [value] : value);
  let path = route.path;
  for (const [each, given] of [...values]) {
    if (!path.includes(`{${each}}`)) continue;
    path = path.replace(`{${each}}`, encodeURIComponent(String(given)));
    values.delete(each);
  }
  const url = `/api2/json${path}`;
  if (hasJson(route)) {
    const body = Buffer.from(JSON.stringify(Object.fromEntries(values)));
    const typed = { ...headers, "content-type": "application/json" };
    return { method: route.method, path: url, headers: typed, body };
  }
  const query = new URLSearchParams(
    Object.fromEntries([...values].map(([each, given]) => [each, String(given)])),
  );
  return { method: route.method, path: `${url}?${query.toString()}`, headers, body: undefined };
}
