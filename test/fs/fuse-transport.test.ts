import { readdir, readFile, rmdir } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { fuseTransport } from "../../src/fs/fuse-transport.ts";
import { mountedAt } from "../../src/linux/mount-table.ts";
import { itMountsAndUnmounts } from "../contract/mount-lifecycle.contract.ts";
import { itIsATransport } from "../contract/transport.contract.ts";
import { reasonWithoutFuse } from "../support/fuse-here.ts";
import { rejection } from "../support/rejection.ts";
import { mountForTest } from "../support/test-mount.ts";

describe("fs/fuse-transport", () => {
  itIsATransport("fuse", () => Promise.resolve(fuseTransport), {
    timeStepNs: 1n,
    hasTimesBefore1970: true,
    hasNamesBeyondUtf8: true,
    findsHoles: true,
  });

  itMountsAndUnmounts("fuse", () => Promise.resolve(fuseTransport), { canKillWaiting: true });

  describe("when its thread fails", function () {
    before(function () {
      if (reasonWithoutFuse() !== undefined) this.skip();
    });

    it("ends the mount with errors instead of hanging, and says so", async () => {
      const { mount, path, errors } = await mountForTest(fuseTransport);

      const reading = await rejection(readFile(join(path, "ends-thread.bin")));
      const end = await rejection(mount.ended);

      expect(["ENOTCONN", "ECONNABORTED", "EIO"]).to.include((reading as { code: string }).code);
      expect(end).to.have.property("code", "MOUNT_THREAD_FAILED");
      expect(errors).to.deep.equal([end]);
      expect(mountedAt(path)).to.equal(undefined);
      await mount.unmount();
      await rmdir(path);
    });

    it("unmounts although the file system never returns from a call", async () => {
      const { mount, path } = await mountForTest(fuseTransport);
      const reading = rejection(readFile(join(path, "endless.bin")));
      // Waits behind the endless call, unless it comes first.
      const listing = readdir(join(path, "deep")).catch(() => undefined);

      await mount.unmount();

      expect(await reading).to.be.instanceOf(Error);
      await listing;
      expect(mountedAt(path)).to.equal(undefined);
      await rmdir(path);
    });
  });
});
