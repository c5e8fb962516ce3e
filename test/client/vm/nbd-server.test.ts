import { once } from "node:events";
import { statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";

import { expect } from "chai";

import { NbdClient } from "../../../src/client/vm/nbd-client.ts";
import { type NbdExport } from "../../../src/client/vm/nbd-export.ts";
import { NbdServer } from "../../../src/client/vm/nbd-server.ts";
import { ALLOCATION_CONTEXT } from "../../../src/client/vm/nbd-wire.ts";
import { SocketReader } from "../../../src/client/vm/socket-reader.ts";
import { eventually } from "../../support/eventually.ts";
import { rejection } from "../../support/rejection.ts";
import { tempDir } from "../../support/temp-dir.ts";

const SIZE = 300_000;
const BAD_OFFSET = 200_000;

/** Bytes that say where they are; from 100000 to 150000 there is a hole, and one byte cannot be read. */
const pattern: NbdExport = {
  name: "pattern",
  size: SIZE,
  read: async (offset, size) => {
    if (offset <= BAD_OFFSET && BAD_OFFSET < offset + size) throw new Error("bad place");
    return await Promise.resolve(
      Uint8Array.from({ length: size }, (_none, i) => (offset + i) % 251),
    );
  },
  extents: (offset, size) => {
    const ends = [100_000, 150_000, SIZE];
    const extents: { size: number; flags: number }[] = [];
    for (const [i, end] of ends.entries()) {
      const at = offset + extents.reduce((sum, extent) => sum + extent.size, 0);
      const stop = Math.min(end, offset + size);
      if (stop > at) extents.push({ size: stop - at, flags: i === 1 ? 3 : 0 });
    }
    return extents;
  },
};

interface World extends AsyncDisposable {
  readonly path: string;
  readonly errors: unknown[];
  open(name?: string): Promise<NbdClient>;
}

async function makeWorld(exports: readonly NbdExport[] = [pattern]): Promise<World> {
  const folder = await tempDir();
  const path = join(folder.path, "nbd.sock");
  const errors: unknown[] = [];
  const server = await NbdServer.listen({ path, exports, onError: (error) => errors.push(error) });
  const { signal } = new AbortController();
  return {
    path,
    errors,
    open: async (exportName = "pattern") =>
      await NbdClient.open({ path, exportName, contexts: [ALLOCATION_CONTEXT], signal }),
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

async function read(client: NbdClient, offset: number, size: number): Promise<Uint8Array> {
  const target = new Uint8Array(size);
  await client.readInto(target, offset);
  return target;
}

describe("client/vm/nbd-server", () => {
  it("answers reads that overlap, each with its own bytes", async () => {
    await using world = await makeWorld();
    using client = await world.open();

    const offsets = [0, 1, 99_999, 123_456];
    const found = await Promise.all(offsets.map(async (offset) => await read(client, offset, 500)));

    expect(client.size).to.equal(SIZE);
    expect(found.map((bytes) => bytes[0])).to.deep.equal(offsets.map((offset) => offset % 251));
    expect(found.map((bytes) => bytes[499])).to.deep.equal(offsets.map((at) => (at + 499) % 251));
  });

  it("tells where the holes are", async () => {
    await using world = await makeWorld();
    using client = await world.open();

    const told = await client.blockStatus(50_000, 200_000);

    expect(told.get(ALLOCATION_CONTEXT)).to.deep.equal([
      { size: 50_000, flags: 0 },
      { size: 50_000, flags: 3 },
      { size: 100_000, flags: 0 },
    ]);
  });

  it("fails a read that cannot be done, says why here, and answers the next one", async () => {
    await using world = await makeWorld();
    using client = await world.open();

    const error = await rejection(read(client, BAD_OFFSET - 10, 20));
    const behind = await read(client, BAD_OFFSET + 1, 1);

    expect(error).to.have.property("code", "VM_DISK_UNREADABLE");
    expect(world.errors.map(String)).to.deep.equal(["Error: bad place"]);
    expect(behind).to.deep.equal(Uint8Array.of((BAD_OFFSET + 1) % 251));
  });

  it("refuses what lies behind the end, and names that it does not have", async () => {
    await using world = await makeWorld();
    using client = await world.open();

    const behind = await rejection(read(client, SIZE - 1, 2));
    const unknown = await rejection(world.open("other"));

    expect(behind).to.have.property("code", "VM_DISK_UNREADABLE");
    expect(unknown).to.have.property("code", "VM_DISK_UNREADABLE");
    expect(world.errors).to.deep.equal([]);
  });

  it("takes no name for the only export, and not for one of two", async () => {
    await using one = await makeWorld();
    await using two = await makeWorld([pattern, { ...pattern, name: "second" }]);

    using client = await one.open("");
    const error = await rejection(two.open(""));

    expect(client.size).to.equal(SIZE);
    expect(error).to.have.property("code", "VM_DISK_UNREADABLE");
  });

  it("speaks the old way with a client that knows no other, and refuses its writes", async () => {
    await using world = await makeWorld();
    const socket = connect(world.path);
    const reader = new SocketReader(socket);
    await reader.read(18);
    const option = Buffer.alloc(16);
    option.write("IHAVEOPT");
    option.writeUInt32BE(1, 8);
    option.writeUInt32BE("pattern".length, 12);
    socket.write(Buffer.concat([Buffer.from([0, 0, 0, 3]), option, Buffer.from("pattern")]));
    const info = await reader.read(10);

    socket.write(Buffer.concat([request(1, 0, 4), Buffer.from("evil")]));
    const refused = await reader.read(16);
    socket.write(request(0, 10, 4));
    const accepted = await reader.read(20);
    socket.destroy();

    expect(Number(info.readBigUInt64BE())).to.equal(SIZE);
    expect(info.readUInt16BE(8) & 2, "read-only").to.equal(2);
    expect(refused.readUInt32BE(4)).to.equal(1);
    expect(accepted.readUInt32BE(4)).to.equal(0);
    expect([...accepted.subarray(16)]).to.deep.equal([10, 11, 12, 13]);
  });

  it("takes no more requests than it can remember, and answers all of them in the end", async () => {
    const calls: (() => void)[] = [];
    let underWay = 0;
    let most = 0;
    let isHeld = true;
    const slow: NbdExport = {
      ...pattern,
      read: async (_offset, size) => {
        most = Math.max(most, ++underWay);
        if (isHeld) await new Promise<void>((resolve) => calls.push(resolve));
        underWay--;
        return new Uint8Array(size);
      },
    };
    await using world = await makeWorld([slow]);
    using client = await world.open();

    const all = Array.from({ length: 500 }, async (_none, i) => await read(client, i, 1));
    await eventually(async () => await Promise.resolve(calls.length >= 128));
    isHeld = false;
    for (const answer of calls) answer();
    await Promise.all(all);

    expect(most).to.equal(128);
  });

  it("hangs up on a client that speaks something else, and goes on for the others", async () => {
    await using world = await makeWorld();
    using client = await world.open();
    const stranger = connect(world.path);
    stranger.resume();

    stranger.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await once(stranger, "close");

    expect(await read(client, 7, 1)).to.deep.equal(Uint8Array.of(7));
  });

  it("lets only its own user connect, and leaves no socket behind", async () => {
    const world = await makeWorld();

    const mode = statSync(world.path).mode & 0o777;
    await world[Symbol.asyncDispose]();

    expect(mode).to.equal(0o600);
    expect(statSync(world.path, { throwIfNoEntry: false })).to.equal(undefined);
  });

  it("takes no place where a program listens or a file is", async () => {
    await using world = await makeWorld();
    await using folder = await tempDir();
    const file = join(folder.path, "file");
    writeFileSync(file, "precious");
    const listen = async (path: string): Promise<unknown> =>
      await rejection(NbdServer.listen({ path, exports: [], onError: () => undefined }));

    const errors = [
      await listen(world.path),
      await listen(file),
      await listen(`${folder.path}/${"x".repeat(108)}`),
    ];

    for (const error of errors) expect(error).to.have.property("code", "VM_SOCKET_TAKEN");
    expect(statSync(file).size).to.equal("precious".length);
  });
});

function request(command: number, offset: number, size: number): Buffer {
  const bytes = Buffer.alloc(28);
  bytes.writeUInt32BE(0x25609513, 0);
  bytes.writeUInt16BE(command, 6);
  bytes.writeBigUInt64BE(BigInt(offset), 16);
  bytes.writeUInt32BE(size, 24);
  return bytes;
}
