import { createHash } from "node:crypto";
import { readdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { accessRuleOf, SNAPSHOT_TIMES } from "../support/access-rules.ts";
import { callRoute } from "../support/access-world.ts";
import { ApiCalls } from "../support/api-calls.ts";
import { eventually } from "../support/eventually.ts";
import { type RawSession } from "../support/raw-client.ts";
import { rejection } from "../support/rejection.ts";
import { backUp, manifestOf, oneChunkCsum, openSession } from "../support/small-backup.ts";
import { tempDir } from "../support/temp-dir.ts";
import { otherToken, startTestServer, type TestServer } from "../support/test-server.ts";
import {
  chunkQuery,
  plainBlob,
  transcriptChunk,
  type TranscriptChunk,
} from "../support/transcript.ts";

const [TIME] = SNAPSHOT_TIMES;
const SECRET = "what only the victim may know";
const theirs = { ns: "a", id: "theirs", timeSec: TIME };
const mine = { ns: "a", id: "mine", timeSec: TIME };

/** A client whose token was stolen: it may back up, everywhere, and nothing else. */
describe("integration/append-only clients", () => {
  let server: TestServer;
  let thief: string;
  let secret: TranscriptChunk;
  let own: TranscriptChunk;

  before(async () => {
    server = await startTestServer();
    const admin = new ApiCalls(server);
    await admin.call("POST", "/admin/datastore/store1/namespace", { name: "a" });
    thief = (await otherToken(server, "DatastoreBackup")).authorization;
    secret = await backUp(server, theirs, server.authorization, SECRET);
    own = await backUp(server, mine, thief, "what the client itself backed up");
  });

  after(async () => {
    await server[Symbol.asyncDispose]();
  });

  /** Every file of a group with its digest, but for what its owner may change: notes, protection, the unprotected part of manifests. */
  async function filesOf(id: string): Promise<readonly string[]> {
    const folder = join(server.storePath, "ns/a/host", id);
    const names = (await readdir(folder, { recursive: true })).filter((name) =>
      /[a-z]$/.test(name),
    );
    const files = await Promise.all(
      names.map(async (name) => {
        const content = await readFile(join(folder, name));
        const digest = createHash("sha256").update(content).digest("hex");
        return name.endsWith("index.json.blob") && id === "mine" ? name : `${name} ${digest}`;
      }),
    );
    return files.filter((name) => !/^notes |\.protected/.test(name)).sort();
  }

  async function chunkOf({ digest }: TranscriptChunk): Promise<Buffer> {
    return await readFile(join(server.storePath, ".chunks", digest.slice(0, 4), digest));
  }

  async function answerOf(session: RawSession, line: string, body?: Uint8Array): Promise<string> {
    const { status, text } = await session.call(line, body);
    return `${status} ${text}`;
  }

  it("removes, changes and reads nothing by any route of the API", async () => {
    const before = { theirs: await filesOf("theirs"), mine: await filesOf("mine") };
    const leaks: string[] = [];
    for (const route of server.routes) {
      const rule = accessRuleOf(route);
      const parameters = typeof rule === "object" ? rule.parameters : undefined;
      for (const kind of ["other", "owner"] as const) {
        const given = parameters?.({ kind, authId: "other@pbs!tok", mine: "mine" }) ?? {};
        const { text } = await callRoute(server.port, route, given, { authorization: thief });
        const isLeak = text.includes(SECRET) || text.includes(secret.digest);
        if (isLeak) leaks.push(`${route.method} ${route.path}`);
      }
    }
    await eventually(
      async () =>
        (await new ApiCalls(server).call<unknown[]>("GET", "/nodes/x/tasks?running=1")).length ===
        0,
    );

    expect(leaks).to.deep.equal([]);
    expect(await filesOf("theirs")).to.deep.equal(before.theirs);
    expect(await filesOf("mine")).to.deep.equal(before.mine);
    expect((await chunkOf(secret)).equals(secret.blob)).to.equal(true);
  });

  describe("in a session that writes", () => {
    let session: RawSession;
    let count = 0;

    beforeEach(async () => {
      count += 1;
      const place = { ...mine, timeSec: TIME + 1000 + count };
      session = await openSession(server, "backup", place, { authorization: thief });
    });

    afterEach(async () => {
      await session.close();
      await eventually(async () => {
        const names = await readdir(join(server.storePath, "ns/a/host/mine"));
        return names.filter((name) => name.startsWith("2")).length === 1;
      });
    });

    it("cannot open one in a group of somebody else", async () => {
      const place = { ...theirs, timeSec: TIME + 1 };

      const error = await rejection(openSession(server, "backup", place, { authorization: thief }));

      expect(error).to.have.property(
        "message",
        "400 backup owner check failed (other@pbs!tok != admin@pbs!test)",
      );
    });

    it("cannot use chunks of others by their digests", async () => {
      await session.call("POST /dynamic_index?archive-name=root.pxar.didx");

      const { status, text } = await session.json("PUT /dynamic_index", {
        wid: 1,
        "digest-list": [secret.digest],
        "offset-list": [0],
      });

      expect(`${status} ${text}`).to.equal(`400 no such chunk ${secret.digest}`);
    });

    it("cannot learn whether a chunk is there, nor replace it", async () => {
      await session.call("POST /dynamic_index?archive-name=root.pxar.didx");
      const junk = plainBlob(Buffer.alloc(secret.plain.length, "x"));
      const encrypted = Buffer.concat([
        Buffer.from("7b6785be7ac2f0d7".padEnd(16, "0"), "hex"),
        Buffer.alloc(secret.plain.length + 36),
      ]);
      const absent = transcriptChunk(Buffer.from("what nobody backed up".padEnd(29)));
      const tries = async ({ digest }: TranscriptChunk, blob: Uint8Array): Promise<string> => {
        const { length } = secret.plain;
        const query = `digest=${digest}&encoded-size=${blob.length}&size=${length}&wid=1`;
        const { status, text } = await session.call(`POST /dynamic_chunk?${query}`, blob);
        return `${status} ${text.replaceAll(/[0-9a-f]{64}/g, "DIGEST")}`;
      };

      for (const blob of [junk, encrypted]) {
        const answer = await tries(secret, blob);
        expect(answer).to.match(/^400 /);
        expect(answer).to.equal(await tries(absent, blob));
      }
      expect((await chunkOf(secret)).equals(secret.blob)).to.equal(true);
    });

    it("gets previous files of its own group only, whatever the name", async () => {
      const names = [
        "../../theirs/2024-06-05T14:24:36Z/root.pxar.didx",
        "..%2F..%2Ftheirs%2F2024-06-05T14:24:36Z%2Froot.pxar.didx",
        "%2e%2e/owner.blob",
        "/etc/passwd.blob",
        "a%00.blob",
        "owner",
        ".blob",
        "",
      ];
      for (const name of names) {
        for (const line of [
          `GET /previous?archive-name=${name}`,
          `POST /dynamic_index?archive-name=${name}`,
          `POST /fixed_index?size=4&archive-name=${name}`,
          `POST /blob?encoded-size=${own.blob.length}&file-name=${name}`,
        ]) {
          const answer = await answerOf(
            session,
            line,
            line.includes("blob?") ? own.blob : undefined,
          );
          expect(answer, line).to.match(/^400 /);
          expect(answer).not.to.include(SECRET);
        }
      }
    });

    it("cannot begin with an index of others by its checksum", async () => {
      const line = `POST /fixed_index?archive-name=root.img.fidx&size=29&reuse-csum=${oneChunkCsum(secret)}`;

      expect(await answerOf(session, line)).to.equal(
        "400 cannot reuse index - no previous backup exists for archive",
      );
    });

    it("cannot publish a manifest that names files elsewhere", async () => {
      const place = { ...mine, timeSec: TIME + 1000 + count };
      const climbing = plainBlob(
        Buffer.from(
          manifestOf(place, secret)
            .subarray(12)
            .toString()
            .replace("root.pxar.didx", "../../theirs/2024-06-05T14:24:36Z/root.pxar.didx"),
        ),
      );
      const line = `POST /blob?encoded-size=${climbing.length}&file-name=index.json.blob`;
      await session.call(line, climbing);

      expect(await answerOf(session, "POST /finish")).to.match(
        /^400 unable to update manifest blob - /,
      );
    });
  });

  it("cannot write a time again, an older one, or a snapshot that is finished", async () => {
    for (const timeSec of [TIME, TIME - 1]) {
      const again = openSession(server, "backup", { ...mine, timeSec }, { authorization: thief });
      expect(await rejection(again)).to.have.property(
        "message",
        "400 backup timestamp is older than last backup.",
      );
    }
    const place = { ns: "a", id: "twice", timeSec: TIME };
    const session = await openSession(server, "backup", place, { authorization: thief });
    await session.call("POST /dynamic_index?archive-name=root.pxar.didx");
    await session.call(`POST /dynamic_chunk?${chunkQuery(own, 1)}`, own.blob);
    const list = { wid: 1, "digest-list": [own.digest], "offset-list": [0] };
    await session.json("PUT /dynamic_index", list);
    const { length } = own.plain;
    await session.call(
      `POST /dynamic_close?wid=1&chunk-count=1&size=${length}&csum=${oneChunkCsum(own)}`,
    );
    const manifest = manifestOf(place, own);
    const line = `POST /blob?encoded-size=${manifest.length}&file-name=index.json.blob`;
    await session.call(line, manifest);
    expect(await answerOf(session, "POST /finish")).to.equal('200 {"data":null}');

    for (const [late, body] of [
      ["POST /finish"],
      [line, manifest],
      ["POST /dynamic_index?archive-name=more.didx"],
      [`POST /blob?encoded-size=${own.blob.length}&file-name=root.pxar.didx.blob`, own.blob],
    ] as const) {
      expect(await answerOf(session, late, body), late).to.equal(
        "400 backup already marked as finished.",
      );
    }
    await session.close();
  });

  it("reads nothing of others in a session that reads", async () => {
    const foreign = openSession(server, "reader", theirs, { authorization: thief });
    expect(await rejection(foreign)).to.have.property("message", "400 backup owner check failed!");

    const session = await openSession(server, "reader", mine, { authorization: thief });
    await session.call("GET /download?file-name=root.pxar.didx");
    expect(await answerOf(session, `GET /chunk?digest=${own.digest}`)).to.match(/^200 /);
    expect(await answerOf(session, `GET /chunk?digest=${secret.digest}`)).to.equal(
      `401 download chunk ${secret.digest} not allowed`,
    );
    for (const name of ["../../theirs/owner.blob", "..%2F..%2Ftheirs%2Fowner.blob", "owner"]) {
      expect(await answerOf(session, `GET /download?file-name=${name}`)).to.match(/^400 /);
    }
    await session.close();
  });

  it("reads nothing of others through a benchmark, which needs no ownership", async () => {
    const place = { ns: "a", id: "benchmark", timeSec: TIME };
    const admin = new ApiCalls(server);
    const benchmark = { authorization: thief, benchmark: true } as const;
    // A group of this name comes by synchronisation; here somebody renames one.
    const groups = join(server.storePath, "ns/a/host");
    await rename(join(groups, "theirs"), join(groups, "benchmark"));
    try {
      const later = { ...place, timeSec: TIME + 5 };
      const session = await openSession(server, "backup", later, benchmark);

      expect(await answerOf(session, "GET /previous?archive-name=root.pxar.didx")).to.equal(
        "400 no valid previous backup",
      );
      await session.close();
      await eventually(
        async () => (await admin.call<unknown[]>("GET", "/nodes/x/tasks?running=1")).length === 0,
      );
    } finally {
      await rename(join(groups, "benchmark"), join(groups, "theirs"));
    }
  });

  it("cannot replace its newest snapshot by pulling another one over it", async () => {
    await using folder = await tempDir();
    const admin = new ApiCalls(server);
    const store2 = { name: "store2", path: join(folder.path, "store2") };
    await admin.ended(await admin.call<string>("POST", "/config/datastore", store2));
    await admin.call("POST", "/admin/datastore/store2/namespace", { name: "a" });
    const forged = await backUp(server, { ...mine, store: "store2" }, thief, "forged content");
    expect(forged.digest).not.to.equal(own.digest);
    const before = await filesOf("mine");

    const pulled = new ApiCalls(server, thief);
    const pull = { store: "store1", ns: "a", "remote-store": "store2", "remote-ns": "a" };
    const { lines } = await pulled.run("POST", "/pull", pull);

    expect(lines.join("\n")).to.include("keep snapshot host/mine/");
    expect(await filesOf("mine")).to.deep.equal(before);
    const vanish = await pulled.answer("POST", "/pull", { ...pull, "remove-vanished": true });
    expect(vanish.status).to.equal(403);
    await admin.run("DELETE", "/config/datastore/store2");
  });

  it("removes no namespace of others by a pull, not even with DatastorePowerUser", async () => {
    await using folder = await tempDir();
    const admin = new ApiCalls(server);
    const store3 = { name: "store3", path: join(folder.path, "store3") };
    await admin.ended(await admin.call<string>("POST", "/config/datastore", store3));
    await admin.call("POST", "/admin/datastore/store1/namespace", { parent: "a", name: "deep" });
    await backUp(server, { ...theirs, ns: "a/deep" }, server.authorization, "more of the victim");
    const { authorization } = await otherToken(server, "DatastorePowerUser");

    const { lines } = await new ApiCalls(server, authorization).run("POST", "/pull", {
      store: "store1",
      "remote-store": "store3",
      "remove-vanished": true,
    });

    expect(lines).to.include("kept namespace 'a/deep' - 'other@pbs!tok' may not remove it");
    const deep = join(server.storePath, "ns/a/ns/deep/host");
    expect(await readdir(deep)).to.deep.equal(["theirs"]);
    await admin.run("DELETE", "/config/datastore/store3");
    thief = (await otherToken(server, "DatastoreBackup")).authorization;
  });
});
