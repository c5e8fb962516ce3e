import { expect } from "chai";

import { FilledBytes } from "../../src/chunks/filled-bytes.ts";

describe("chunks/filled-bytes", () => {
  it("tells the other side how far it has come, and when that is all", () => {
    const told = new FilledBytes();
    const heard = new FilledBytes(told.memory);

    told.grow(10);
    const growing = heard.beyond(0, 1);
    told.end(15);

    expect(growing).to.deep.equal({ size: 10, state: "growing" });
    expect(heard.beyond(10, 1)).to.deep.equal({ size: 15, state: "whole" });
    expect(heard.beyond(15, 1)).to.deep.equal({ size: 15, state: "whole" });
  });

  it("can be whole with nothing in it", () => {
    const told = new FilledBytes();

    told.end(0);

    expect(told.beyond(0, 1)).to.deep.equal({ size: 0, state: "whole" });
  });

  it("lets the reader go when it fails, and stays whole when it was", () => {
    const [failed, whole] = [new FilledBytes(), new FilledBytes()];
    failed.grow(5);
    whole.end(5);

    failed.fail();
    whole.fail();

    expect(failed.beyond(0, 1).state).to.equal("failed");
    expect(whole.beyond(0, 1).state).to.equal("whole");
  });

  it("counts as failed when nothing comes for too long", () => {
    const silent = new FilledBytes();
    silent.grow(5);

    expect(silent.beyond(5, 1).state).to.equal("failed");
  });
});
