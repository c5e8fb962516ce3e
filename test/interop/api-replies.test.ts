import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect } from "chai";

import { rawCall, type RawAnswer } from "../support/raw-client.ts";
import { startTestServer, type TestServer } from "../support/test-server.ts";
import { tempDir } from "../support/temp-dir.ts";

interface Recorded {
  readonly name: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers: Record<string, string>;
    readonly body: string | null;
  };
  readonly response: {
    readonly status: number;
    readonly headers: readonly (readonly [string, string])[];
    readonly body_text?: string;
    readonly body_hex?: string;
  };
}

const recorded = JSON.parse(
  await readFile(new URL("../../fixtures/api/api.json", import.meta.url), "utf8"),
) as Recorded[];

/** How the answer to a call is held against the recorded one; every recorded call has a row. */
type Comparison =
  | { readonly how: "equal" }
  /** What was recorded must be among ours: the fixture's datastore has grown since. */
  | { readonly how: "within" }
  /** Only the members are compared, and the status; `why` stands in the output. */
  | { readonly how: "members"; readonly why: string }
  /** The answer is the name of a task that was started now. */
  | { readonly how: "task"; readonly why: string }
  /** The genuine answer is not ours on purpose. */
  | { readonly how: "differs"; readonly status: number; readonly why: string };

const equal: Comparison = { how: "equal" };
const within: Comparison = { how: "within" };
const OF_THIS_DISK = "sizes are those of this disk";
const OF_THAT_RUN = "figures are those of a collection at that time";
const STARTED_NOW = "the task is another one, and chunks are not part of the fixture";

const comparisons: Readonly<Record<string, Comparison>> = {
  version: { how: "members", why: "repoid names this program" },
  ping: equal,
  unauth: equal,
  badtoken: equal,
  notfound: equal,
  "wrong-method": equal,
  "bad-param": equal,
  "bad-store": equal,
  "bad-backup-type": equal,
  ticket: { how: "members", why: "tickets are signed by a key of this server" },
  "ticket-json": { how: "members", why: "tickets are signed by a key of this server" },
  "ticket-bad": equal,
  "ticket-nouser": equal,
  "ticket-norealm": equal,
  "with-cookie": equal,
  "with-cookie-post-no-csrf": equal,
  datastores: equal,
  "store-index": within,
  status: { how: "members", why: OF_THIS_DISK },
  groups: within,
  "groups-ns": equal,
  "groups-badns": equal,
  snapshots: within,
  "snapshots-group": within,
  "snapshots-ns": within,
  namespaces: equal,
  "namespaces-depth": equal,
  "gc-status": { how: "members", why: OF_THAT_RUN },
  "active-ops": equal,
  permissions: equal,
  users: within,
  domains: equal,
  acl: within,
  roles: within,
  "config-datastore": { how: "members", why: "the datastore lies in another folder" },
  "config-datastore-1": { how: "members", why: "the datastore lies in another folder" },
  "node-tasks": within,
  "datastore-usage": { how: "members", why: OF_THIS_DISK },
  tokens: equal,
  files: within,
  "files-enc": within,
  "files-missing": { how: "differs", status: 400, why: "the text names the snapshot" },
  notes: equal,
  protected: equal,
  "group-notes": { how: "members", why: "the fixture has the notes that were written later" },
  "catalog-root": equal,
  "catalog-sub": equal,
  "catalog-etc": equal,
  download: equal,
  "download-decoded": equal,
  "pxar-file-download": equal,
  "snapshot-protected-delete": equal,
  "delete-protected": equal,
  "set-group-notes": equal,
  "get-group-notes": equal,
  "ns-create": equal,
  "ns-create-dup": equal,
  "ns-delete": equal,
  verify: { how: "task", why: STARTED_NOW },
  "task-status-poll": within,
  "verify-log": equal,
  gc: { how: "task", why: STARTED_NOW },
  "gc-log": equal,
  "gc-status-after": { how: "members", why: OF_THAT_RUN },
  "snapshots-after-verify": within,
  "tasks-after": within,
  "task-bad": equal,
  "backup-no-upgrade": equal,
  "change-owner": equal,
  "change-owner-back": equal,
};

describe("interop/api-replies", () => {
  let folder: Awaited<ReturnType<typeof tempDir>>;
  let server: TestServer;

  before(async () => {
    folder = await tempDir();
    const storePath = join(folder.path, "store1");
    await cp(new URL("../../fixtures/datastore-real/store", import.meta.url), storePath, {
      recursive: true,
    });
    await mkdir(join(storePath, ".chunks"), { recursive: true });
    const config = join(folder.path, "config");
    await mkdir(config);
    const genuine = new URL("../../fixtures/server-config/", import.meta.url);
    for (const name of ["user.cfg", "acl.cfg", "shadow.json", "token.shadow"]) {
      await cp(new URL(name, genuine), join(config, name));
    }
    const taskPath = join(folder.path, "tasks");
    await cp(new URL("tasks-log", genuine), taskPath, { recursive: true });
    const logs = JSON.parse(await readFile(join(taskPath, "logs.json"), "utf8")) as LogFile[];
    for (const { path, log } of logs) {
      await mkdir(dirname(join(taskPath, path)), { recursive: true });
      await writeFile(join(taskPath, path), log);
    }
    server = await startTestServer({ storePath, configPath: config, taskPath });
  });

  after(async () => {
    await server[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  async function replay({ name, request }: Recorded): Promise<RawAnswer> {
    const headers = { ...request.headers };
    if (headers["Cookie"]) {
      const login = await rawCall(server.port, "POST /api2/json/access/ticket", {
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body: "username=test%40pbs&password=secret12",
      });
      const { ticket } = (JSON.parse(login.text) as { data: { ticket: string } }).data;
      headers["Cookie"] = `PBSAuthCookie=${encodeURIComponent(ticket)}`;
    }
    // The list was short then: everything that was in it is looked for in the whole list now.
    const isTaskList = ["node-tasks", "tasks-after"].includes(name);
    const path = isTaskList ? "/api2/json/nodes/localhost/tasks?limit=0" : request.path;
    return await rawCall(server.port, `${request.method} ${path}`, {
      headers,
      ...(request.body === null ? {} : { body: request.body }),
    });
  }

  it("has a comparison for each of the 71 recorded calls", () => {
    const names = recorded.map(({ name }) => name);

    expect(names).to.have.length(71);
    expect(names.filter((name) => !(name in comparisons))).to.deep.equal([]);
  });

  for (const call of recorded) {
    const comparison = comparisons[call.name] ?? equal;
    switch (comparison.how) {
      case "equal":
        it(`answers ${call.name} as the genuine server does`, async () => {
          expectEqual(await replay(call), call);
        });
        break;
      case "within":
        it(`has everything in its answer to ${call.name} that the genuine server has`, async () => {
          expectWithin(await replay(call), call);
        });
        break;
      case "members":
        it(`has the members of ${call.name}, not its values: ${comparison.why}`, async () => {
          expectMembers(await replay(call), call);
        });
        break;
      case "task":
        it(`answers ${call.name} with the name of a task: ${comparison.why}`, async () => {
          const { status, text } = await replay(call);

          expect(status, text).to.equal(call.response.status);
          const type = /UPID:(?:[^:]+:){5}([^:]+):/.exec(call.response.body_text ?? "")?.[1] ?? "";
          const pattern = `^UPID:[^:]+:[0-9A-F]{8}:[0-9A-F]{8,9}:[0-9A-F]{8}:[0-9A-F]{8}:${type}:store1:test@pbs!tok1:$`;
          expect((JSON.parse(text) as { data: unknown }).data).to.match(new RegExp(pattern));
        });
        break;
      case "differs":
        it(`refuses ${call.name} with a status or text of its own: ${comparison.why}`, async () => {
          const { status, text } = await replay(call);

          expect(status, text).to.equal(comparison.status);
          expect(text).to.match(/^snapshot .* does not exist/);
        });
    }
  }

  it("gives tickets in the genuine form", async () => {
    for (const call of recorded.filter(({ name }) => ["ticket", "ticket-json"].includes(name))) {
      const { data } = JSON.parse((await replay(call)).text) as { data: Record<string, string> };

      expect(data["username"]).to.equal("test@pbs");
      expect(data["ticket"]).to.match(/^PBS:test@pbs:[0-9A-F]{8}::[A-Za-z0-9+/]{86}$/);
      expect(data["CSRFPreventionToken"]).to.match(/^[0-9A-F]{8}:[A-Za-z0-9+/]{43}$/);
    }
  });
});

function expectEqual(answer: RawAnswer, { response }: Recorded): void {
  expect(answer.status, answer.text).to.equal(response.status);
  const type = response.headers.find(([name]) => name === "content-type")?.[1];
  // Logs are streamed there, without a charset.
  if (type !== undefined && type !== "application/json") {
    expect(answer.headers["content-type"]).to.equal(type);
  }
  if (response.body_hex !== undefined) {
    expect(answer.body.toString("hex")).to.equal(response.body_hex);
  } else if (response.body_text?.startsWith("{")) {
    expect(comparable(answer.text)).to.deep.equal(comparable(response.body_text));
  } else expect(answer.text).to.equal(response.body_text);
}

/** An answer without the value of its digest: users and roles of this test are more (server-config.test.ts has those). */
function comparable(text: string): unknown {
  const answer = JSON.parse(text) as Record<string, unknown>;
  return normal("digest" in answer ? { ...answer, digest: typeof answer["digest"] } : answer);
}

function expectWithin(answer: RawAnswer, { response }: Recorded): void {
  expect(answer.status, answer.text).to.equal(response.status);
  const ours = (JSON.parse(answer.text) as { data: object | object[] }).data;
  const wanted = (JSON.parse(response.body_text ?? "") as { data: object | object[] }).data;
  if (!Array.isArray(wanted)) {
    expect(ours).to.deep.include(wanted);
    return;
  }
  const shrunk = (ours as object[]).map((other) => shrink(normal(other) as object));
  for (const entry of normal(wanted) as object[]) {
    expect(shrunk).to.deep.include(shrink(entry));
  }
}

/** Every member that the genuine answer has, to any depth; of lists, those of the first entry. */
function expectMembers(answer: RawAnswer, { response }: Recorded): void {
  expect(answer.status, answer.text).to.equal(response.status);
  const missing = missingMembers(JSON.parse(answer.text), JSON.parse(response.body_text ?? ""));
  expect(missing).to.deep.equal([]);
}

/** Members of a collection that was run and is over; one that never ran has none of them. */
const OF_FINISHED_RUN = ["duration", "last-run-endtime", "last-run-state"];

function missingMembers(ours: unknown, wanted: unknown, path = ""): string[] {
  if (Array.isArray(wanted)) {
    if (wanted.length === 0 || wanted[0] === null) return Array.isArray(ours) ? [] : [path];
    return missingMembers(Array.isArray(ours) ? ours[0] : undefined, wanted[0], `${path}[]`);
  }
  if (typeof wanted !== "object" || wanted === null) {
    return ours === undefined ? [path] : [];
  }
  if (typeof ours !== "object" || ours === null) return [path];
  return Object.entries(wanted)
    .filter(([name]) => !OF_FINISHED_RUN.includes(name))
    .flatMap(([name, member]) =>
      missingMembers((ours as Record<string, unknown>)[name], member, `${path}.${name}`),
    );
}

interface LogFile {
  readonly path: string;
  readonly log: string;
}

/** Arrays whose order means nothing, sorted; other values as they are. */
function normal(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(normal).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  }
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([name, member]) => [name, normal(member)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Leaves out what later changes to the fixture's datastore have changed: notes, verification, size of the manifest. */
function shrink(entry: object): unknown {
  const rest: Record<string, unknown> = { ...entry };
  const name = rest["filename"];
  const changing = ["verification", "comment", "backup-count", "last-backup"];
  if (name === undefined || name === "index.json.blob") changing.push("size");
  for (const member of changing) Reflect.deleteProperty(rest, member);
  const { files } = rest;
  if (Array.isArray(files)) {
    rest["files"] = files
      .map((file: string | { filename: string }) =>
        typeof file === "string" ? file : file.filename,
      )
      .filter((file) => file !== "client.log.blob");
  }
  return normal(rest);
}
