import { expect } from "chai";

import {
  FUSE_ATTRIBUTES_BYTES,
  FUSE_DIRENT_BYTES,
  FUSE_ENTRY_BYTES,
  FUSE_REPLY_HEADER_BYTES,
  FUSE_REQUEST_HEADER_BYTES,
  fuseInitFlags,
  fuseOpcodes,
  fuseOpenFlags,
} from "../../src/fs/fuse-protocol.ts";
import { fuseLayout } from "../support/fuse-layout.ts";

describe("fs/fuse-protocol", () => {
  it("numbers operations as linux/fuse.h does", () => {
    const { statx, ...opcodes } = fuseOpcodes;
    const expected = Object.fromEntries(
      Object.keys(opcodes).map((name) => [name, fuseLayout.opcodes[`FUSE_${upperSnake(name)}`]]),
    );

    expect(opcodes).to.deep.equal(expected);
    expect(statx, "newer than the header of the fixture").to.equal(52);
  });

  it("numbers flags as linux/fuse.h does", () => {
    const { asyncDirectIo, ...rest } = fuseInitFlags;

    expect(asyncDirectIo).to.equal(fuseLayout.flags["FUSE_ASYNC_DIO"]);
    for (const [name, value] of Object.entries(rest)) {
      expect(value, name).to.equal(fuseLayout.flags[`FUSE_${upperSnake(name)}`]);
    }
    expect(fuseOpenFlags.keepCache).to.equal(fuseLayout.flags["FOPEN_KEEP_CACHE"]);
    expect(fuseOpenFlags.cacheDirectory).to.equal(fuseLayout.flags["FOPEN_CACHE_DIR"]);
  });

  it("has the sizes that the compiler gives", () => {
    const sizes = [
      FUSE_REQUEST_HEADER_BYTES,
      FUSE_REPLY_HEADER_BYTES,
      FUSE_ATTRIBUTES_BYTES,
      FUSE_ENTRY_BYTES,
      FUSE_DIRENT_BYTES,
    ];
    const structs = [
      "fuse_in_header",
      "fuse_out_header",
      "fuse_attr",
      "fuse_entry_out",
      "fuse_dirent",
    ];

    expect(sizes).to.deep.equal(structs.map((struct) => fuseLayout.structs[struct]?.size));
  });
});

function upperSnake(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}
