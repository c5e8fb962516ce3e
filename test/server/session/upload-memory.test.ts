import { expect } from "chai";

import { UploadMemory, type UploadSlot } from "../../../src/server/session/upload-memory.ts";

const MIB = 1024 * 1024;

describe("server/session/upload-memory", () => {
  it("hands the same memory out again", async () => {
    const memory = new UploadMemory(16 * 1024 * 1024);
    const first = await memory.take(4_194_316);
    first.release();

    const second = await memory.take(4_000_000);

    expect(second.bytes.buffer).to.equal(first.bytes.buffer);
    expect(second.bytes.byteOffset).to.equal(first.bytes.byteOffset);
    expect(second.bytes).to.have.length(4_000_000);
  });

  it("has no more memory than it was given, whatever lengths came before", async () => {
    const memory = new UploadMemory(16 * MIB);
    const buffers = new Set<ArrayBufferLike>();

    for (const size of [MIB, 4 * MIB, 16 * MIB, 100]) {
      const slots = await Promise.all(
        Array.from({ length: Math.floor((16 * MIB) / Math.max(size, MIB)) }, () =>
          memory.take(size),
        ),
      );
      for (const { bytes, release } of slots) {
        buffers.add(bytes.buffer);
        release();
      }
    }

    expect([...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0)).to.equal(16 * MIB);
  });

  it("lets no short upload overtake a long one that waits", async () => {
    const memory = new UploadMemory(8 * MIB);
    const order: string[] = [];
    const first = await memory.take(4 * MIB);
    const long = memory.take(8 * MIB).then((slot) => {
      order.push("long");
      slot.release();
    });
    const short = memory.take(100).then((slot) => {
      order.push("short");
      slot.release();
    });

    first.release();
    await Promise.all([long, short]);

    expect(order).to.deep.equal(["long", "short"]);
  });

  it("never hands out what is in use", async () => {
    const memory = new UploadMemory(16 * 1024 * 1024);

    const slots = await Promise.all([memory.take(100), memory.take(100)]);

    const [first, second] = slots.map(({ bytes }) => bytes.byteOffset);
    expect(Math.abs((second ?? 0) - (first ?? 0))).to.be.at.least(100);
  });

  it("lets one session hold no more than a quarter", async () => {
    const memory = new UploadMemory(128 * 1024 * 1024);
    const share = memory.sessionShare("a@pbs");
    const slots = await Promise.all(Array.from({ length: 8 }, () => share.take(4_000_000)));
    let isGranted = false;
    const next = share.take(4_000_000).then((slot) => {
      isGranted = true;
      return slot;
    });

    const other = await memory.sessionShare("a@pbs").take(4_000_000);
    expect(isGranted).to.equal(false);
    slots[0]?.release();

    (await next).release();
    other.release();
    for (const slot of slots.slice(1)) slot.release();
    expect(memory.freeBytes).to.equal(128 * 1024 * 1024);
  });

  it("leaves a quarter to others, however many sessions one user has", async () => {
    const memory = new UploadMemory(128 * MIB);
    const sessions = Array.from({ length: 8 }, () => memory.sessionShare("greedy@pbs"));
    const taken: UploadSlot[] = [];
    const asked = sessions.flatMap((session) =>
      Array.from({ length: 4 }, async () => {
        taken.push(await session.take(4 * MIB));
      }),
    );

    const other = await memory.sessionShare("other@pbs").take(16 * MIB);

    expect(taken).to.have.lengthOf(24);
    other.release();
    for (let released = 0; released < asked.length;) {
      const slots = taken.splice(0);
      for (const { release } of slots) release();
      released += slots.length;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(memory.freeBytes).to.equal(128 * MIB);
  });

  it("makes uploads wait that do not fit, and serves them in turn", async () => {
    const memory = new UploadMemory(4096);
    const first = await memory.take(10);
    const order: string[] = [];
    const second = memory.take(10).then((slot) => {
      order.push("second");
      return slot;
    });
    await Promise.resolve();
    expect(order).to.deep.equal([]);

    first.release();

    (await second).release();
    expect(memory.freeBytes).to.equal(4096);
  });
});
