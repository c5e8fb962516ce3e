import { expect } from "chai";

import { type RawSession, rawUpgrade, upgradeHead } from "../support/raw-client.ts";
import { startTestServer, type TestServer } from "../support/test-server.ts";
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
});
