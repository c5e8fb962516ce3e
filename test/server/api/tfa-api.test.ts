import { expect } from "chai";

import { loadAuthKeys } from "../../../src/server/auth/auth-key-files.ts";
import { newTotpAddress, totpCode } from "../../../src/server/auth/totp.ts";
import { ConfigDirectory } from "../../../src/server/configuration/config-directory.ts";
import { systemClock } from "../../../src/format/clock.ts";
import { loginHeaders } from "../../support/login-headers.ts";
import { rawCall, type RawAnswer } from "../../support/raw-client.ts";
import { startTestServer, type TestServer } from "../../support/test-server.ts";

const address = newTotpAddress("admin@pbs", "Amber", Buffer.alloc(20, 3));

describe("server/api second factors", () => {
  let server: TestServer;
  let headers: Readonly<Record<string, string>>;
  let totpId: string;

  before(async () => {
    server = await startTestServer();
    const keys = await loadAuthKeys(await ConfigDirectory.open(server.configPath));
    headers = loginHeaders(server.user, keys);
  });

  after(async () => {
    await server[Symbol.asyncDispose]();
  });

  async function call(line: string, body?: object, as = headers): Promise<RawAnswer> {
    return await rawCall(server.port, line.replace(" ", " /api2/json"), {
      headers: { ...as, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  async function data<Data>(line: string, body?: object): Promise<Data> {
    const { status, text } = await call(line, body);
    expect(status, text).to.equal(200);
    return (JSON.parse(text) as { data: Data }).data;
  }

  const code = (): string => totpCode(address, systemClock.nowMs());

  it("adds a generator only with a code it shows and the caller's password", async () => {
    const wanted = { type: "totp", totp: address, description: "telephone" };
    const add = async (more: object): Promise<string> => {
      const { status, text } = await call("POST /access/tfa/admin@pbs", { ...wanted, ...more });
      return `${status} ${text}`;
    };
    const { password } = server;

    expect(await add({ value: code() })).to.equal("401 missing password");
    expect(await add({ value: code(), password: "wrong" })).to.equal(
      "401 permission check failed.",
    );
    expect(await add({ value: "000000", password })).to.equal(
      "400 failed to verify TOTP challenge",
    );
    expect(await add({ totp: "https://example.org", value: code(), password })).to.match(/^400 /);

    const { id } = await data<{ id: string }>("POST /access/tfa/admin@pbs", {
      ...wanted,
      value: code(),
      password,
    });
    totpId = id;
    const entries = await data<object[]>("GET /access/tfa/admin@pbs");
    expect(entries).to.have.length(1);
    expect(entries[0]).to.include({ id, type: "totp", description: "telephone", enable: true });
    expect(JSON.stringify(entries)).not.to.include("secret");
  });

  it("logs in with password and recovery key, and shows what is locked", async () => {
    const { recovery } = await data<{ recovery: string[] }>("POST /access/tfa/admin@pbs", {
      type: "recovery",
      password: server.password,
    });
    expect(recovery).to.have.length(10);
    expect(recovery[0]).to.match(/^[0-9a-f]{4}(-[0-9a-f]{4}){3}$/);
    const login = { username: "admin@pbs", password: server.password };
    const { ticket } = await data<{ ticket: string }>("POST /access/ticket", login);
    expect(decodeURIComponent(ticket)).to.match(/^PBS:!tfa!\{"totp":true,"recovery":\[0,1,/);

    const full = await data<{ ticket: string; CSRFPreventionToken: string }>(
      "POST /access/ticket",
      {
        username: "admin@pbs",
        password: `recovery:${recovery[3] ?? ""}`,
        "tfa-challenge": ticket,
      },
    );

    expect(full.ticket).to.match(/^PBS:admin@pbs:/);
    const cookie = { cookie: `PBSAuthCookie=${full.ticket}` };
    expect((await call("GET /version", undefined, cookie)).status).to.equal(200);
    expect(await data("GET /access/tfa")).to.have.length(1);
    expect(await data("PUT /access/users/admin@pbs/unlock-tfa")).to.equal(false);
  });

  it("lets no token change factors, and nobody those of the superuser", async () => {
    const { authorization } = server;
    const byToken = await call(
      "POST /access/tfa/admin@pbs",
      { type: "recovery" },
      { authorization },
    );
    expect(byToken.text).to.equal("API tokens cannot access this API endpoint");

    const { password } = server;
    const ofRoot = await call("POST /access/tfa/root@pam", { type: "recovery", password });
    expect(ofRoot.status).to.equal(403);
  });

  it("switches a factor off and removes it, after which the password is enough", async () => {
    const { password } = server;
    const path = `/access/tfa/admin@pbs/${totpId}`;
    await data(`PUT ${path}`, { enable: false, description: "old", password });
    expect(await data(`GET ${path}`)).to.include({ enable: false, description: "old" });
    await data(`DELETE ${path}?password=${password}`);
    await data(`DELETE /access/tfa/admin@pbs/recovery?password=${password}`);

    const login = { username: "admin@pbs", password };
    const { ticket } = await data<{ ticket: string }>("POST /access/ticket", login);

    expect(ticket).to.match(/^PBS:admin@pbs:/);
    expect((await call(`GET ${path}`)).status).to.equal(404);
  });
});
