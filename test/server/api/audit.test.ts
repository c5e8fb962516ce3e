import { readFile } from "node:fs/promises";

import { expect } from "chai";

import { ApiCalls } from "../../support/api-calls.ts";
import { rawCall } from "../../support/raw-client.ts";
import { backUp, openSession } from "../../support/small-backup.ts";
import { startTestServer, type TestServer } from "../../support/test-server.ts";

/** One line of the log. */
interface Line {
  readonly time: string;
  readonly who: string;
  readonly from: string;
  readonly what: string;
  readonly parameters: object;
  readonly outcome: string;
  readonly status?: number;
}

describe("server audit log", () => {
  let server: TestServer;
  let api: ApiCalls;

  beforeEach(async () => {
    server = await startTestServer();
    api = new ApiCalls(server);
  });

  afterEach(async () => {
    await server[Symbol.asyncDispose]();
  });

  /** What was written, once the server has ended. */
  async function linesAfter(): Promise<{ readonly text: string; readonly lines: readonly Line[] }> {
    await server.close();
    const text = await readFile(server.auditPath, "utf8");
    const lines = text.trim().split("\n");
    return { text, lines: lines.map((line) => JSON.parse(line) as Line) };
  }

  it("says who did what from where, sessions and refusals included, and nothing about reading lists", async () => {
    await api.call("GET", "/access/users");
    await api.call("POST", "/access/users", { userid: "bob@pbs", comment: "new" });
    await api.answer("DELETE", "/access/users/nobody@pbs");
    await api.answer("DELETE", "/admin/datastore/store1/snapshots?store=x");
    const place = { ns: "", id: "web", timeSec: 1_717_597_476 };
    await backUp(server, place, server.authorization, "some content");
    const reader = await openSession(server, "reader", place, server);
    await reader.close();
    const wrong = { authorization: `PBSAPIToken=${server.tokenId}:wrong` };
    await rawCall(server.port, "GET /api2/json/access/users?x=y", { headers: wrong });

    const { lines } = await linesAfter();

    const ours = lines.slice(lines.findIndex(({ what }) => what === "POST /access/users"));
    const told = ours.map(({ who, what, parameters, outcome, status }) => ({
      ...{ who, what, parameters, outcome },
      ...(status === undefined ? {} : { status }),
    }));
    expect(told).to.deep.equal([
      {
        who: "admin@pbs!test",
        what: "POST /access/users",
        parameters: { userid: "bob@pbs" },
        outcome: "done",
      },
      {
        who: "admin@pbs!test",
        what: "DELETE /access/users/{userid}",
        parameters: { userid: "nobody@pbs" },
        outcome: "refused",
        status: 404,
      },
      {
        who: "admin@pbs!test",
        what: "DELETE /admin/datastore/{store}/snapshots",
        parameters: { store: "store1" },
        outcome: "refused",
        status: 400,
      },
      ...["/backup", "/reader"].map((path) => ({
        who: "admin@pbs!test",
        what: `GET ${path}`,
        parameters: { store: "store1", ns: "", "backup-type": "host", "backup-id": "web" },
        outcome: "done",
      })),
      {
        who: "admin@pbs!test",
        what: "GET /access/users",
        parameters: {},
        outcome: "not authenticated",
        status: 401,
      },
    ]);
    for (const { time, from } of ours) {
      expect(time).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      expect(from).to.equal("::ffff:127.0.0.1");
    }
  });

  it("names who logs in or tries to, and never holds a secret", async () => {
    const secrets = ["a-wrong-password", "the-new-password", "remote-password", server.password];
    await api.call("POST", "/access/users", { userid: "bob@pbs", password: secrets[1] });
    for (const password of [secrets[0], secrets[1]]) {
      await api.answer("POST", "/access/ticket", { username: "bob@pbs", password });
    }
    const made = await api.call<{ value: string }>("POST", "/access/users/bob@pbs/token/tok", {});
    const remote = { name: "there", host: "h", "auth-id": "a@pbs", password: secrets[2] };
    await api.call("POST", "/config/remote", remote);
    await api.answer("PUT", "/access/password", { userid: "bob@pbs", password: secrets[1] });

    const { text, lines } = await linesAfter();

    const logins = lines.filter(({ what }) => what === "POST /access/ticket").slice(-2);
    expect(logins.map(({ parameters, outcome }) => ({ ...parameters, outcome }))).to.deep.equal([
      { username: "bob@pbs", outcome: "refused" },
      { username: "bob@pbs", outcome: "done" },
    ]);
    for (const secret of [...secrets, made.value, server.tokenSecret]) {
      expect(text).not.to.include(secret);
    }
    expect(text).not.to.include("PBS:bob");
  });
});
