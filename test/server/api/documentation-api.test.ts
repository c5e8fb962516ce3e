import { Validator } from "@seriousme/openapi-schema-validator";
import { expect } from "chai";

import { type Permission } from "../../../src/server/http/permission.ts";
import { apiDocument } from "../../support/api-document.ts";
import { rawCall, type RawAnswer } from "../../support/raw-client.ts";
import { otherToken, startTestServer, type TestServer } from "../../support/test-server.ts";

interface Schema {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly description?: string;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
}

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly "x-permission": Permission;
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
    readonly description?: string;
    readonly schema: Schema;
  }[];
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema: Schema }>>;
  };
  readonly responses: Readonly<Record<string, { readonly content?: object }>>;
}

/** Values that fit the patterns of parameters; what is not named here gets any value of its type. */
const samples: Readonly<Record<string, unknown>> = {
  store: "store1",
  "backup-type": "host",
  "backup-id": "some",
  "new-owner": "root@pam",
  "file-name": "index.json.blob",
  "auth-id": "root@pam",
  userid: "root@pam",
  username: "root@pam",
  upid: `UPID:test-host:${"0".repeat(8)}:${"0".repeat(8)}:${"0".repeat(8)}:00000000:test::root@pam:`,
  path: "/",
  role: "Audit",
  ns: "",
  password: "long-enough",
  schedule: "daily",
  "remote-store": "tank",
};

describe("server/api documentation", () => {
  let server: TestServer;
  let operations: readonly (Operation & { readonly method: string; readonly path: string })[];
  let documentText: string;

  before(async () => {
    documentText = await apiDocument();
    const { paths } = JSON.parse(documentText) as {
      paths: Record<string, Record<string, Operation>>;
    };
    operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, each]) => ({
        ...each,
        method: method.toUpperCase(),
        path,
      })),
    );
    server = await startTestServer();
  });

  after(async () => {
    await server[Symbol.asyncDispose]();
  });

  /** Calls a route with parameters that fit it. */
  async function call(
    { method, path, parameters = [], requestBody }: (typeof operations)[number],
    headers: Readonly<Record<string, string>>,
  ): Promise<RawAnswer> {
    const sample = (name: string, schema: Schema): unknown =>
      samples[name] ?? schema.enum?.[0] ?? (schema.type === "string" ? "sample" : sampleOf(schema));
    let url = path;
    const query = new URLSearchParams();
    for (const { name, in: place, schema, required } of parameters) {
      const value = encodeURIComponent(String(sample(name, schema)));
      if (place === "path") url = url.replace(`{${name}}`, value);
      else if (required === true) query.append(name, String(sample(name, schema)));
    }
    const body = requestBody?.content["application/json"]?.schema;
    const needed = (body?.required ?? []).map((name) => [
      name,
      sample(name, body?.properties?.[name] ?? {}),
    ]);
    return await rawCall(server.port, `${method} /api2/json${url}?${query.toString()}`, {
      headers: { ...headers, ...(body ? { "content-type": "application/json" } : {}) },
      ...(body ? { body: JSON.stringify(Object.fromEntries(needed)) } : {}),
    });
  }

  it("is a valid OpenAPI 3.1 document", async () => {
    const result = await new Validator().validate(
      JSON.parse(documentText) as Record<string, unknown>,
    );

    expect(result.valid, JSON.stringify(result.errors)).to.equal(true);
  });

  it("says of every route what it does, and of every parameter what it means", () => {
    const bare = operations.flatMap(({ operationId, summary, parameters = [], requestBody }) => [
      ...(summary.endsWith(".") ? [] : [operationId]),
      ...parameters
        .filter(({ description }) => description === undefined)
        .map(({ name }) => `${operationId}: ${name}`),
      ...Object.entries(requestBody?.content["application/json"]?.schema.properties ?? {})
        .filter(([, { description }]) => description === undefined)
        .map(([name]) => `${operationId}: ${name}`),
    ]);

    expect(bare, "describe them in src/server/http/parameter-descriptions.ts").to.deep.equal([]);
  });

  it("has a schema for the reply of every route", () => {
    const silent = operations.filter(({ responses }) => responses["200"]?.content === undefined);

    expect(silent.map(({ operationId }) => operationId)).to.deep.equal([]);
    expect(operations.length).to.be.above(90);
  });

  it("answers nobody without a login, but on routes for the world", async () => {
    const open: string[] = [];
    for (const operation of operations) {
      const { status } = await call(operation, {});
      if (status !== 401) open.push(operation.operationId);
    }

    const world = operations.filter((each) => each["x-permission"].kind === "world");
    expect(open).to.have.members(
      world.map(({ operationId }) => operationId).filter((id) => id !== "post_access_ticket"), // A wrong password is refused in the same way.
    );
    expect(world.map(({ operationId }) => operationId)).to.have.members([
      "get_ping",
      "get_access_domains",
      "post_access_ticket",
      "delete_access_ticket",
    ]);
  });

  it("enforces the privileges that every route declares", async () => {
    const headers = { authorization: (await otherToken(server, "TapeAudit")).authorization };
    const wrong: string[] = [];
    for (const operation of operations) {
      const { kind } = operation["x-permission"];
      if (kind !== "privileges" && kind !== "content") continue;
      const { status, text } = await call(operation, headers);
      // The genuine server refuses readers with 400 and a text of its own.
      const isRefused = status === 403 || (status === 400 && text.startsWith("no permissions on"));
      if (!isRefused) wrong.push(`${operation.operationId}: ${status} ${text.slice(0, 80)}`);
    }

    expect(wrong).to.deep.equal([]);
  });

  it("changes nothing for a caller without privileges, whatever the route decides itself", async () => {
    const headers = { authorization: (await otherToken(server, "TapeAudit")).authorization };
    const done: string[] = [];
    for (const operation of operations) {
      if (operation["x-permission"].kind !== "inside" || operation.method === "GET") continue;
      const { status } = await call(operation, headers);
      if (status === 200) done.push(operation.operationId);
    }

    expect(done).to.deep.equal([]);
  });
});

function sampleOf({ type, minimum }: Schema): unknown {
  if (type === "integer" || type === "number") return minimum ?? 1;
  return type === "array" ? [] : true;
}
