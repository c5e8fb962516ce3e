import { once } from "node:events";

import { expect } from "chai";

import { UntakenBytes } from "../../../src/server/session/untaken-bytes.ts";
import { type RawSession, rawUpgrade, upgradeHead } from "../../support/raw-client.ts";
import { startTestServer } from "../../support/test-server.ts";

const MIB = 1024 * 1024;

describe("server/session/untaken-bytes", () => {
  let untaken: UntakenBytes;
  let ended: string[];
  let watches: Disposable[];
  beforeEach(() => {
    untaken = new UntakenBytes(100);
    ended = [];
    watches = [];
  });
  afterEach(() => {
    for (const watch of watches) watch[Symbol.dispose]();
  });

  function sending(name: string, bytes: number): Disposable {
    const watch = untaken.watch(() => bytes);
    watch.flooded.addEventListener("abort", () => ended.push(name));
    watches.push(watch);
    return watch;
  }

  it("leaves connections alone that keep within the bound together", () => {
    sending("a", 60);
    sending("b", 40);

    untaken.look();

    expect(ended).to.deep.equal([]);
  });

  it("ends those that have most until the rest is within the bound", () => {
    for (const [name, bytes] of [
      ["a", 60],
      ["b", 90],
      ["c", 30],
      ["d", 70],
    ] as const) {
      sending(name, bytes);
    }

    untaken.look();

    expect(ended).to.deep.equal(["b", "d"]);
  });

  it("does not count a connection that is gone", () => {
    const gone = sending("a", 90);
    sending("b", 90);

    gone[Symbol.dispose]();
    untaken.look();

    expect(ended).to.deep.equal([]);
  });
});

describe("server/session untaken bytes of a backup", () => {
  it("end the session that has too many of them, and no other", async () => {
    await using server = await startTestServer({
      uploadMemoryBytes: 20 * MIB,
      untakenBytesMax: 3 * MIB,
    });
    const open = async (id: string): Promise<RawSession> => {
      const { port, authorization } = server;
      const path = `/api2/json/backup?store=store1&backup-type=host&backup-id=${id}&backup-time=1719000000`;
      const head = upgradeHead(port, path, "proxmox-backup-protocol-v1", { authorization });
      const result = await rawUpgrade(port, head);
      if (!("session" in result)) throw new Error(result.refusal.text);
      return result.session;
    };
    const [flooding, other] = [await open("flooding"), await open("other")];
    const query = `wid=1&digest=${"ab".repeat(32)}&size=${16 * MIB}&encoded-size=${16 * MIB}`;
    const ended = once(flooding.http2, "close");

    // One has all the memory there is, so the other waits.
    for (let i = 0; i < 2; i++) {
      const body = flooding.http2.request({
        ":method": "POST",
        ":path": `/dynamic_chunk?${query}`,
      });
      body.on("error", () => undefined).write(Buffer.alloc(4 * MIB));
    }
    await ended;

    const { status } = await other.call("POST /dynamic_index?archive-name=a.didx");
    expect(status).to.equal(200);
    await other.close();
  });
});
