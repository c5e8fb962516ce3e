import { once } from "node:events";
import { type Worker } from "node:worker_threads";
import { expect } from "chai";
import { SharedArena } from "../../src/chunks/shared-arena.ts";
import { startWorker } from "../../src/chunks/start-worker.ts";

function startTaker(arena: SharedArena, rounds: number): Worker {
  return startWorker("../support/arena-worker", import.meta.url, {
    workerData: { handle: arena.handle, rounds },
  });
}

describe("chunks/shared-arena", () => {
  it("hands out every slot once, then none", () => {
    const arena = SharedArena.create({ slotCount: 3, slotBytes: 4096 });

    const taken = [0, 1, 2, 3].map(() => arena.tryAcquire());

    expect(taken).to.deep.equal([0, 1, 2, undefined]);
    expect(arena.freeCount).to.equal(0);
  });

  it("hands a released slot out again, lowest first", () => {
    const arena = SharedArena.create({ slotCount: 4, slotBytes: 4096 });
    for (let i = 0; i < 4; i++) arena.acquire();

    arena.release(2);
    arena.release(1);

    expect([arena.acquire(), arena.acquire()]).to.deep.equal([1, 2]);
  });

  it("gives views of one memory that do not overlap", () => {
    const arena = SharedArena.create({ slotCount: 2, slotBytes: 8192 });
    arena.view(0, 0, 8192).fill(1);
    arena.view(1, 0, 8192).fill(2);

    const end = arena.view(0, 8190, 2);

    expect([...end]).to.deep.equal([1, 1]);
    expect(end.buffer).to.equal(arena.view(1, 0, 1).buffer);
    expect(arena.view(1, 0, 1).byteOffset).to.equal(arena.addressOf(1));
  });

  it("refuses a slot that is not taken, a slot it does not have and a view beyond the slot", () => {
    const arena = SharedArena.create({ slotCount: 2, slotBytes: 4096 });

    expect(() => {
      arena.release(0);
    }).to.throw();
    expect(() => {
      arena.release(2);
    }).to.throw();
    expect(() => arena.view(0, 4000, 97)).to.throw();
  });

  it("wakes an asynchronous waiter when a slot is released", async () => {
    const arena = SharedArena.create({ slotCount: 1, slotBytes: 4096 });
    const slot = arena.acquire();
    const waiting = arena.acquireAsync();

    arena.release(slot);

    expect(await waiting).to.equal(slot);
  });

  it("ends an asynchronous wait with the signal's reason", async () => {
    const arena = SharedArena.create({ slotCount: 1, slotBytes: 4096 });
    arena.acquire();

    const reason = await arena
      .acquireAsync({ signal: AbortSignal.abort("enough") })
      .catch((error: unknown) => error);

    expect(reason).to.equal("enough");
  });

  it("never gives one slot to two threads, and loses none", async () => {
    const rounds = 20_000;
    const arena = SharedArena.create({ slotCount: 2, slotBytes: 4096 });
    const takers = [1, 2, 3].map(() => startTaker(arena, rounds));

    const intact: unknown[] = await Promise.all(takers.map((taker) => once(taker, "message")));

    expect(intact).to.deep.equal([[rounds], [rounds], [rounds]]);
    expect(arena.freeCount).to.equal(2);
  });

  it("lets a blocked thread go on when another thread releases", async () => {
    const arena = SharedArena.create({ slotCount: 1, slotBytes: 4096 });
    const slot = arena.acquire();
    const taker = startTaker(arena, 1);
    await once(taker, "online");

    arena.release(slot);

    expect(await once(taker, "message")).to.deep.equal([1]);
  });
});
