import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, rmdir, statfs } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { fuseTransport } from "../../src/fs/fuse-transport.ts";
import { mountedAt } from "../../src/linux/mount-table.ts";
import { itMountsAndUnmounts } from "../contract/mount-lifecycle.contract.ts";
import { itIsATransport } from "../contract/transport.contract.ts";
import { reasonWithoutFuse } from "../support/fuse-here.ts";
import { MANY_COUNT } from "../support/memory-file-system.ts";
import { rejection } from "../support/rejection.ts";
import { type ProbeOutcome, SyscallProbe } from "../support/syscall-probe.ts";
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

  describe("where nothing changes", function () {
    const listCall = "int64_t llistxattr(const char *path, void *list, size_t size)";
    const getCall =
      "int64_t lgetxattr(const char *path, const char *name, void *value, size_t size)";
    let probe: SyscallProbe;

    before(function () {
      const reason = reasonWithoutFuse();
      if (reason !== undefined) skipBecause(this, reason);
      probe = new SyscallProbe();
    });

    after(async () => {
      await probe.close();
    });

    it("is asked once for the value of an extended attribute, if there are none, and has empty lists", async () => {
      const mounted = await mountForTest(fuseTransport, { argument: "still" });
      try {
        const errors: string[][] = [];
        for (const name of ["a.txt", "b.txt", "many"]) {
          const file = join(mounted.path, name);
          const outcomes = [
            await probe.call(listCall, file, null, 0),
            await probe.call(getCall, file, "user.comment", null, 0),
            await probe.call(getCall, file, "system.posix_acl_access", null, 0),
          ];
          errors.push(outcomes.map(({ error }) => error));
        }

        const expected = ["", "ENOTSUP", "ENODATA"];
        expect(errors).to.deep.equal([expected, expected, expected]);
        expect((await statfs(mounted.path)).files).to.equal(1);
      } finally {
        await mounted.close();
      }
    });

    it("shows extended attributes if anything has one", async () => {
      const mounted = await mountForTest(fuseTransport, {
        argument: "still with attributes",
      });
      try {
        const without = await probe.call(listCall, join(mounted.path, "a.txt"), null, 0);
        const file = join(mounted.path, "b.txt");
        const list = await probe.call(listCall, file, new Uint8Array(100), 100);
        const value = await probe.call(getCall, file, "user.comment", new Uint8Array(100), 100);

        expect([without.result, without.error]).to.deep.equal([0, ""]);
        expect(shown(list, 1)).to.equal("user.comment\0");
        expect(shown(value, 2)).to.equal("a remark");
      } finally {
        await mounted.close();
      }
    });

    it("lists a directory of 10,000 entries without being told that it is opened", async () => {
      const mounted = await mountForTest(fuseTransport, { argument: "still" });
      try {
        const lists = await Promise.all(
          Array.from({ length: 4 }, async () => await readdir(join(mounted.path, "many"))),
        );

        for (const names of lists) expect(new Set(names).size).to.equal(MANY_COUNT);
      } finally {
        await mounted.close();
      }
    });
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

/** What a call has put into its argument of this number. */
function shown({ result, args }: ProbeOutcome, argument: number): string {
  return Buffer.from(args[argument] as Uint8Array)
    .subarray(0, result)
    .toString("latin1");
}
