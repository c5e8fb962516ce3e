import { expect } from "chai";

import { ProcessLock } from "../../../src/server/store/process-lock.ts";
import { StoreError } from "../../../src/server/store/store-error.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { rejection } from "../../support/rejection.ts";

describe("server/store/process-lock", () => {
  let clock: FakeClock;
  let states: string[];
  let isFree: boolean;
  let lock: ProcessLock;

  beforeEach(() => {
    clock = new FakeClock(1000);
    states = [];
    isFree = true;
    const setLock = async (state: "none" | "shared" | "exclusive"): Promise<boolean> => {
      await Promise.resolve();
      if (state !== "none" && !isFree) return false;
      states.push(state);
      return true;
    };
    lock = new ProcessLock({ setLock }, clock);
  });

  it("locks the storage with the first writer and frees it with the last", async () => {
    const first = await lock.shared();
    const second = await lock.shared();
    await first.release();
    await first.release();
    const during = [...states];
    await second.release();

    expect(during).to.deep.equal(["shared", "shared"]);
    expect(states.at(-1)).to.equal("none");
  });

  it("knows when the oldest writer began", async () => {
    const first = await lock.shared();
    clock.advance(10);
    const second = await lock.shared();

    const both = lock.oldestWriterSec;
    await first.release();
    const one = lock.oldestWriterSec;
    await second.release();

    expect([both, one, lock.oldestWriterSec]).to.deep.equal([1000, 1010, undefined]);
  });

  it("lets writers and a collector of one process be together", async () => {
    const writer = await lock.shared();
    const collector = await lock.exclusive();
    const later = await lock.shared();
    await collector.release();
    const afterwards = states.at(-1);
    await writer.release();
    await later.release();

    expect(states.slice(0, 2)).to.deep.equal(["shared", "exclusive"]);
    expect(afterwards).to.equal("shared");
    expect(states.at(-1)).to.equal("none");
  });

  it("refuses a second collector, and anybody while another process is in the way", async () => {
    const collector = await lock.exclusive();
    const second = await rejection(lock.exclusive());
    await collector.release();
    isFree = false;

    const errors = [await rejection(lock.shared()), await rejection(lock.exclusive())];

    expect(second).to.be.instanceOf(StoreError).with.property("code", "STORE_LOCKED");
    for (const error of errors) {
      expect(error).to.be.instanceOf(StoreError).with.property("code", "STORE_IN_USE");
    }
    expect(lock.oldestWriterSec).to.equal(undefined);
  });
});
