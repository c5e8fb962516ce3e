import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";
import { type TSchema } from "typebox";

import { type Permission } from "../../src/server/http/permission.ts";
import { type RouteDescription } from "../../src/server/http/route.ts";
import { rawCall } from "../support/raw-client.ts";
import { fixtures } from "../support/fixtures.ts";
import { startTestServer, type TestServer } from "../support/test-server.ts";

interface ParameterFact {
  readonly type: string;
  readonly optional?: true;
  readonly default?: unknown;
}

type PrivilegeFact =
  | "world"
  | "login"
  | { readonly path: string; readonly anyOf: readonly string[] }
  | { readonly full: readonly string[]; readonly own: readonly string[] }
  /** Words that the rule has to say; what it does is tried in server/api/access-matrix. */
  | { readonly rule: readonly string[] };

/** One method of a row of the specification's tables. */
interface Row {
  readonly section: string;
  readonly priority: "must" | "should";
  readonly method: string;
  readonly path: string;
  readonly parameters: Readonly<Record<string, ParameterFact>>;
  readonly privilege: PrivilegeFact;
  /** Names of members at any depth, `name?` when it may be absent; or what the whole reply is. */
  readonly reply: readonly string[];
  /** Members beside `data`. */
  readonly attributes?: readonly string[];
}

const rows = JSON.parse(await readFile(join(fixtures, "api/rest-rows.json"), "utf8")) as Row[];

/** Replies that are no object or list of objects. */
const wholes = new Set(["null", "string", "boolean", "bytes", "map", "rows"]);

describe(`interop/rest-rows (${rows.length} methods of "must" and "should" rows)`, () => {
  let server: TestServer;

  before(async () => {
    server = await startTestServer();
  });

  after(async () => {
    await server[Symbol.asyncDispose]();
  });

  function routeOf({ method, path }: Row): RouteDescription {
    const found = server.routes.find((each) => each.method === method && each.path === path);
    if (!found) throw new Error("there is no such route");
    return found;
  }

  for (const row of rows) {
    const name = `${row.method} ${row.path}`;

    it(`has ${name} (${row.priority}) with the row's parameters, privilege and reply`, () => {
      const route = routeOf(row);

      const problems = [
        ...parameterProblems(row, route),
        ...privilegeProblems(row.privilege, route.permit),
        ...replyProblems(row, route),
      ];
      expect(problems).to.deep.equal([]);
    });
  }

  for (const row of rows.filter(({ path }) => !/\{(?!node\})/.test(path))) {
    const { attributes = [] } = row;
    if (attributes.length === 0) continue;

    it(`answers ${row.method} ${row.path} with ${attributes.join(" and ")} beside the data`, async () => {
      const { authorization } = server;
      const path = row.path.replace("{node}", "localhost");
      const answer = await rawCall(server.port, `${row.method} /api2/json${path}`, {
        headers: { authorization },
      });

      expect(answer.status, answer.text).to.equal(200);
      expect(JSON.parse(answer.text)).to.include.keys("data", ...attributes);
    });
  }
});

function* parameterProblems(row: Row, route: RouteDescription): Generator<string> {
  const properties: Readonly<Record<string, TSchema>> = route.parameters.properties;
  const required = new Set<string>(route.parameters.required);
  for (const [name, fact] of Object.entries(row.parameters)) {
    const schema = properties[name];
    if (!schema) {
      yield `parameter ${name} is missing`;
      continue;
    }
    const type = typeOf(schema);
    if (type !== fact.type) yield `parameter ${name} is ${type}, not ${fact.type}`;
    const isOptional = !required.has(name);
    if (isOptional !== (fact.optional === true)) {
      yield `parameter ${name} is ${isOptional ? "optional" : "required"}`;
    }
    const byDefault: unknown = "default" in schema ? schema.default : undefined;
    if (fact.default !== undefined && byDefault !== fact.default) {
      yield `parameter ${name} is ${JSON.stringify(byDefault)} by default, not ${JSON.stringify(fact.default)}`;
    }
  }
  const inPath = [...row.path.matchAll(/\{([^}]+)\}/g)].map(([, name = ""]) => name);
  for (const name of required) {
    const isKnown = Object.hasOwn(row.parameters, name) || inPath.includes(name);
    if (!isKnown) yield `parameter ${name} is required and nobody would send it`;
  }
}

function typeOf(schema: TSchema): string {
  if ("enum" in schema) return "string";
  return "type" in schema ? String(schema.type) : "any";
}

function* privilegeProblems(fact: PrivilegeFact, permit: Permission): Generator<string> {
  if (fact === "world" || fact === "login") {
    if (permit.kind !== fact) yield `is for ${permit.kind}, not ${fact}`;
  } else if ("rule" in fact) {
    const text = permit.kind === "inside" ? permit.rule : "";
    for (const word of fact.rule) {
      if (!text.includes(word)) yield `the rule does not say ${word}`;
    }
  } else if ("full" in fact) {
    const { full = [], own = [] } = permit.kind === "content" ? permit.access : {};
    if (!same(full, fact.full)) yield `asks for ${full.join()} in full, not ${fact.full.join()}`;
    if (!same(own, fact.own)) yield `asks owners for ${own.join()}, not ${fact.own.join()}`;
  } else {
    const { path, anyOf } = permit.kind === "privileges" ? permit : { path: "", anyOf: [] };
    if (path !== fact.path) yield `looks at ${path}, not ${fact.path}`;
    if (!same(anyOf, fact.anyOf)) yield `asks for ${anyOf.join()}, not ${fact.anyOf.join()}`;
  }
}

function same(some: readonly string[], others: readonly string[]): boolean {
  return [...some].sort().join() === [...others].sort().join();
}

function* replyProblems(row: Row, route: RouteDescription): Generator<string> {
  const [whole = ""] = row.reply;
  if (whole === "bytes" && route.produces === undefined) yield "does not answer with bytes";
  const members = membersOf(route.reply);
  for (const fact of row.reply) {
    if (wholes.has(fact)) {
      if (fact !== "bytes" && !wholesOf(route.reply).includes(fact)) yield `is no ${fact}`;
      continue;
    }
    const name = fact.replace("?", "");
    if (!members.has(name)) yield `the reply has no member ${name}`;
  }
}

/** Names of members at any depth. */
function membersOf(schema: TSchema): Set<string> {
  const {
    properties = {},
    items,
    anyOf = [],
  } = schema as {
    readonly properties?: Readonly<Record<string, TSchema>>;
    readonly items?: TSchema;
    readonly anyOf?: readonly TSchema[];
  };
  const inner = [...Object.values(properties), ...(items ? [items] : []), ...anyOf];
  return new Set([...Object.keys(properties), ...inner.flatMap((each) => [...membersOf(each)])]);
}

/** What a reply as a whole may be. */
function wholesOf(schema: TSchema): readonly string[] {
  const { type, anyOf, items } = schema as {
    readonly type?: string;
    readonly anyOf?: readonly TSchema[];
    readonly items?: TSchema;
  };
  if (anyOf) return anyOf.flatMap(wholesOf);
  if (type === "array") return items && "properties" in items ? [] : ["rows"];
  return type === "object" ? ["map"] : [type ?? ""];
}
