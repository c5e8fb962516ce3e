import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rmdir } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { fuseTransport } from "../../src/fs/fuse-transport.ts";
import { mountedAt } from "../../src/linux/mount-table.ts";
import { itMountsAndUnmounts } from "../contract/mount-lifecycle.contract.ts";
import { itIsATransport } from "../contract/transport.contract.ts";
import { reasonWithoutFuse } from "../support/fuse-here.ts";
import { rejection } from "../support/rejection.ts";
import { mountForTest } from "../support/test-mount.ts";
import { waitsInFuse } from "../support/waits-in-fuse.ts";
import { skipBecause } from "../support/skip-because.ts";

describe("fs/fuse-transport", function () {
  // Real processes and threads are started, which takes long on a busy machine.
  this.timeout(60_000);

  itIsATransport("fuse", () => Promise.resolve(fuseTransport), {
    timeStepNs: 1n,
    hasTimesBefore1970: true,
    hasNamesBeyondUtf8: true,
    findsHoles: true,
  });

  itMountsAndUnmounts("fuse", () => Promise.resolve(fuseTransport), {
    canKillWaiting: true,
    checksAccessLists: true,
  });

  describe("when its thread fails", function () {
    before(function () {
      const reason = reasonWithoutFuse();
      if (reason !== undefined) skipBecause(this, reason);
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
      const reader = spawn("/bin/cat", [join(path, "endless.bin")], { stdio: "ignore" });
      await waitsInFuse(reader);

      await mount.unmount();

      if (reader.exitCode === null) await once(reader, "exit");
      expect(reader.exitCode).to.equal(1);
      expect(mountedAt(path)).to.equal(undefined);
      await rmdir(path);
    });
  });
});
