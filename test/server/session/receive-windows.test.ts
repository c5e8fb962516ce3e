import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";

import { expect } from "chai";

import { encodeBlob } from "../../../src/format/chunk/data-blob.ts";
import { createNativeProvider } from "../../../src/format/crypto/native-provider.ts";
import { ReceiveWindows } from "../../../src/server/session/receive-windows.ts";
import { type RawSession, rawUpgrade, upgradeHead } from "../../support/raw-client.ts";
import { startTestServer, type TestServer } from "../../support/test-server.ts";

const MIB = 1024 * 1024;

describe("server/session/receive-windows", () => {
  it("gives one connection 16 MiB, and several 8 MiB between them, by powers of two", () => {
    const windows = new ReceiveWindows();

    const given = Array.from({ length: 9 }, () => windows.open().bytes / MIB);

    expect(given).to.deep.equal([16, 4, 2, 2, 1, 1, 1, 1, 0.5]);
  });

  it("gives nobody less than 64 KiB", () => {
    const windows = new ReceiveWindows();

    const given = Array.from({ length: 300 }, () => windows.open().bytes);

    expect(given.at(-1)).to.equal(64 * 1024);
  });

  it("tells those that are open when others come and go", () => {
    const windows = new ReceiveWindows();
    const told: number[] = [];
    const first = windows.open();
    first.follow({ want: (bytes) => told.push(bytes / MIB) });

    const others = [windows.open(), windows.open(), windows.open()];
    for (const other of others) other[Symbol.dispose]();
    first[Symbol.dispose]();
    windows.open();

    expect(told).to.deep.equal([16, 4, 2, 4, 16]);
  });
});

describe("server/session windows of many bodies", () => {
  it("share 32 MiB from the seventeenth on, for good", () => {
    const told: number[] = [];
    const only = new ReceiveWindows().open();
    only.follow({ want: (bytes) => told.push(bytes / MIB) });

    for (const count of [1, 16, 17, 3, 32, 33, 256, 1]) only.bodies(count);

    expect(told).to.deep.equal([16, 1, 0.5, 0.125]);
  });

  it("are those of several connections where that is less", () => {
    const windows = new ReceiveWindows();
    const first = windows.open();

    first.bodies(20);
    const others = [1, 2, 3, 4, 5, 6, 7, 8].map(() => windows.open());

    expect([first.bytes / MIB, others[7]?.bytes]).to.deep.equal([0.5, MIB / 2]);
  });
});

describe("server/session windows of bodies", () => {
  const codec = createNativeProvider();
  let server: TestServer;

  beforeEach(async () => {
    server = await startTestServer();
  });

  afterEach(async () => {
    await server[Symbol.asyncDispose]();
  });

  async function open(id: number): Promise<RawSession> {
    const { port, authorization } = server;
    const path = `/api2/json/backup?store=store1&backup-type=host&backup-id=w${id}&backup-time=1719000000`;
    const head = upgradeHead(port, path, "proxmox-backup-protocol-v1", { authorization });
    const result = await rawUpgrade(port, head);
    if (!("session" in result)) throw new Error(result.refusal.text);
    return result.session;
  }

  /** Waits until the server's settings say so. */
  async function windowIs({ http2 }: RawSession, bytes: number): Promise<void> {
    while (http2.remoteSettings.initialWindowSize !== bytes) await once(http2, "remoteSettings");
  }

  it("become narrower when a second client comes, and wide again when it has gone", async () => {
    const first = await open(1);
    await windowIs(first, 16 * MIB);

    const second = await open(2);
    await windowIs(first, 4 * MIB);
    await windowIs(second, 4 * MIB);
    await second.close();
    await windowIs(first, 16 * MIB);

    await first.close();
  });

  it("become narrower for a client that sends many at once", async () => {
    const only = await open(1);
    await windowIs(only, 16 * MIB);

    const bodies = Array.from({ length: 17 }, () => only.http2.request({ ":method": "POST" }));
    for (const body of bodies) body.on("error", () => undefined);
    await windowIs(only, MIB);

    await only.close();
  });

  it("that are made narrower under a body let the whole of it through", async () => {
    const first = await open(1);
    await windowIs(first, 16 * MIB);
    await first.call("POST /dynamic_index?archive-name=a.didx");
    const chunks = Array.from({ length: 4 }, () => randomBytes(4 * MIB));

    const answers = chunks.map(async (plain) => {
      const blob = encodeBlob(codec, plain, { compress: false });
      const digest = createHash("sha256").update(plain).digest("hex");
      const query = `wid=1&digest=${digest}&size=${plain.length}&encoded-size=${blob.length}`;
      return (await first.call(`POST /dynamic_chunk?${query}`, blob)).status;
    });
    const others = await Promise.all([2, 3, 4, 5, 6, 7, 8, 9].map(open));

    expect(await Promise.all(answers)).to.deep.equal([200, 200, 200, 200]);
    await windowIs(first, MIB / 2);
    for (const session of [first, ...others]) await session.close();
  });
});
