import { expect } from "chai";

import { CheckTurns } from "../../../src/server/auth/check-turns.ts";

describe("server/auth/check-turns", () => {
  it("runs two at a time and gives addresses their turn, however many checks one sends", async () => {
    const turns = new CheckTurns();
    const order: string[] = [];
    const open: (() => void)[] = [];
    const check = async (peer: string): Promise<boolean> =>
      await turns.run(peer, async () => {
        order.push(peer);
        await new Promise<void>((resolve) => open.push(resolve));
        return true;
      });
    const flood = Array.from({ length: 120 }, async () => await check("flood"));
    const one = check("one");

    let turnedAway = 0;
    for (const each of flood) {
      each.catch((error: unknown) => {
        expect(error).to.have.property("code", "API_BUSY");
        turnedAway++;
      });
    }
    await new Promise(setImmediate);
    for (let round = 0; round < 121 - turnedAway; round++) {
      expect(open.length).to.be.at.most(2);
      open.shift()?.();
      await new Promise(setImmediate);
    }

    expect(order.indexOf("one")).to.be.at.most(3);
    const answers = await Promise.allSettled(flood);
    expect(answers.filter(({ status }) => status === "rejected")).to.have.length(turnedAway);
    expect(turnedAway).to.equal(18);
    expect(await one).to.equal(true);
  });
});
