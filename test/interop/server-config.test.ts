import { createPublicKey } from "node:crypto";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect } from "chai";

import { parseAuthId } from "../../src/format/snapshot/auth-id.ts";
import { AccessControl } from "../../src/server/auth/access-control.ts";
import { Accounts } from "../../src/server/auth/accounts.ts";
import { loadAuthKeys } from "../../src/server/auth/auth-key-files.ts";
import { Authenticator } from "../../src/server/auth/authenticator.ts";
import { verifyTicket } from "../../src/server/auth/ticket.ts";
import { SecondFactors } from "../../src/server/auth/second-factors.ts";
import { ConfigDirectory } from "../../src/server/configuration/config-directory.ts";
import { configFiles } from "../../src/server/configuration/config-files.ts";
import { mergeDatastoreConfig } from "../../src/server/configuration/datastore-config.ts";
import { TaskRegistry } from "../../src/server/tasks/task-registry.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { rejection } from "../support/rejection.ts";
import { tempDir } from "../support/temp-dir.ts";

const fixture = new URL("../../fixtures/server-config/", import.meta.url);

interface RecordedReply {
  readonly name: string;
  readonly response: { readonly body_text?: string };
}

const replies = JSON.parse(
  await readFile(new URL("../../fixtures/api/api.json", import.meta.url), "utf8"),
) as RecordedReply[];

/** A member beside or inside `data` of a recorded reply. */
function recorded(name: string): Record<string, unknown> & { data: Record<string, unknown> } {
  const reply = replies.find((each) => each.name === name);
  return JSON.parse(reply?.response.body_text ?? "{}") as ReturnType<typeof recorded>;
}

const user = parseAuthId("test@pbs");
const token = parseAuthId("test@pbs!tok1");
const secret = "b91841c2-88b6-4d21-92db-618fcf83fa6e";

describe("interop/server-config", () => {
  let folder: Awaited<ReturnType<typeof tempDir>>;
  let directory: ConfigDirectory;
  let accounts: Accounts;

  beforeEach(async () => {
    folder = await tempDir();
    await cp(fixture, folder.path, { recursive: true });
    directory = await ConfigDirectory.open(folder.path);
    accounts = await Accounts.load(directory, new FakeClock());
  });

  afterEach(async () => {
    await folder[Symbol.asyncDispose]();
  });

  const file = async (name: string): Promise<string> =>
    await readFile(join(folder.path, name), "utf8");

  it("reads users and tokens, with the digest that the genuine server gives", () => {
    expect(accounts.users().map(({ id }) => id)).to.have.members(["root@pam", "test@pbs"]);
    expect(accounts.tokens(user).map(({ id }) => id)).to.deep.equal([token]);
    expect(accounts.digest).to.equal(recorded("users")["digest"]);
  });

  it("writes users and tokens as they were, with what it does not know", async () => {
    const before = `${await file("user.cfg")}\tfuture-option some thing\n`;
    await writeFile(join(folder.path, "user.cfg"), before);
    await accounts.reload();

    await accounts.put(accounts.get(user) ?? expect.fail("no user"));

    expect(await file("user.cfg")).to.equal(before);
  });

  it("accepts passwords and token secrets by their genuine hashes", async () => {
    const clock = new FakeClock();
    const keys = await loadAuthKeys(directory);
    const factors = await SecondFactors.load({ configuration: directory, state: directory }, clock);
    const pam = async (): Promise<boolean> => await Promise.resolve(false);
    const authenticator = new Authenticator({ accounts, keys, clock, factors, pam });
    const peer = "::1";

    expect((await authenticator.login({ user, password: "secret12", peer })).username).to.equal(
      user,
    );
    const wrongLogin = authenticator.login({ user, password: "secret13", peer });
    expect(await rejection(wrongLogin)).to.have.property("code", "API_UNAUTHENTICATED");
    for (let round = 0; round < 2; round++) {
      const authorization = `PBSAPIToken=${token}:${secret}`;
      expect(await authenticator.authenticate({ authorization }, "GET", peer)).to.equal(token);
      const wrong = { authorization: `PBSAPIToken=${token}:${secret}x` };
      expect(await rejection(authenticator.authenticate(wrong, "GET", peer))).to.have.property(
        "code",
      );
    }
  });

  it("reads roles, and writes them as they were, with those of newer releases and groups", async () => {
    const access = await AccessControl.load(directory, accounts);
    expect(access.digest).to.equal(recorded("acl")["digest"]);
    expect(access.hasAny(token, "/datastore/store1", ["Datastore.Modify"])).to.equal(true);

    const foreign = "acl:1:/remote:@group:Admin\nacl:0:/remote:test@pbs:RoleOfTomorrow\n";
    const before = `${await file("acl.cfg")}${foreign}`;
    await writeFile(join(folder.path, "acl.cfg"), before);
    await access.reload();
    await access.update(() => undefined);

    expect(await file("acl.cfg")).to.equal(before);
  });

  it("reads datastores, with the digest that the genuine server gives", async () => {
    const { datastores } = configFiles(directory);
    const { entries, added } = await mergeDatastoreConfig(datastores, []);

    expect(entries.map(({ name, path }) => [name, path])).to.deep.equal([
      ["store1", "/datastore/store1"],
    ]);
    expect(added.size).to.equal(0);
    expect((await datastores.read()).digest).to.equal(recorded("config-datastore")["digest"]);
  });

  it("verifies the tickets that the genuine server signed", async () => {
    const key = createPublicKey(await file("authkey.pub"));

    for (const name of ["ticket", "ticket-json"]) {
      const ticket = String(recorded(name).data["ticket"]);
      const timeSec = Number.parseInt(ticket.split(":")[2] ?? "", 16);

      expect(verifyTicket(ticket, timeSec + 60, key)).to.deep.equal({ data: user, timeSec });
      expect(verifyTicket(ticket, timeSec + 7201, key)).to.equal(undefined);
      expect(verifyTicket(ticket.replace("test@pbs", "root@pam"), timeSec, key)).to.equal(
        undefined,
      );
    }
  });

  it("lists the tasks of the genuine server and reads their logs", async () => {
    const tasksPath = join(folder.path, "tasks-log");
    const logs = JSON.parse(await file("tasks-log/logs.json")) as { path: string; log: string }[];
    for (const { path, log } of logs) {
      await mkdir(dirname(join(tasksPath, path)), { recursive: true });
      await writeFile(join(tasksPath, path), log);
    }
    const host = { nodeName: "pbs-golden", pid: 1, processStart: 1, clock: new FakeClock() };
    const tasks = await TaskRegistry.open(tasksPath, host);
    const archived = (await file("tasks-log/archive")).trimEnd().split("\n");

    expect([...tasks.list()]).to.have.length(archived.length);
    expect([...tasks.list()].every(({ end }) => end !== undefined)).to.equal(true);
    let compared = 0;
    for (const { path, log } of logs) {
      const task = tasks.find(path.slice(3));
      if (!task) continue; // Its line had not reached the archive.
      expect(await tasks.readLogText(task)).to.equal(log);
      compared += 1;
    }
    expect(compared).to.be.above(200);
  });
});
