import { expect } from "chai";
import fc from "fast-check";

import { type Lock, LockTable } from "../../../src/server/store/lock-table.ts";
import { StoreError } from "../../../src/server/store/store-error.ts";
import { rejection } from "../../support/rejection.ts";

describe("server/store/lock-table", () => {
  it("lets many share, or one alone", () => {
    const table = new LockTable();

    const [a, b] = [table.tryShared("x"), table.tryShared("x")];
    const refused = table.tryExclusive("x");
    a?.release();
    const stillRefused = table.tryExclusive("x");
    b?.release();
    const alone = table.tryExclusive("x");

    expect([refused, stillRefused]).to.deep.equal([undefined, undefined]);
    expect(alone).to.not.equal(undefined);
    expect(table.tryShared("x")).to.equal(undefined);
    expect(table.tryShared("y")).to.not.equal(undefined);
  });

  it("is not confused by a second release", () => {
    const table = new LockTable();
    const [a, b] = [table.tryShared("x"), table.tryShared("x")];

    a?.release();
    a?.release();

    expect(table.tryExclusive("x")).to.equal(undefined);
    b?.release();
    expect(table.isHeld("x")).to.equal(false);
  });

  it("turns an exclusive lock into a shared one", () => {
    const table = new LockTable();
    const lock = table.tryExclusive("x");

    lock?.downgrade();
    const other = table.tryShared("x");
    lock?.release();

    expect(other).to.not.equal(undefined);
    expect(table.tryExclusive("x")).to.equal(undefined);
  });

  it("waits for a lock and gets it", async () => {
    const table = new LockTable();
    const held = table.tryExclusive("x");

    const waiting = table.waitExclusive("x", 5000);
    held?.release();
    const lock = await waiting;

    expect(table.tryShared("x")).to.equal(undefined);
    lock.release();
    expect(table.isHeld("x")).to.equal(false);
  });

  it("gives up waiting when the time is over", async () => {
    const table = new LockTable();
    using held = table.tryShared("x") ?? null;

    const error = await rejection(table.waitExclusive("x", 5));

    expect(held).to.not.equal(null);
    expect(error).to.be.instanceOf(StoreError).with.property("code", "STORE_LOCKED");
  });

  it("gives every waiter its turn", async () => {
    const table = new LockTable();
    let inside = 0;

    const turn = async (): Promise<void> => {
      const lock = await table.waitExclusive("x", 5000);
      expect(++inside).to.equal(1);
      await Promise.resolve();
      inside--;
      lock.release();
    };
    await Promise.all(Array.from({ length: 20 }, turn));

    expect(table.isHeld("x")).to.equal(false);
  });

  it("never lets an exclusive holder be with another one", () => {
    const step = fc.record({
      act: fc.constantFrom("shared", "exclusive", "release", "downgrade"),
      key: fc.constantFrom("a", "b"),
      which: fc.nat(5),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const table = new LockTable();
        const held: { key: string; kind: "shared" | "exclusive"; lock: Lock }[] = [];
        for (const { act, key, which } of steps) {
          const others = held.filter((entry) => entry.key === key);
          if (act === "shared" || act === "exclusive") {
            const lock = act === "shared" ? table.tryShared(key) : table.tryExclusive(key);
            const isFree =
              act === "shared"
                ? others.every((entry) => entry.kind === "shared")
                : others.length === 0;
            expect(lock !== undefined).to.equal(isFree);
            if (lock) held.push({ key, kind: act, lock });
            continue;
          }
          const entry = held[which];
          if (!entry) continue;
          if (act === "release") {
            entry.lock.release();
            held.splice(which, 1);
          } else if (entry.kind === "exclusive") {
            entry.lock.downgrade();
            entry.kind = "shared";
          }
        }
        for (const { lock } of held) lock.release();
        expect([table.isHeld("a"), table.isHeld("b")]).to.deep.equal([false, false]);
      }),
    );
  });
});
