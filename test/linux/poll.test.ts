import { closeSync } from "node:fs";

import { expect } from "chai";

import { clearEvent, EventDescriptor } from "../../src/linux/event-descriptor.ts";
import { Poller } from "../../src/linux/poll.ts";

describe("linux/poll", () => {
  it("tells which event descriptor was signalled, until it is cleared", () => {
    const [first, second] = [new EventDescriptor(), new EventDescriptor()];
    const poller = new Poller([first.fd, second.fd]);

    expect(poller.wait(0)).to.equal(false);
    second.signal();
    second.signal();
    expect(poller.wait(-1)).to.equal(true);
    expect([poller.isReadable(0), poller.isReadable(1)]).to.deep.equal([false, true]);
    clearEvent(second.fd);
    expect(poller.wait(0)).to.equal(false);

    first.close();
    second.close();
  });

  it("counts a descriptor that is not open as readable, so that reading tells", () => {
    const event = new EventDescriptor();
    const poller = new Poller([event.fd]);

    closeSync(event.fd);

    expect(poller.wait(-1)).to.equal(true);
    expect(poller.isReadable(0)).to.equal(true);
  });
});
