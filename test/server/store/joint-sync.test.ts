import { expect } from "chai";

import { JointSync } from "../../../src/server/store/joint-sync.ts";
import { rejection } from "../../support/rejection.ts";

describe("server/store/joint-sync", () => {
  let begun: (() => void)[];
  let failNext: Error | undefined;
  let joint: JointSync;

  beforeEach(() => {
    begun = [];
    failNext = undefined;
    joint = new JointSync(async () => {
      const error = failNext;
      failNext = undefined;
      await new Promise<void>((resolve) => begun.push(resolve));
      if (error) throw error;
    });
  });

  const settle = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) await Promise.resolve();
  };

  it("runs one sync for a caller alone, each time", async () => {
    const first = joint.sync();
    begun[0]?.();
    await first;
    const second = joint.sync();
    begun[1]?.();
    await second;

    expect(begun).to.have.length(2);
  });

  it("gives all who come while one runs the same next one", async () => {
    const done: string[] = [];
    const first = joint.sync().then(() => done.push("first"));
    const late = [1, 2, 3].map((i) => joint.sync().then(() => done.push(`late ${i}`)));
    await settle();
    const whileRunning = [begun.length, done.length];

    begun[0]?.();
    await first;
    await settle();
    const between = [begun.length, done.length];
    begun[1]?.();
    await Promise.all(late);

    expect(whileRunning).to.deep.equal([1, 0]);
    expect(between).to.deep.equal([2, 1]);
    expect(begun).to.have.length(2);
  });

  it("never serves a caller by a sync that began before it came", async () => {
    const first = joint.sync();
    const second = joint.sync();
    begun[0]?.();
    await first;
    await settle();
    const third = joint.sync();
    begun[1]?.();
    await second;
    await settle();
    begun[2]?.();
    await third;

    expect(begun).to.have.length(3);
  });

  it("fails only those whom the failed sync was to serve", async () => {
    failNext = new Error("EIO");
    const first = joint.sync();
    const second = joint.sync();
    begun[0]?.();

    const error = await rejection(first);
    await settle();
    begun[1]?.();
    await second;

    expect(error).to.have.property("message", "EIO");
  });
});
