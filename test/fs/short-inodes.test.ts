import { expect } from "chai";

import { type Attributes } from "../../src/fs/file-system.ts";
import { shortInodes } from "../../src/fs/short-inodes.ts";

const file = (ino: number, nlink: number): Attributes => ({
  ino,
  kind: "file",
  mode: 0o100644,
  nlink,
  uid: 0,
  gid: 0,
  size: 0,
  deviceMajor: 0,
  deviceMinor: 0,
  mtimeSec: 0,
  mtimeNanos: 0,
});

describe("fs/short-inodes", () => {
  it("keeps numbers that fit", () => {
    expect(shortInodes()(file(2 ** 32 - 1, 2))).to.equal(2 ** 32 - 1);
  });

  it("tells hard-linked files apart, always in the same way, whose numbers end alike", () => {
    const short = shortInodes();
    const inodes = [1, 2, 3].map((high) => high * 2 ** 32 + 7);

    const first = inodes.map((ino) => short(file(ino, 2)));
    const again = inodes.map((ino) => short(file(ino, 2)));

    expect(new Set(first).size).to.equal(3);
    expect(again).to.deep.equal(first);
    expect(first.every((ino) => ino < 2 ** 32)).to.equal(true);
  });

  it("tells directories apart whose numbers end alike", () => {
    const short = shortInodes();
    const directory = (ino: number): Attributes => ({ ...file(ino, 1), kind: "directory" });

    expect(short(directory(2 ** 40 + 1))).not.to.equal(short(directory(2 ** 41 + 1)));
  });

  it("shortens the numbers of other files", () => {
    expect(shortInodes()(file(2 ** 40 + 7, 1))).to.equal(7);
  });
});
