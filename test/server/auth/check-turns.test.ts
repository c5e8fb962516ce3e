import { expect } from "chai";

import { CheckTurns } from "../../../src/server/auth/check-turns.ts";

describe("server/auth/check-turns", () => {
  it("runs two at a time and gives addresses their turn, however many checks one sends", async () => {
    const turns = new CheckTurns();
    const order: string[] = [];
    const open: (() => void)[] = [];
    const check = async (peer: string): Promise<boolean | undefined> =>
      await turns.run(peer, async () => {
        order.push(peer);
        await new Promise<void>((resolve) => open.push(resolve));
        return true;
      });
    const flood = Array.from({ length: 20 }, async () => await check("flood"));
    const one = check("one");

    const turned = { away: 0 };
    for (const each of flood) void each.then((answer) => (turned.away += answer === true ? 0 : 1));
    await new Promise(setImmediate);
    for (let round = 0; round < 21 - turned.away; round++) {
      expect(open.length).to.be.at.most(2);
      open.shift()?.();
      await new Promise(setImmediate);
    }

    expect(order.indexOf("one")).to.be.at.most(3);
    const answers = await Promise.all(flood);
    expect(answers.filter((answer) => answer === undefined)).to.have.length(turned.away);
    expect(turned.away).to.equal(10);
    expect(await one).to.equal(true);
  });
});
