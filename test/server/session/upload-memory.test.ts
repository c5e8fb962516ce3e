import { expect } from "chai";

import { UploadMemory } from "../../../src/server/session/upload-memory.ts";

describe("server/session/upload-memory", () => {
  it("hands the same memory out again", async () => {
    const memory = new UploadMemory(16 * 1024 * 1024);
    const first = await memory.take(4_194_316);
    first.release();

    const second = await memory.take(4_000_000);

    expect(second.bytes.buffer).to.equal(first.bytes.buffer);
    expect(second.bytes).to.have.length(4_000_000);
  });

  it("never hands out what is in use", async () => {
    const memory = new UploadMemory(16 * 1024 * 1024);

    const slots = await Promise.all([memory.take(100), memory.take(100)]);

    expect(slots[0].bytes.buffer).to.not.equal(slots[1].bytes.buffer);
  });

  it("lets one session hold no more than a quarter", async () => {
    const memory = new UploadMemory(128 * 1024 * 1024);
    const share = memory.sessionShare();
    const slots = await Promise.all(Array.from({ length: 8 }, () => share.take(4_000_000)));
    let isGranted = false;
    const next = share.take(4_000_000).then((slot) => {
      isGranted = true;
      return slot;
    });

    const other = await memory.sessionShare().take(4_000_000);
    expect(isGranted).to.equal(false);
    slots[0]?.release();

    (await next).release();
    other.release();
    for (const slot of slots.slice(1)) slot.release();
    expect(memory.freeBytes).to.equal(128 * 1024 * 1024);
  });

  it("makes uploads wait that do not fit, and serves them in turn", async () => {
    const memory = new UploadMemory(64 * 1024);
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
    expect(memory.freeBytes).to.equal(64 * 1024);
  });
});
