import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { loadAuthKeys } from "../../../src/server/auth/auth-key-files.ts";
import { type AuthKeys } from "../../../src/server/auth/authenticator.ts";
import { ConfigDirectory } from "../../../src/server/configuration/config-directory.ts";
import { type RouteDescription } from "../../../src/server/http/route.ts";
import { ownerName, personasOf, type Persona } from "../../support/access-personas.ts";
import {
  accessRuleOf,
  type AccessRule,
  OWNER_TASK,
  writtenRules,
} from "../../support/access-rules.ts";
import {
  authIdOf,
  callRoute,
  forgottenRules,
  groupName,
  headersOf,
  worldConfig,
  worldState,
  worldTasks,
  writeWorld,
} from "../../support/access-world.ts";
import { ApiCalls } from "../../support/api-calls.ts";
import { eventually } from "../../support/eventually.ts";
import { type RawAnswer, rawCall } from "../../support/raw-client.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { startTestServer, type TestServer } from "../../support/test-server.ts";

/** One route and one caller. */
interface Cell {
  readonly route: RouteDescription;
  readonly rule: AccessRule;
  readonly persona: Persona;
}

/**
 * Every route of the server's table × every kind of caller that its rule tells apart.
 *
 * Callers that must be refused come first, all of them; then nothing may have changed.
 */
describe("server/api access matrix", () => {
  let folder: Awaited<ReturnType<typeof tempDir>>;
  let server: TestServer;
  let keys: AuthKeys;
  let cells: readonly Cell[];
  let open: readonly RouteDescription[];

  before(async () => {
    folder = await tempDir();
    const taskPath = join(folder.path, "tasks");
    await mkdir(taskPath);
    const owners = writtenRules.filter((name) => name.includes("/tasks")).map(ownerName);
    await writeFile(join(taskPath, "archive"), worldTasks(owners, OWNER_TASK));
    server = await startTestServer({ extraConfig: worldConfig, taskPath });
    keys = await loadAuthKeys(await ConfigDirectory.open(server.configPath));
    cells = server.routes.flatMap((route) => {
      const rule = accessRuleOf(route);
      if (rule === undefined || rule === "open") return [];
      return personasOf(nameOf(route), rule).map((persona) => ({ route, rule, persona }));
    });
    open = server.routes.filter((route) => accessRuleOf(route) === "open");
    await writeWorld(
      server,
      cells.map(({ persona }) => persona),
    );
    await server.reload();
  });

  after(async () => {
    await server[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  async function call({ route, rule, persona }: Cell): Promise<RawAnswer> {
    const { kind } = persona;
    const caller = { kind, authId: authIdOf(persona), mine: groupName(persona) };
    const given = rule.parameters?.(caller) ?? {};
    return await callRoute(server.port, route, given, headersOf(persona, keys));
  }

  it("has a rule for every route, and no rule for a route that is gone", () => {
    const without = server.routes.filter((route) => accessRuleOf(route) === undefined);

    expect(without.map(nameOf), "write a rule in test/support/access-rules.ts").to.deep.equal([]);
    expect(forgottenRules(server.routes)).to.deep.equal([]);
    expect(cells.length).to.be.above(650);
  });

  it("answers nobody without a login, but on routes for the world", async () => {
    const answered: string[] = [];
    for (const route of server.routes) {
      if (route.permit.kind === "world") continue;
      const { status } = await callRoute(server.port, route, {}, {});
      if (status !== 401) answered.push(`${nameOf(route)}: ${status}`);
    }

    expect(answered).to.deep.equal([]);
  });

  it("asks for the login however the path is written", async () => {
    const answered: string[] = [];
    for (const route of server.routes) {
      if (route.permit.kind === "world") continue;
      const path = `/%61pi2/%6Ason${route.path.replaceAll(/\{[^}]*\}/g, "x")}`;
      const { status } = await rawCall(server.port, `${route.method} ${path}`);
      if (status !== 401) answered.push(`${nameOf(route)}: ${status}`);
    }

    expect(answered).to.deep.equal([]);
  });

  it("gives everybody who lacks a privilege what the rule says, and changes nothing", async () => {
    const before = await worldState(server.configPath, server.storePath);
    const wrong: string[] = [];
    for (const cell of cells.filter(({ persona }) => persona.expected !== "allowed")) {
      const answer = await call(cell);
      if (!isAsExpected(cell, answer)) wrong.push(complaint(cell, answer));
    }
    await allTasksEnded(server);

    expect(wrong).to.deep.equal([]);
    expect(await worldState(server.configPath, server.storePath)).to.deep.equal(before);
  });

  it("lets everybody through who has what the rule asks for", async () => {
    const wrong: string[] = [];
    const allowed = cells.filter(({ persona }) => persona.expected === "allowed");
    // What only reads comes first: the others remove what it would look for.
    const rank = ({ method }: RouteDescription): number => (method === "GET" ? 0 : 1);
    for (const cell of allowed.sort((a, b) => rank(a.route) - rank(b.route))) {
      const answer = await call(cell);
      if (!isAsExpected(cell, answer)) wrong.push(complaint(cell, answer));
    }

    expect(wrong).to.deep.equal([]);
  });

  it("lets every login call what is for every login", async () => {
    const cell = cells.find(({ persona }) => persona.title === "no role at all");
    const headers = cell ? headersOf(cell.persona, keys) : {};
    const wrong: string[] = [];
    for (const route of open) {
      // A wrong password is refused like a wrong login.
      if (nameOf(route) === "POST /access/ticket") continue;
      const answer = await callRoute(server.port, route, {}, headers);
      if (answer.status !== 200) wrong.push(`${nameOf(route)}: ${answer.status} ${answer.text}`);
    }

    expect(wrong).to.deep.equal([]);
  });
});

function nameOf({ method, path }: RouteDescription): string {
  return `${method} ${path}`;
}

function isAsExpected({ rule, persona: { expected } }: Cell, answer: RawAnswer): boolean {
  const { status, text } = answer;
  if (expected === "refused") return isRefusal(answer);
  if (expected === "nothing done") return status === 200;
  if (expected !== "allowed") return status === 200 && !text.includes(expected.hides);
  if (isRefusal(answer)) return false;
  return typeof rule.otherwise === "string" || text.includes(rule.otherwise.hides);
}

/** The forms a refusal for lack of privileges has (spec auth.md §8.4, §9.7, §9.8). */
function isRefusal({ status, text }: RawAnswer): boolean {
  if (status === 403) return true;
  const words =
    status === 401
      ? /^\S+ is not allowed to change owner of /
      : /^(backup owner check failed|task access not allowed|no permissions on |API tokens cannot )/;
  return (status === 400 || status === 401) && words.test(text);
}

function complaint({ route, persona }: Cell, { status, text }: RawAnswer): string {
  return `${nameOf(route)} by ${persona.title}: ${status} ${text.slice(0, 100)}`;
}

async function allTasksEnded(server: TestServer): Promise<void> {
  const api = new ApiCalls(server);
  await eventually(async () => {
    const running = await api.call<unknown[]>("GET", "/nodes/localhost/tasks?running=1");
    return running.length === 0;
  });
}
