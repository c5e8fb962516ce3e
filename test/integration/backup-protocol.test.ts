import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { expect } from "chai";

import { eventually } from "../support/eventually.ts";
import { rawCall, type RawSession, rawUpgrade, upgradeHead } from "../support/raw-client.ts";
import { otherToken, startTestServer, type TestServer } from "../support/test-server.ts";
import {
  chunkA,
  chunkB,
  chunkC,
  chunkQuery,
  chunkZ,
  configBlob,
  driveCsum,
  rootCsum,
  transcriptManifest,
} from "../support/transcript.ts";

const WRITER = "proxmox-backup-protocol-v1";
const READER = "proxmox-backup-reader-protocol-v1";
const TIME = 1_719_000_000;

describe("integration/backup-protocol", () => {
  let server: TestServer;

  before(async () => {
    server = await startTestServer();
  });

  after(async () => {
    await server[Symbol.asyncDispose]();
  });

  async function openWriter(time: number, id = "100"): Promise<RawSession> {
    const path = `/api2/json/backup?backup-id=${id}&backup-time=${time}&backup-type=vm&benchmark=false&debug=true&store=store1`;
    const { authorization } = server;
    const result = await rawUpgrade(
      server.port,
      upgradeHead(server.port, path, WRITER, { authorization }),
    );
    if (!("session" in result)) throw new Error(result.refusal.text);
    return result.session;
  }

  it("plays the transcript of the specification", async () => {
    const session = await openWriter(TIME);
    const exchange = async (line: string, body?: Uint8Array): Promise<string> => {
      const { status, text } = await session.call(line, body);
      return `${status} ${text}`;
    };
    const put = async (line: string, parameters: unknown): Promise<string> => {
      const { status, text } = await session.json(line, parameters);
      return `${status} ${text}`;
    };

    expect(await exchange("GET /previous_backup_time")).to.equal('200 {"data":null}');
    expect(await exchange("GET /previous?archive-name=index.json.blob")).to.equal(
      "400 no valid previous backup",
    );
    expect(await exchange("POST /dynamic_index?archive-name=root.pxar.didx")).to.equal(
      '200 {"data":1}',
    );
    const [answerA, answerB] = await Promise.all([
      exchange(`POST /dynamic_chunk?${chunkQuery(chunkA, 1)}`, chunkA.blob),
      exchange(`POST /dynamic_chunk?${chunkQuery(chunkB, 1)}`, chunkB.blob),
    ]);
    expect(answerA).to.equal(`200 {"data":"${chunkA.digest}"}`);
    expect(answerB).to.equal(`200 {"data":"${chunkB.digest}"}`);
    const list = { "digest-list": [chunkA.digest, chunkB.digest], "offset-list": [0, 100_000] };
    expect(await put("PUT /dynamic_index", { ...list, wid: 1 })).to.equal('200 {"data":null}');
    expect(
      await exchange(`POST /dynamic_close?chunk-count=2&csum=${rootCsum}&size=150000&wid=1`),
    ).to.equal('200 {"data":null}');

    expect(
      await exchange("POST /fixed_index?archive-name=drive-scsi0.img.fidx&size=4195328"),
    ).to.equal('200 {"data":2}');
    expect(await exchange(`POST /fixed_chunk?${chunkQuery(chunkZ, 2)}`, chunkZ.blob)).to.equal(
      `200 {"data":"${chunkZ.digest}"}`,
    );
    expect(await exchange(`POST /fixed_chunk?${chunkQuery(chunkC, 2)}`, chunkC.blob)).to.equal(
      `200 {"data":"${chunkC.digest}"}`,
    );
    const fixed = { "digest-list": [chunkZ.digest, chunkC.digest], "offset-list": [0, 4_194_304] };
    expect(await put("PUT /fixed_index", { ...fixed, wid: 2 })).to.equal('200 {"data":null}');
    expect(
      await exchange(`POST /fixed_close?chunk-count=2&csum=${driveCsum}&size=4195328&wid=2`),
    ).to.equal('200 {"data":null}');

    expect(
      await exchange("POST /blob?encoded-size=36&file-name=qemu-server.conf.blob", configBlob),
    ).to.equal('200 {"data":null}');
    const manifest = transcriptManifest(TIME);
    expect(manifest.length).to.equal(543);
    expect(
      await exchange("POST /blob?encoded-size=543&file-name=index.json.blob", manifest),
    ).to.equal('200 {"data":null}');
    expect(await exchange("POST /finish")).to.equal('200 {"data":null}');
    await session.close();
  });

  it("reads the snapshot back as the reader transcript does", async () => {
    const path = `/api2/json/reader?backup-id=100&backup-time=${TIME}&backup-type=vm&debug=true&store=store1`;
    const { authorization } = server;
    const result = await rawUpgrade(
      server.port,
      upgradeHead(server.port, path, READER, { authorization }),
    );
    if (!("session" in result)) throw new Error(result.refusal.text);
    const { session } = result;

    const manifest = await session.call("GET /download?file-name=index.json.blob");
    expect(manifest.status).to.equal(200);
    expect(manifest.type).to.equal("application/octet-stream");

    const early = await session.call(`GET /chunk?digest=${chunkA.digest}`);
    expect(`${early.status} ${early.text}`).to.equal(
      `401 download chunk ${chunkA.digest} not allowed`,
    );

    const index = await session.call("GET /download?file-name=root.pxar.didx");
    expect(index.body.length).to.equal(4096 + 2 * 40);
    const chunk = await session.call(`GET /chunk?digest=${chunkA.digest}`);
    expect(chunk.status).to.equal(200);
    expect(chunk.body.equals(chunkA.blob)).to.equal(true);
    await session.close();
  });

  it("runs incrementally: known chunks are appended without being uploaded", async () => {
    const session = await openWriter(TIME + 100);

    const time = await session.call("GET /previous_backup_time");
    expect(time.text).to.equal(`{"data":${TIME}}`);
    const manifest = await session.call("GET /previous?archive-name=index.json.blob");
    expect(`${manifest.status} ${manifest.type}`).to.equal("200 application/octet-stream");
    const index = await session.call("GET /previous?archive-name=drive-scsi0.img.fidx");
    expect(index.body.length).to.equal(4096 + 2 * 32);
    await session.call("POST /fixed_index?archive-name=drive-scsi0.img.fidx&size=4195328");
    const list = { "digest-list": [chunkC.digest, chunkZ.digest], "offset-list": [4_194_304, 0] };
    expect((await session.json("PUT /fixed_index", { ...list, wid: 1 })).status).to.equal(200);
    const close = `POST /fixed_close?chunk-count=2&csum=${driveCsum}&size=4195328&wid=1`;
    expect((await session.call(close)).text).to.equal('{"data":null}');
    // The same with the whole index taken over, as QEMU does it: nothing is appended.
    const reuse = `POST /fixed_index?archive-name=second.img.fidx&size=4195328&reuse-csum=${driveCsum}`;
    expect(await line(session, reuse)).to.equal(
      "400 cannot reuse index - no previous backup exists for archive",
    );
    await session.call(
      `POST /blob?encoded-size=543&file-name=index.json.blob`,
      transcriptManifest(TIME + 100),
    );
    expect((await session.call("POST /finish")).status).to.equal(200);
    await session.close();
  });

  describe("refuses", () => {
    let session: RawSession;
    let time = TIME + 1000;

    beforeEach(async () => {
      time += 1;
      session = await openWriter(time, "refusals");
      await session.call("POST /dynamic_index?archive-name=a.didx");
    });

    afterEach(async () => {
      await session.close();
      await eventually(async () => (await snapshots("refusals")) === 0);
    });

    const upload = async (): Promise<void> => {
      await session.call(`POST /dynamic_chunk?${chunkQuery(chunkA, 1)}`, chunkA.blob);
    };
    const append = async (digests: string[], offsets: number[], wid = 1): Promise<string> => {
      const list = { "digest-list": digests, "offset-list": offsets, wid };
      const { status, text } = await session.json("PUT /dynamic_index", list);
      return `${status} ${text}`;
    };

    it("a chunk that was not uploaded", async () => {
      expect(await append([chunkA.digest], [0])).to.equal(`400 no such chunk ${chunkA.digest}`);
    });

    it("chunks in the wrong order", async () => {
      await upload();

      expect(await append([chunkA.digest], [5])).to.equal(
        "400 dynamic writer 'a.didx' append chunk failed - got strange chunk offset (0 != 5)",
      );
    });

    it("lists of different lengths", async () => {
      expect(await append([chunkA.digest], [])).to.equal(
        "400 offset list has wrong length (0 != 1)",
      );
    });

    it("a body that is longer than announced", async () => {
      const body = Buffer.concat([chunkA.blob, Buffer.alloc(1)]);
      const query = chunkQuery(chunkA, 1);

      expect(await line(session, `POST /dynamic_chunk?${query}`, body)).to.equal(
        "400 uploaded chunk is larger than announced.",
      );
    });

    it("a body that is shorter than announced", async () => {
      const body = chunkA.blob.subarray(1);

      expect(await line(session, `POST /dynamic_chunk?${chunkQuery(chunkA, 1)}`, body)).to.equal(
        "400 uploaded chunk has unexpected size.",
      );
    });

    it("a chunk whose content is another one", async () => {
      const query = chunkQuery({ ...chunkA, digest: chunkB.digest }, 1);

      expect(await line(session, `POST /dynamic_chunk?${query}`, chunkA.blob)).to.match(/^400 /);
      expect(await append([chunkB.digest], [0])).to.equal(`400 no such chunk ${chunkB.digest}`);
    });

    it("a chunk whose length was misstated", async () => {
      const query = chunkQuery(chunkA, 1).replace("&size=100000", "&size=99999");

      expect(await line(session, `POST /dynamic_chunk?${query}`, chunkA.blob)).to.match(/^400 /);
    });

    it("a writer that is not there, or of the other kind", async () => {
      expect(await append([], [], 7)).to.equal("400 dynamic writer '7' not registered");
      expect(
        await line(session, `POST /fixed_chunk?${chunkQuery(chunkA, 1)}`, chunkA.blob),
      ).to.equal("400 fixed writer '1' not registered");
    });

    it("a close with wrong count, size or checksum, and then to finish", async () => {
      await upload();
      await append([chunkA.digest], [0]);

      const close = `POST /dynamic_close?chunk-count=1&csum=${rootCsum}&size=100000&wid=1`;
      expect(await line(session, close)).to.match(/^400 dynamic writer 'a.didx' close failed - /);
      expect(await line(session, "POST /finish")).to.equal(
        "400 found open index writer - unable to finish backup",
      );
    });

    it("names with a wrong extension", async () => {
      expect(await line(session, "POST /dynamic_index?archive-name=b.fidx")).to.equal(
        "400 wrong archive extension: 'b.fidx'",
      );
    });

    it("parameters that are missing, unknown or out of range, by name", async () => {
      expect(await line(session, "POST /dynamic_index")).to.equal(
        "400 parameter verification failed - 'archive-name': parameter is missing and it is not optional.",
      );
      expect(await line(session, "POST /finish?x=1")).to.equal(
        "400 parameter verification failed - 'x': schema does not allow additional properties.",
      );
      expect(await append([], [], 0)).to.match(/'wid': value must have a minimum value of 1/);
    });

    it("a blob whose checksum is wrong", async () => {
      const broken = Buffer.from(configBlob);
      broken[20] = (broken[20] ?? 0) ^ 1;

      const call = "POST /blob?encoded-size=36&file-name=x.conf.blob";
      expect(await line(session, call, broken)).to.match(/^400 /);
    });

    it("paths that do not exist", async () => {
      expect(await line(session, "GET /nope")).to.equal("404 Path '/nope' not found.");
    });

    it("an ordinary body that is too large", async () => {
      const body = Buffer.alloc(600 * 1024, 0x20);

      expect(await line(session, "PUT /dynamic_index", body)).to.equal(
        "400 Request body too large",
      );
    });
  });

  describe("refuses to begin", () => {
    it("a second backup of the same group", async () => {
      const first = await openWriter(TIME, "busy");

      expect(await refusal({ "backup-id": "busy", "backup-time": TIME + 1 })).to.match(
        /^400 .*another backup is already running$/,
      );
      await first.close();
    });

    it("a backup that is not newer than the last one", async () => {
      expect(await refusal({ "backup-time": TIME })).to.equal(
        "400 backup timestamp is older than last backup.",
      );
    });

    it("a backup into a group of someone else", async () => {
      const { authorization } = await otherToken(server);

      expect(await refusal({ "backup-time": TIME + 5000 }, authorization)).to.equal(
        `400 backup owner check failed (other@pbs!tok != ${server.tokenId})`,
      );
    });

    it("a backup without the privilege, before it looks whether the datastore exists", async () => {
      const { authorization } = await otherToken(server, "DatastoreAudit");

      expect(await refusal({ store: "nowhere" }, authorization)).to.equal(
        "403 missing permissions 'Datastore.Backup' on '/datastore/nowhere'",
      );
    });

    it("unknown datastores and namespaces", async () => {
      expect(await refusal({ store: "nowhere" })).to.equal("400 no such datastore 'nowhere'");
      expect(await refusal({ ns: "nope" })).to.equal("404 namespace not found");
    });

    it("benchmarks outside their group, and backups inside", async () => {
      expect(await refusal({ benchmark: "true" })).to.equal(
        "400 benchmark flags is only allowed on 'host/benchmark'",
      );
      expect(await refusal({ "backup-type": "host", "backup-id": "benchmark" })).to.equal(
        "400 unable to run benchmark without --benchmark flags",
      );
    });

    it("other protocols", async () => {
      const path = `/api2/json/backup?backup-id=100&backup-time=${TIME + 9}&backup-type=vm&store=store1`;
      const { authorization } = server;
      const result = await rawUpgrade(
        server.port,
        upgradeHead(server.port, path, "websocket", { authorization }),
      );

      expect("refusal" in result && result.refusal.text).to.equal("invalid protocol name");
    });

    it("a caller without credentials", async () => {
      expect(await refusal({}, "")).to.match(/^401 authentication failed/);
    });

    it("a reader of a snapshot that does not exist", async () => {
      const path = `/api2/json/reader?backup-id=100&backup-time=77&backup-type=vm&store=store1`;
      const { authorization } = server;
      const result = await rawUpgrade(
        server.port,
        upgradeHead(server.port, path, READER, { authorization }),
      );

      expect("refusal" in result && `${result.refusal.status} ${result.refusal.text}`).to.equal(
        "400 snapshot vm/100/1970-01-01T00:01:17Z does not exist.",
      );
    });
  });

  it("lets a client that just began to read the base read on while it writes", async () => {
    const writer = await openWriter(TIME + 9000);
    const path = `/api2/json/reader?backup-id=100&backup-time=${TIME + 100}&backup-type=vm&store=store1`;
    const { authorization } = server;
    const result = await rawUpgrade(
      server.port,
      upgradeHead(server.port, path, READER, { authorization }),
    );

    expect("session" in result).to.equal(true);
    if ("session" in result) await result.session.close();
    await writer.close();
  });

  it("leaves nothing of a backup whose client went away", async () => {
    const session = await openWriter(TIME, "gone");
    await session.call("POST /dynamic_index?archive-name=a.didx");
    await session.call(`POST /dynamic_chunk?${chunkQuery(chunkA, 1)}`, chunkA.blob);
    await session.close();

    await eventually(async () => (await snapshots("gone")) === 0);
    const folder = `${server.storePath}/vm/gone`;
    await eventually(
      async () => !(await readdir(folder).catch(() => [])).some((name) => name.endsWith("Z")),
    );
  });

  it("ends a backup whose task is stopped, and removes it", async () => {
    const session = await openWriter(TIME, "stopped");
    const closed = once(session.socket, "close");
    const task = (await tasks()).find(({ worker_id }) => worker_id === "store1:vm/stopped");
    const path = `/nodes/localhost/tasks/${encodeURIComponent(task?.upid ?? "")}`;
    const { authorization } = server;

    await rawCall(server.port, `DELETE /api2/json${path}`, { headers: { authorization } });

    await closed;
    await eventually(async () => {
      const status = (await api(`${path}/status`)) as { exitstatus?: string };
      return status.exitstatus === "task aborted";
    });
    expect(await snapshots("stopped")).to.equal(0);
  });

  it("frees the group before it answers finish", async () => {
    for (const time of [TIME + 1, TIME + 2, TIME + 3]) {
      const session = await openWriter(time, "quick");
      await session.call(
        "POST /blob?encoded-size=543&file-name=index.json.blob",
        transcriptManifest(time),
      );
      expect((await session.call("POST /finish")).status).to.equal(200);
      void session.close();
    }
  });

  it("accepts nothing after finish", async () => {
    const session = await openWriter(TIME, "late");
    await session.call(
      "POST /blob?encoded-size=543&file-name=index.json.blob",
      transcriptManifest(TIME),
    );
    await session.call("POST /finish");

    for (const call of ["POST /finish", "POST /dynamic_index?archive-name=a.didx"]) {
      expect(await line(session, call)).to.equal("400 backup already marked as finished.");
    }
    const late = "POST /blob?encoded-size=36&file-name=x.conf.blob";
    expect(await line(session, late, configBlob)).to.equal(
      "400 backup already marked as finished.",
    );
    await session.close();
  });

  it("runs a benchmark and keeps nothing of it", async () => {
    const path = `/api2/json/backup?backup-id=benchmark&backup-time=${TIME}&backup-type=host&benchmark=true&store=store1`;
    const { authorization } = server;
    const result = await rawUpgrade(
      server.port,
      upgradeHead(server.port, path, WRITER, { authorization }),
    );
    if (!("session" in result)) throw new Error(result.refusal.text);

    const answer = await result.session.call("POST /speedtest", Buffer.alloc(4 * 1024 * 1024));

    expect(answer.text).to.equal('{"data":null}');
    await result.session.close();
    await eventually(async () =>
      (await tasks()).some((task) => task.worker_type === "benchmark" && task.status === "OK"),
    );
  });

  it("writes the task log of the specification", async () => {
    await eventually(async () => (await tasks()).every((task) => task.status !== undefined));
    const first = (await tasks()).findLast((task) => task.worker_id === "store1:vm/100");
    const answer = await api(
      `/nodes/localhost/tasks/${encodeURIComponent(first?.upid ?? "")}/log?limit=0`,
    );

    const lines = (answer as { t: string }[]).map(({ t }) => t);
    expect(lines.every((text) => /^[-0-9T:]{19}[+-][0-9:]{5}: /.test(text))).to.equal(true);
    const texts = lines.map((text) => text.slice(27).replace(/^UUID: .*/, "UUID"));
    for (const { plain, digest } of [chunkA, chunkB, chunkZ, chunkC]) {
      expect(texts).to.include(`upload_chunk done: ${plain.length} bytes, ${digest}`);
    }
    // Uploads that run at the same time are done in any order.
    expect(texts.filter((text) => !/^(GET|POST|PUT|upload_chunk) /.test(text))).to.deep.equal([
      `starting new backup on datastore 'store1' from ::ffff:127.0.0.1: "vm/100/2024-06-21T20:00:00Z"`,
      `created new dynamic index 1 ("vm/100/2024-06-21T20:00:00Z/root.pxar.didx")`,
      "dynamic_append 2 chunks",
      "Upload statistics for 'root.pxar.didx'",
      "UUID",
      `Checksum: ${rootCsum}`,
      "Size: 150000",
      "Chunk count: 2",
      "Upload size: 150000 (100%)",
      "Compression: 100%",
      "successfully closed dynamic index 1",
      `created new fixed index 2 ("vm/100/2024-06-21T20:00:00Z/drive-scsi0.img.fidx")`,
      "fixed_append 2 chunks",
      "Upload statistics for 'drive-scsi0.img.fidx'",
      "UUID",
      `Checksum: ${driveCsum}`,
      "Size: 4195328",
      "Chunk count: 2",
      "Upload size: 4195328 (100%)",
      "Compression: 100%",
      "successfully closed fixed index 2",
      `add blob "${server.storePath}/vm/100/2024-06-21T20:00:00Z/qemu-server.conf.blob" (36 bytes, comp: 36)`,
      `add blob "${server.storePath}/vm/100/2024-06-21T20:00:00Z/index.json.blob" (543 bytes, comp: 543)`,
      "successfully finished backup",
      "backup finished successfully",
      "TASK OK",
    ]);
  });

  async function line(session: RawSession, call: string, body?: Uint8Array): Promise<string> {
    const { status, text } = await session.call(call, body);
    return `${status} ${text}`;
  }

  async function refusal(
    parameters: Readonly<Record<string, string | number>>,
    authorization = server.authorization,
  ): Promise<string> {
    const query = new URLSearchParams({
      "backup-id": "100",
      "backup-time": String(TIME + 20_000),
      "backup-type": "vm",
      store: "store1",
      ...Object.fromEntries(
        Object.entries(parameters).map(([name, value]) => [name, String(value)]),
      ),
    });
    const credentials: Record<string, string> = authorization === "" ? {} : { authorization };
    const head = upgradeHead(
      server.port,
      `/api2/json/backup?${query.toString()}`,
      WRITER,
      credentials,
    );
    const result = await rawUpgrade(server.port, head);
    if ("session" in result) {
      await result.session.close();
      return "accepted";
    }
    return `${result.refusal.status} ${result.refusal.text}`;
  }

  async function api(path: string): Promise<unknown> {
    const { authorization } = server;
    const answer = await rawCall(server.port, `GET /api2/json${path}`, {
      headers: { authorization },
    });
    expect(answer.status, answer.text).to.equal(200);
    return (JSON.parse(answer.text) as { data: unknown }).data;
  }

  async function snapshots(id: string): Promise<number> {
    const found = await api(`/admin/datastore/store1/snapshots?backup-type=vm&backup-id=${id}`);
    return (found as unknown[]).length;
  }

  async function tasks(): Promise<
    { upid: string; worker_type: string; worker_id: string; status?: string }[]
  > {
    return (await api("/nodes/localhost/tasks?limit=0")) as Awaited<ReturnType<typeof tasks>>;
  }
});
