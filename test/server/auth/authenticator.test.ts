import { expect } from "chai";

import { parseAuthId } from "../../../src/format/snapshot/auth-id.ts";
import { AccessControl } from "../../../src/server/auth/access-control.ts";
import { Accounts } from "../../../src/server/auth/accounts.ts";
import { loadAuthKeys } from "../../../src/server/auth/auth-key-files.ts";
import { Authenticator } from "../../../src/server/auth/authenticator.ts";
import { hashPassword } from "../../../src/server/auth/password-hash.ts";
import { ConfigDirectory } from "../../../src/server/configuration/config-directory.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { rejection } from "../../support/rejection.ts";
import { tempDir } from "../../support/temp-dir.ts";

const user = parseAuthId("backup@pbs");
const token = parseAuthId("backup@pbs!ci");
const secret = "3a5e7c0e-8a52-4f3b-9a54-0f4f6f0c2f77";
const passwordHash = hashPassword("secret12");

describe("server/auth/authenticator", () => {
  let folder: Awaited<ReturnType<typeof tempDir>>;
  let directory: ConfigDirectory;
  let clock: FakeClock;
  let accounts: Accounts;
  let authenticator: Authenticator;

  beforeEach(async () => {
    folder = await tempDir();
    directory = await ConfigDirectory.open(folder.path);
    clock = new FakeClock();
    accounts = await Accounts.load(directory, clock);
    await accounts.put({ id: user, isEnabled: true, expireSec: 0 });
    await accounts.setPasswordHash(user, await passwordHash);
    await accounts.put({ id: token, isEnabled: true, expireSec: 0 });
    await accounts.setTokenSecret(token, secret);
    authenticator = new Authenticator(accounts, await loadAuthKeys(directory), clock);
  });

  afterEach(async () => {
    await folder[Symbol.asyncDispose]();
  });

  const refusal = async (headers: Record<string, string>, method = "GET"): Promise<string> =>
    ((await rejection(authenticator.authenticate(headers, method))) as Error).message;

  it("accepts a token behind a space and behind an equals sign", async () => {
    for (const separator of [" ", "="]) {
      const authorization = `PBSAPIToken${separator}${token}:${secret}`;
      expect(await authenticator.authenticate({ authorization }, "POST")).to.equal(token);
    }
  });

  it("refuses a wrong secret, an unknown token and a user in place of a token", async () => {
    for (const credentials of [`${token}:x`, `backup@pbs!no:${secret}`, `${user}:secret12`]) {
      expect(await refusal({ authorization: `PBSAPIToken ${credentials}` })).to.equal(
        "authentication failed - invalid credentials",
      );
    }
  });

  it("refuses a token whose user is disabled or has expired", async () => {
    const authorization = `PBSAPIToken ${token}:${secret}`;
    await accounts.put({ id: user, isEnabled: true, expireSec: clock.nowSec() + 10 });
    expect(await authenticator.authenticate({ authorization }, "GET")).to.equal(token);

    clock.advance(10);
    expect(await refusal({ authorization })).to.match(/^authentication failed/);

    await accounts.put({ id: user, isEnabled: false, expireSec: 0 });
    expect(await refusal({ authorization })).to.match(/^authentication failed/);
  });

  it("accepts the cookie raw, percent-encoded as browsers do, and among other cookies", async () => {
    const { ticket } = await authenticator.login(user, "secret12");

    for (const value of [ticket, encodeURIComponent(ticket)]) {
      const cookie = `a=b; PBSAuthCookie=${value}; c=d`;
      expect(await authenticator.authenticate({ cookie }, "GET")).to.equal(user);
    }
  });

  it("wants the CSRF token for everything but GET", async () => {
    const { ticket, CSRFPreventionToken } = await authenticator.login(user, "secret12");
    const cookie = `PBSAuthCookie=${ticket}`;

    expect(await refusal({ cookie }, "POST")).to.equal(
      "authentication failed - missing CSRF prevention token",
    );
    const headers = { cookie, csrfpreventiontoken: CSRFPreventionToken };
    expect(await authenticator.authenticate(headers, "POST")).to.equal(user);
  });

  it("lets a bad cookie hide a good token", async () => {
    const authorization = `PBSAPIToken ${token}:${secret}`;

    expect(await refusal({ cookie: "PBSAuthCookie=nonsense", authorization })).to.match(
      /^authentication failed/,
    );
  });

  it("renews a login with a ticket in place of the password, for the same user only", async () => {
    const { ticket } = await authenticator.login(user, "secret12");
    clock.advance(7000);

    expect((await authenticator.login(user, ticket)).ticket).to.not.equal(ticket);
    const other = await rejection(authenticator.login(parseAuthId("root@pam"), ticket));
    expect(other).to.have.property("message", "permission check failed.");
  });

  it("does not tell a wrong password from an unknown user or realm", async () => {
    for (const name of ["backup@pbs", "nobody@pbs", "nobody@nosuch", "root@pam"]) {
      const error = await rejection(authenticator.login(parseAuthId(name), "wrong"));
      expect(error).to.include({
        code: "API_UNAUTHENTICATED",
        message: "permission check failed.",
      });
    }
  });

  it("finds accounts, passwords and tokens again after a restart", async () => {
    const again = await Accounts.load(directory, clock);

    expect(again.get(token)).to.deep.equal({ id: token, isEnabled: true, expireSec: 0 });
    expect(await again.isTokenSecret(token, secret, async (check) => await check())).to.equal(true);
    expect(again.passwordHash(user)).to.equal(await passwordHash);
  });

  it("gives a token no more than its user has, and nothing without an entry of its own", async () => {
    const access = await AccessControl.load(directory, accounts);
    await access.update((tree) => {
      tree.set({ path: "/", authId: user, role: "DatastoreBackup", propagate: true });
    });
    expect(access.hasAny(token, "/datastore/s1", ["Datastore.Backup"])).to.equal(false);

    await access.update((tree) => {
      tree.set({ path: "/", authId: token, role: "Admin", propagate: true });
    });
    expect(access.hasAny(token, "/datastore/s1", ["Datastore.Backup"])).to.equal(true);
    expect(access.hasAny(token, "/datastore/s1", ["Datastore.Audit"])).to.equal(false);
  });

  it("sees privileges below a path", async () => {
    const access = await AccessControl.load(directory, accounts);
    await access.update((tree) => {
      tree.set({ path: "/datastore/s1/a", authId: user, role: "DatastoreBackup", propagate: true });
    });

    expect(access.hasAny(user, "/datastore/s1", ["Datastore.Backup"])).to.equal(false);
    expect(access.hasAnyBelow(user, "/datastore/s1", ["Datastore.Backup"])).to.equal(true);
    expect(access.hasAnyBelow(user, "/datastore/s", ["Datastore.Backup"])).to.equal(false);
  });
});
