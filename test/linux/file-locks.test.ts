import { open, writeFile } from "node:fs/promises";

import { expect } from "chai";

import { tryFlock, tryRecordLock } from "../../src/linux/file-locks.ts";
import { syncFileSystem } from "../../src/linux/sync-file-system.ts";
import { SystemError } from "../../src/linux/system-error.ts";
import { rejection } from "../support/rejection.ts";
import { tempDir } from "../support/temp-dir.ts";
import { thrown } from "../support/thrown.ts";

describe("linux/file-locks", () => {
  it("takes, changes and drops a record lock", async () => {
    await using folder = await tempDir();
    await writeFile(`${folder.path}/lock`, "");
    await using file = await open(`${folder.path}/lock`, "r+");

    const results = (["shared", "exclusive", "shared", "none"] as const).map((kind) =>
      tryRecordLock(file.fd, kind),
    );

    expect(results).to.deep.equal([true, true, true, true]);
  });

  it("lets flock holders of one folder share or exclude each other", async () => {
    await using folder = await tempDir();
    await using a = await open(folder.path, "r");
    await using b = await open(folder.path, "r");

    const shared = [tryFlock(a.fd, "shared"), tryFlock(b.fd, "shared")];
    const refused = tryFlock(b.fd, "exclusive");
    tryFlock(a.fd, "none");
    const alone = tryFlock(b.fd, "exclusive");

    expect([...shared, refused, alone]).to.deep.equal([true, true, false, true]);
  });

  it("fails for descriptors that cannot be locked", async () => {
    await using folder = await tempDir();
    await writeFile(`${folder.path}/lock`, "");
    await using file = await open(`${folder.path}/lock`, "r");

    const readOnly = thrown(() => tryRecordLock(file.fd, "exclusive"));
    const closed = thrown(() => tryFlock(99_999, "shared"));

    expect(readOnly).to.be.instanceOf(SystemError).with.property("code", "EBADF");
    expect(closed).to.be.instanceOf(SystemError).with.property("code", "EBADF");
  });
});

describe("linux/sync-file-system", () => {
  it("syncs the file system of an open folder, off this thread", async () => {
    await using folder = await tempDir();
    await using file = await open(folder.path, "r");
    let isTurning = false;

    const synced = syncFileSystem(file.fd);
    setImmediate(() => (isTurning = true));
    await synced;
    await new Promise(setImmediate);

    expect(isTurning).to.equal(true);
  });

  it("fails with the system's reason", async () => {
    const error = await rejection(syncFileSystem(99_999));

    expect(error).to.be.instanceOf(SystemError).with.property("code", "EBADF");
  });
});
