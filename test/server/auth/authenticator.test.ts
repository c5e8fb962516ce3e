import { stat } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { type AuthId, parseAuthId } from "../../../src/format/snapshot/auth-id.ts";
import { AccessControl } from "../../../src/server/auth/access-control.ts";
import { Accounts } from "../../../src/server/auth/accounts.ts";
import { loadAuthKeys } from "../../../src/server/auth/auth-key-files.ts";
import { Authenticator, type Login } from "../../../src/server/auth/authenticator.ts";
import { FAILURES_FORGOTTEN_SEC, FAILURES_MAX } from "../../../src/server/auth/failed-logins.ts";
import { hashPassword } from "../../../src/server/auth/password-hash.ts";
import { SecondFactors, TOTP_FAILURES_MAX } from "../../../src/server/auth/second-factors.ts";
import { newTotpAddress, totpCode } from "../../../src/server/auth/totp.ts";
import { ConfigDirectory } from "../../../src/server/configuration/config-directory.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { rejection } from "../../support/rejection.ts";
import { tempDir } from "../../support/temp-dir.ts";

const user = parseAuthId("backup@pbs");
const token = parseAuthId("backup@pbs!ci");
const secret = "3a5e7c0e-8a52-4f3b-9a54-0f4f6f0c2f77";
const PEER = "::ffff:192.0.2.1";
const address = newTotpAddress(user, "Amber", Buffer.alloc(20, 7));
const passwordHash = hashPassword("secret12");

describe("server/auth/authenticator", () => {
  let folder: Awaited<ReturnType<typeof tempDir>>;
  let directory: ConfigDirectory;
  let state: ConfigDirectory;
  let clock: FakeClock;
  let accounts: Accounts;
  let factors: SecondFactors;
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
    state = await ConfigDirectory.open(join(folder.path, "state"));
    factors = await SecondFactors.load({ configuration: directory, state }, clock);
    const keys = await loadAuthKeys(directory);
    const pam = async (name: AuthId, password: string): Promise<boolean> =>
      await Promise.resolve(name === "root@pam" && password === "of the system");
    authenticator = new Authenticator({ accounts, keys, clock, factors, pam });
  });

  afterEach(async () => {
    await folder[Symbol.asyncDispose]();
  });

  const login = async (
    name: AuthId,
    password: string,
    more: { readonly challenge?: string; readonly peer?: string } = {},
  ): Promise<Login> => await authenticator.login({ user: name, password, peer: PEER, ...more });

  const refusal = async (headers: Record<string, string>, method = "GET"): Promise<string> =>
    ((await rejection(authenticator.authenticate(headers, method, PEER))) as Error).message;

  it("accepts a token behind a space and behind an equals sign", async () => {
    for (const separator of [" ", "="]) {
      const authorization = `PBSAPIToken${separator}${token}:${secret}`;
      expect(await authenticator.authenticate({ authorization }, "POST", PEER)).to.equal(token);
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
    expect(await authenticator.authenticate({ authorization }, "GET", PEER)).to.equal(token);

    clock.advance(10);
    expect(await refusal({ authorization })).to.match(/^authentication failed/);

    await accounts.put({ id: user, isEnabled: false, expireSec: 0 });
    expect(await refusal({ authorization })).to.match(/^authentication failed/);
  });

  it("accepts the cookie raw, percent-encoded as browsers do, and among other cookies", async () => {
    const { ticket } = await login(user, "secret12");

    for (const value of [ticket, encodeURIComponent(ticket)]) {
      const cookie = `a=b; PBSAuthCookie=${value}; c=d`;
      expect(await authenticator.authenticate({ cookie }, "GET", PEER)).to.equal(user);
    }
  });

  it("wants the CSRF token for everything but GET", async () => {
    const { ticket, CSRFPreventionToken } = await login(user, "secret12");
    const cookie = `PBSAuthCookie=${ticket}`;

    expect(await refusal({ cookie }, "POST")).to.equal(
      "authentication failed - missing CSRF prevention token",
    );
    const headers = { cookie, csrfpreventiontoken: CSRFPreventionToken };
    expect(await authenticator.authenticate(headers, "POST", PEER)).to.equal(user);
  });

  it("lets a bad cookie hide a good token", async () => {
    const authorization = `PBSAPIToken ${token}:${secret}`;

    expect(await refusal({ cookie: "PBSAuthCookie=nonsense", authorization })).to.match(
      /^authentication failed/,
    );
  });

  it("renews a login with a ticket in place of the password, for the same user only", async () => {
    const { ticket } = await login(user, "secret12");
    clock.advance(7000);

    expect((await login(user, ticket)).ticket).to.not.equal(ticket);
    const other = await rejection(login(parseAuthId("root@pam"), ticket));
    expect(other).to.have.property("message", "permission check failed.");
  });

  it("does not tell a wrong password from an unknown user or realm", async () => {
    for (const name of ["backup@pbs", "nobody@pbs", "nobody@nosuch", "root@pam"]) {
      const error = await rejection(login(parseAuthId(name), "wrong"));
      expect(error).to.include({
        code: "API_UNAUTHENTICATED",
        message: "permission check failed.",
      });
    }
  });

  it("turns away who logs in while very many of the same address do, and does not count it against them", async () => {
    const root = parseAuthId("root@pam");
    const attempts = Array.from({ length: 150 }, async () => await login(root, "of the system"));

    const outcomes = await Promise.allSettled(attempts);
    const refusals = outcomes.filter((outcome) => outcome.status === "rejected");

    expect(refusals.length).to.equal(48);
    for (const { reason } of refusals) expect(reason).to.have.property("code", "API_BUSY");
    expect((await login(root, "of the system")).username).to.equal(root);
  });

  it("asks the system about users of realm pam, unless they have a password here", async () => {
    const root = parseAuthId("root@pam");
    expect((await login(root, "of the system")).username).to.equal(root);
    expect(await rejection(login(parseAuthId("backup@pam"), "of the system"))).to.have.property(
      "code",
    );

    await accounts.setPasswordHash(root, await passwordHash);

    expect((await login(root, "secret12")).username).to.equal(root);
    expect(await rejection(login(root, "of the system"))).to.have.property("code");
  });

  describe("with a second factor", () => {
    let code: () => string;
    let partial: () => Promise<string>;

    beforeEach(async () => {
      code = () => totpCode(address, clock.nowMs());
      const details = { address, code: code(), description: "telephone" };
      await factors.addTotp(user, details);
      clock.advance(30); // The code that added it is used up.
      partial = async () => (await login(user, "secret12")).ticket;
    });

    it("takes the code that added the generator as used", async () => {
      clock.advance(-30);

      expect(await factors.answer(user, `totp:${code()}`)).to.equal(false);
    });

    it("gives a partial ticket that names what is asked for, and is good for nothing else", async () => {
      const { ticket, CSRFPreventionToken } = await login(user, "secret12");

      expect(ticket).to.match(/^PBS:!tfa!\{"totp"%3Atrue\}:[0-9A-F]{8}::/);
      expect(CSRFPreventionToken).to.equal("invalid");
      expect(await refusal({ cookie: `PBSAuthCookie=${ticket}` })).to.match(
        /^authentication failed/,
      );
      expect(await rejection(login(user, ticket))).to.have.property("code", "API_UNAUTHENTICATED");
    });

    it("takes the code of now once, and renews the ticket without one", async () => {
      const answer = `totp:${code()}`;
      const { ticket } = await login(user, answer, { challenge: await partial() });
      expect(ticket).to.match(/^PBS:backup@pbs:/);

      const again = login(user, answer, { challenge: await partial() });
      expect(await rejection(again)).to.have.property("message", "permission check failed.");
      expect((await login(user, ticket)).ticket).to.match(/^PBS:backup@pbs:/);
    });

    it("refuses a used code after a restart, too, and takes the next one", async () => {
      const used = code();
      await factors.answer(user, `totp:${used}`);

      const again = await SecondFactors.load({ configuration: directory, state }, clock);

      expect(await again.answer(user, `totp:${used}`)).to.equal(false);
      clock.advance(30);
      expect(await again.answer(user, `totp:${code()}`)).to.equal(true);
      const { mode } = await stat(join(state.path, "totp-used.json"));
      expect(mode & 0o777).to.equal(0o600);
    });

    it("keeps of two codes that are used at once the later one", async () => {
      const early = code();
      clock.advance(30);
      const late = code();

      const [first, second] = await Promise.all([
        factors.answer(user, `totp:${early}`),
        factors.answer(user, `totp:${late}`),
      ]);
      const again = await SecondFactors.load({ configuration: directory, state }, clock);

      expect([first, second]).to.deep.equal([true, true]);
      expect(await again.answer(user, `totp:${late}`)).to.equal(false);
    });

    it("does not start with a memory of used codes that it cannot read", async () => {
      await state.write("totp-used.json", "{");

      const starting = SecondFactors.load({ configuration: directory, state }, clock);

      expect(await rejection(starting)).to.have.property("code", "CONFIG_INVALID");
    });

    it("refuses the challenge of another user, an old one, and a full ticket in its place", async () => {
      const challenge = await partial();
      const full = await login(user, `totp:${code()}`, { challenge });
      await accounts.put({ id: parseAuthId("other@pbs"), isEnabled: true, expireSec: 0 });
      clock.advance(30);
      // Not the last character: some of its bits stand for nothing.
      const other = challenge.at(-9) === "A" ? "B" : "A";
      const tampered = challenge.slice(0, -9) + other + challenge.slice(-8);
      for (const [name, given] of [
        ["other@pbs", challenge],
        ["backup@pbs", full.ticket],
        ["backup@pbs", tampered],
      ] as const) {
        const attempt = login(parseAuthId(name), `totp:${code()}`, { challenge: given });
        expect(await rejection(attempt)).to.have.property("code", "API_UNAUTHENTICATED");
      }
      clock.advance(600);
      const late = login(user, `totp:${code()}`, { challenge });
      expect(await rejection(late)).to.have.property("code", "API_UNAUTHENTICATED");
    });

    it("locks codes after too many wrong ones; a recovery key, used once, unlocks them", async () => {
      const [key = ""] = (await factors.addRecovery(user)) ?? [];
      for (let i = 0; i < TOTP_FAILURES_MAX; i++) {
        const peer = `::ffff:192.0.2.${10 + i}`;
        const wrong = login(user, "totp:000000", { challenge: await partial(), peer });
        expect(await rejection(wrong)).to.have.property("code", "API_UNAUTHENTICATED");
      }
      expect(await partial()).to.include('PBS:!tfa!{"recovery"%3A[0,1,2,3,4,5,6,7,8,9]}:');
      const right = login(user, `totp:${code()}`, { challenge: await partial() });
      expect(await rejection(right)).to.have.property("code", "API_UNAUTHENTICATED");

      const answer = `recovery:${key}`;
      const full = await login(user, answer, { challenge: await partial() });

      expect(full.ticket).to.match(/^PBS:backup@pbs:/);
      expect(await partial()).to.include('"totp"%3Atrue,"recovery"%3A[1,2,3,4,5,6,7,8,9]');
      const twice = login(user, answer, { challenge: await partial() });
      expect(await rejection(twice)).to.have.property("code", "API_UNAUTHENTICATED");
    });

    it("finds factors and locks again after a restart, with what it does not know", async () => {
      const stored = JSON.parse((await directory.read("tfa.json")) ?? "") as {
        users: Record<string, object>;
      };
      const info = { id: "w-1", description: "key", created: 1, enable: true };
      const unknown = { webauthn: [{ info, entry: { secret: "thing" } }], future: 1 };
      Object.assign(stored.users[user] ?? {}, unknown, { "totp-locked": true });
      await directory.write("tfa.json", JSON.stringify({ ...stored, webauthn: { rp: "x" } }));

      const again = await SecondFactors.load({ configuration: directory, state }, clock);
      await again.addRecovery(user);

      expect(again.locks(user)).to.deep.equal({ totpLocked: true });
      expect(again.list(user).map(({ type }) => type)).to.deep.equal([
        "totp",
        "webauthn",
        "recovery",
      ]);
      const written = JSON.parse((await directory.read("tfa.json")) ?? "") as typeof stored;
      expect(written.users[user]).to.deep.include(unknown);
      expect(written).to.deep.include({ webauthn: { rp: "x" } });
    });

    it("lets nobody in by the password alone who only has a factor of another kind", async () => {
      const info = { id: "w-1", description: "key", created: 1 };
      const users = { [user]: { webauthn: [{ info, entry: {} }] } };
      await directory.write("tfa.json", JSON.stringify({ users }));
      await factors.reload();

      expect(await partial()).to.match(/^PBS:!tfa!\{\}:/);
    });
  });

  it("refuses a user after too many failures from one address, and from no other", async () => {
    const attempt = async (password: string, peer: string): Promise<unknown> =>
      await login(user, password, { peer }).catch((error: unknown) => error);
    for (let i = 0; i < FAILURES_MAX; i++) await attempt("wrong", PEER);

    expect(await attempt("secret12", PEER)).to.have.property("code", "API_UNAUTHENTICATED");
    expect(await attempt("secret12", "::ffff:192.0.2.2")).to.have.property("username", user);

    clock.advance(FAILURES_FORGOTTEN_SEC + 1);
    expect(await attempt("secret12", PEER)).to.have.property("username", user);
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
