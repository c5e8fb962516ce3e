import * as fs from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { ownedDisk } from "../../../src/server/store/owned-disk.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { rejection } from "../../support/rejection.ts";

describe("server/store/owned-disk", () => {
  it("gives new files and folders to the owner, and only those", async () => {
    await using folder = await tempDir();
    const given: string[] = [];
    const chown = async (path: unknown, uid: number, gid: number): Promise<void> => {
      given.push(`${String(path)} ${uid}:${gid}`);
      await Promise.resolve();
    };
    const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
    const disk = ownedDisk(fs, owner, chown);
    const path = join(folder.path, "host");

    await disk.mkdir(path, 0o755);
    await using file = await disk.open(join(path, "owner"), "wx", 0o644);
    const again = await rejection(disk.open(join(path, "owner"), "wx", 0o644));

    expect(given).to.deep.equal([`${path} ${owner.uid}:${owner.gid}`]);
    expect((await file.stat()).uid).to.equal(owner.uid);
    expect(again).to.have.property("code", "EEXIST");
  });
});
