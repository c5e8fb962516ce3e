import { itMountsAndUnmounts } from "../contract/mount-lifecycle.contract.ts";
import { itIsATransport } from "../contract/transport.contract.ts";

describe("fs/fuse-native-transport", function () {
  // Real processes are started, which takes long on a busy machine.
  this.timeout(60_000);

  // Imported at run time: mocha loads test files as CommonJS, and the file system of a recipe, which this transport
  // makes in the same thread, comes as a module. Both must see the same error classes.
  const load = async () =>
    (await import("../../src/fs/fuse-native-transport.ts")).fuseNativeTransport;

  itIsATransport("fuse-native", load, {
    timeStepNs: 1_000_000n,
    hasTimesBefore1970: false,
    hasNamesBeyondUtf8: false,
    findsHoles: false,
  });

  itMountsAndUnmounts("fuse-native", load, { canKillWaiting: false, checksAccessLists: false });
});
