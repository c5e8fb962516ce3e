import { expect } from "chai";
import fc from "fast-check";

import {
  chattrFlagsOf,
  FAT_ATTRIBUTES_STORED,
  fatAttributesOfFlags,
  pxarFlagsOf,
} from "../../../src/format/pxar/inode-flag-bits.ts";
import { CHATTR } from "../../../src/linux/inode-flags.ts";

describe("format/pxar/inode-flag-bits", () => {
  const stored = Object.values(CHATTR).reduce<number>((all, flag) => all | flag, 0);

  it("keeps what archives can hold, and nothing else", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 0, max: 255 }), (chattr, fat) => {
        const flags = pxarFlagsOf(chattr, fat);
        expect(chattrFlagsOf(flags)).to.equal(chattr & stored);
        expect(fatAttributesOfFlags(flags)).to.equal(fat & FAT_ATTRIBUTES_STORED);
      }),
    );
  });

  it("knows the bits of the specification", () => {
    expect(pxarFlagsOf(CHATTR.immutable | CHATTR.noDump, 2)).to.equal(0x400000 | 0x100000 | 0x2000);
    expect(pxarFlagsOf(CHATTR.projectInherit, 0)).to.equal(0x2000000);
  });
});
