import { expect } from "chai";

import { loadAuthKeys } from "../../../src/server/auth/auth-key-files.ts";
import { ConfigDirectory } from "../../../src/server/configuration/config-directory.ts";
import { loginHeaders } from "../../support/login-headers.ts";
import { rawCall } from "../../support/raw-client.ts";
import { otherToken, startTestServer, type TestServer } from "../../support/test-server.ts";

describe("server/api accounts", () => {
  let server: TestServer;

  before(async () => {
    server = await startTestServer();
  });

  after(async () => {
    await server[Symbol.asyncDispose]();
  });

  async function call(
    line: string,
    body?: object,
    authorization = server.authorization,
  ): Promise<{ status: number; text: string; data: unknown }> {
    const [method = "", path = ""] = line.split(" ");
    const { status, text } = await rawCall(server.port, `${method} /api2/json${path}`, {
      headers: { authorization, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const data = text.startsWith("{") ? (JSON.parse(text) as { data: unknown }).data : undefined;
    return { status, text, data };
  }

  it("makes, changes and removes a user", async () => {
    expect(
      (await call("POST /access/users", { userid: "u1@pbs", comment: "one" })).status,
    ).to.equal(200);
    expect((await call("POST /access/users", { userid: "u1@pbs" })).text).to.equal(
      "user 'u1@pbs' already exists.",
    );
    await call("PUT /access/users/u1@pbs", { enable: false, delete: ["comment"] });
    expect((await call("GET /access/users/u1@pbs")).data).to.deep.equal({
      userid: "u1@pbs",
      enable: false,
    });
    expect((await call("DELETE /access/users/u1@pbs")).data).to.equal(null);
    expect((await call("GET /access/users/u1@pbs")).status).to.equal(404);
  });

  it("shows a token's secret once, and forgets everything about a removed token", async () => {
    await call("POST /access/users", { userid: "u2@pbs" });
    const made = await call("POST /access/users/u2@pbs/token/ci1", { comment: "nightly" });
    expect(made.data).to.have.property("tokenid", "u2@pbs!ci1");
    const { value } = made.data as { value: string };
    expect(value).to.match(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    const authorization = `PBSAPIToken=u2@pbs!ci1:${value}`;
    expect((await call("GET /version", undefined, authorization)).status).to.equal(200);

    await call("PUT /access/acl", { path: "/", role: "Audit", "auth-id": "u2@pbs!ci1" });
    await call("DELETE /access/users/u2@pbs/token/ci1");

    expect((await call("GET /version", undefined, authorization)).status).to.equal(401);
    const acl = (await call("GET /access/acl")).data as { ugid: string }[];
    expect(acl.some(({ ugid }) => ugid === "u2@pbs!ci1")).to.equal(false);
  });

  it("refuses a change to an older configuration", async () => {
    const digest = "0".repeat(64);

    expect((await call("PUT /access/users/admin@pbs", { comment: "x", digest })).text).to.equal(
      "detected modified configuration - file changed by other user? Try again.",
    );
  });

  it("refuses roles on paths and for users that do not exist", async () => {
    const grant = { role: "Audit", "auth-id": "nobody@pbs" };

    expect((await call("PUT /access/acl", { ...grant, path: "/nope" })).text).to.equal(
      "invalid acl path '/nope'.",
    );
    expect((await call("PUT /access/acl", { ...grant, path: "/" })).text).to.equal("no such user.");
  });

  it("lets those without privilege see themselves only, and change nothing", async () => {
    const { authorization } = await otherToken(server);

    const users = await call("GET /access/users", undefined, authorization);
    expect(users.data).to.deep.equal([]);
    const made = await call("POST /access/users", { userid: "x@pbs" }, authorization);
    expect(`${made.status} ${made.text}`).to.equal("403 permission check failed");
    const granted = { path: "/", role: "Admin", "auth-id": "other@pbs!tok" };
    expect((await call("PUT /access/acl", granted, authorization)).status).to.equal(403);
  });

  it("changes a password only for a user who gives the own one again", async () => {
    await call("POST /access/users", { userid: "u3@pbs" });
    const login = await rawCall(server.port, "POST /api2/json/access/ticket", {
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ username: server.user, password: server.password }),
    });
    const { data } = JSON.parse(login.text) as {
      data: { ticket: string; CSRFPreventionToken: string };
    };
    const change = async (parameters: object): Promise<string> => {
      const answer = await rawCall(server.port, "PUT /api2/json/access/password", {
        headers: {
          cookie: `PBSAuthCookie=${data.ticket}`,
          csrfpreventiontoken: data.CSRFPreventionToken,
          "content-type": "application/json",
        },
        body: JSON.stringify({ userid: "u3@pbs", password: "new-password", ...parameters }),
      });
      return `${answer.status} ${answer.text}`;
    };

    expect(await change({})).to.equal("401 missing password");
    expect(await change({ "confirmation-password": "wrong" })).to.match(/^401/);
    expect(await change({ "confirmation-password": server.password })).to.equal(
      '200 {"data":null}',
    );
    expect(await change({ userid: "root@pam", "confirmation-password": server.password })).to.equal(
      "403 only root@pam sets passwords of realm pam",
    );
    const again = await rawCall(server.port, "POST /api2/json/access/ticket", {
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ username: "u3@pbs", password: "new-password" }),
    });
    expect(again.status).to.equal(200);
  });

  it("lets a token set no password but that of a user it makes", async () => {
    const made = await call("POST /access/users", { userid: "u4@pbs", password: "long-enough" });

    expect(made.status).to.equal(200);
    const text = "API tokens cannot access this API endpoint";
    const password = "new-password";
    expect((await call("PUT /access/users/u4@pbs", { password })).text).to.equal(text);
    expect((await call("PUT /access/password", { userid: "u4@pbs", password })).text).to.equal(
      text,
    );
  });

  it("lets nobody without privilege learn which users exist, or widen the own limits", async () => {
    const { authorization } = await otherToken(server);
    const ask = async (path: string): Promise<number> =>
      (await call(`GET /access/users/${path}`, undefined, authorization)).status;

    expect(await ask("admin@pbs")).to.equal(await ask("nobody@pbs"));
    expect(await ask("admin@pbs/token/test")).to.equal(await ask("nobody@pbs/token/test"));
    const keys = await loadAuthKeys(await ConfigDirectory.open(server.configPath));
    const answer = await rawCall(server.port, "PUT /api2/json/access/users/other@pbs", {
      headers: { ...loginHeaders("other@pbs", keys), "content-type": "application/json" },
      body: JSON.stringify({ expire: 0 }),
    });
    expect(answer.status).to.equal(403);
  });

  it("never removes the superuser", async () => {
    expect((await call("DELETE /access/users/root@pam")).status).to.equal(400);
  });

  it("keeps the last administrator, and its role", async () => {
    const last = /^this would leave nobody who can administer: /;
    const role = { path: "/", role: "Admin", "auth-id": server.user };
    const path = `/access/users/${server.user}`;
    for (const [line, body] of [
      [`DELETE ${path}`, undefined],
      [`PUT ${path}`, { enable: false }],
      [`PUT ${path}`, { expire: 1 }],
      ["PUT /access/acl", { ...role, delete: true }],
      ["PUT /access/acl", { ...role, role: "NoAccess" }],
    ] as const) {
      const answer = await call(line, body);
      expect(answer.status, line).to.equal(400);
      expect(answer.text).to.match(last);
    }
    expect((await call("GET /version")).status).to.equal(200);

    await call("POST /access/users", { userid: "second@pbs", password: "long-enough" });
    await call("PUT /access/acl", { ...role, "auth-id": "second@pbs" });
    expect((await call("DELETE /access/users/second@pbs")).status).to.equal(200);
  });

  it("takes PUT parameters in the query, as official clients send them", async () => {
    const answer = await rawCall(server.port, "PUT /api2/json/access/users/root@pam?comment=boss", {
      headers: {
        authorization: server.authorization,
        "content-type": "application/x-www-form-urlencoded",
      },
    });

    expect(answer.text).to.equal('{"data":null}');
    expect((await call("GET /access/users/root@pam")).data).to.have.property("comment", "boss");
  });
});
