import { fuseTransport } from "../../src/fs/fuse-transport.ts";
import { itMountsAndUnmounts } from "../contract/mount-lifecycle.contract.ts";
import { itIsATransport } from "../contract/transport.contract.ts";

describe("fs/fuse-transport", () => {
  itIsATransport("fuse", () => Promise.resolve(fuseTransport), {
    timeStepNs: 1n,
    hasTimesBefore1970: true,
    hasNamesBeyondUtf8: true,
    findsHoles: true,
  });

  itMountsAndUnmounts("fuse", () => Promise.resolve(fuseTransport), { canKillWaiting: true });
});
