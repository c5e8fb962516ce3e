import { expect } from "chai";

import { parseMountTable, readMountTable } from "../../src/linux/mount-table.ts";

describe("linux/mount-table", () => {
  it("reads lines with and without optional fields, and undoes escapes", () => {
    const text = [
      "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue",
      "40 25 0:39 / /tmp/a\\040b\\011c\\134d ro,nosuid,nodev - fuse.amber me@host:\\040x ro,user_id=0",
      "a line that is none",
      "",
    ].join("\n");

    expect(parseMountTable(text)).to.deep.equal([
      { device: "98:0", mountPoint: "/mnt2", type: "ext3", source: "/dev/root" },
      { device: "0:39", mountPoint: "/tmp/a b\tc\\d", type: "fuse.amber", source: "me@host: x" },
    ]);
  });

  it("finds the file system of this process's root", () => {
    expect(readMountTable().some(({ mountPoint }) => mountPoint === "/")).to.equal(true);
  });
});
