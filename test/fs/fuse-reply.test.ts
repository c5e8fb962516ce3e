import { expect } from "chai";

import { type Attributes } from "../../src/fs/file-system.ts";
import { FuseReplyEncoder } from "../../src/fs/fuse-reply.ts";
import { fuseField } from "../support/fuse-layout.ts";

const UNIQUE = 0x1_0000_0002;
const HEADER = 16;

const attributes: Attributes = {
  ino: 0x1_2345_6789,
  kind: "file",
  mode: 0o104755,
  nlink: 3,
  uid: 1000,
  gid: 4_294_967_294,
  size: 2 ** 40 + 1,
  deviceMajor: 0,
  deviceMinor: 0,
  mtimeSec: 1_600_000_000,
  mtimeNanos: 123_456_789,
};

/** Makes a reply, checks its header, and returns a reader of its fields. */
function reply(
  make: (encoder: FuseReplyEncoder) => number,
): (struct: string, field: string, at?: number) => bigint {
  const encoder = new FuseReplyEncoder();
  encoder.bytes.fill(0xee);
  const size = make(encoder);
  const bytes = encoder.bytes.slice(0, size);
  expect(fuseField(bytes, 0, "fuse_out_header", "len")).to.equal(BigInt(size));
  expect(fuseField(bytes, 0, "fuse_out_header", "unique")).to.equal(BigInt(UNIQUE));
  return (struct, field, at = HEADER) => fuseField(bytes, at, struct, field);
}

describe("fs/fuse-reply", () => {
  it("sends errors as negative numbers without a body", () => {
    const field = reply((encoder) => encoder.encodeError(UNIQUE, "EROFS"));

    expect(field("fuse_out_header", "error", 0)).to.equal(BigInt.asUintN(32, -30n));
    expect(field("fuse_out_header", "len", 0)).to.equal(16n);
  });

  it("puts attributes where the kernel looks for them", () => {
    const field = reply((encoder) => encoder.encodeAttributes(UNIQUE, attributes));
    const attr = (name: string): bigint => field("fuse_attr", name, HEADER + 16);

    expect(field("fuse_attr_out", "attr_valid") > 1_000_000_000n).to.equal(true);
    expect(attr("ino")).to.equal(0x1_2345_6789n);
    expect(attr("size")).to.equal(2n ** 40n + 1n);
    expect(attr("blocks")).to.equal(2n ** 31n + 1n);
    expect([attr("atime"), attr("mtime"), attr("ctime")]).to.deep.equal(
      Array(3).fill(1_600_000_000n),
    );
    expect([attr("atimensec"), attr("mtimensec"), attr("ctimensec")]).to.deep.equal(
      Array(3).fill(123_456_789n),
    );
    expect(attr("mode")).to.equal(0o104755n);
    expect([attr("nlink"), attr("uid"), attr("gid")]).to.deep.equal([3n, 1000n, 4_294_967_294n]);
    expect([attr("rdev"), attr("blksize"), attr("flags")]).to.deep.equal([0n, 4096n, 0n]);
  });

  it("writes times before 1970 as two's complement", () => {
    for (const mtimeSec of [-1, -315_619_201, -(2 ** 40)]) {
      const field = reply((encoder) =>
        encoder.encodeAttributes(UNIQUE, { ...attributes, mtimeSec }),
      );
      expect(BigInt.asIntN(64, field("fuse_attr", "mtime", HEADER + 16))).to.equal(
        BigInt(mtimeSec),
      );
    }
  });

  it("packs device numbers as the kernel does", () => {
    const field = reply((encoder) =>
      encoder.encodeAttributes(UNIQUE, {
        ...attributes,
        deviceMajor: 4095,
        deviceMinor: 0xfffff,
      }),
    );

    expect(field("fuse_attr", "rdev", HEADER + 16)).to.equal(0xffff_ffffn);
  });

  it("names the inode of an entry and how long it is valid", () => {
    const field = reply((encoder) =>
      encoder.encodeEntry(UNIQUE, { ...attributes, timeoutMs: 1500 }),
    );
    const entry = (name: string): bigint => field("fuse_entry_out", name);

    expect([entry("nodeid"), entry("generation")]).to.deep.equal([0x1_2345_6789n, 0n]);
    expect([entry("entry_valid"), entry("entry_valid_nsec")]).to.deep.equal([1n, 500_000_000n]);
    expect([entry("attr_valid"), entry("attr_valid_nsec")]).to.deep.equal([1n, 500_000_000n]);
    expect(field("fuse_attr", "mode", HEADER + 40)).to.equal(0o104755n);
  });

  it("lets the kernel keep a name whose attributes are provisional, but not them", () => {
    const field = reply((encoder) =>
      encoder.encodeEntry(UNIQUE, { ...attributes, isProvisional: true }),
    );
    const entry = (name: string): bigint => field("fuse_entry_out", name);

    expect(entry("entry_valid") > 1_000_000_000n).to.equal(true);
    expect([entry("attr_valid"), entry("attr_valid_nsec")]).to.deep.equal([0n, 0n]);
  });

  it("says that there is no entry with inode 0 and a validity", () => {
    const field = reply((encoder) => encoder.encodeNoEntry(UNIQUE));

    expect(field("fuse_entry_out", "nodeid")).to.equal(0n);
    expect(field("fuse_entry_out", "entry_valid") > 1_000_000_000n).to.equal(true);
    expect(field("fuse_attr", "mode", HEADER + 40)).to.equal(0n);
  });

  it("agrees to what it is told, with exact times and 256 pages", () => {
    const field = reply((encoder) =>
      encoder.encodeInit(UNIQUE, { minor: 38, flags: 0x42, maxReadahead: 131_072 }),
    );
    const init = (name: string): bigint => field("fuse_init_out", name);

    expect([init("major"), init("minor"), init("flags")]).to.deep.equal([7n, 38n, 0x42n]);
    expect([init("max_readahead"), init("time_gran")]).to.deep.equal([131_072n, 1n]);
    expect([init("max_pages"), init("max_write")]).to.deep.equal([256n, 4096n]);
    expect(init("map_alignment")).to.equal(0n);
  });

  it("encodes handles, sizes, offsets and figures", () => {
    const open = reply((encoder) => encoder.encodeOpen(UNIQUE, 77, 10));
    const size = reply((encoder) => encoder.encodeAttributeSize(UNIQUE, 60_000));
    const seek = reply((encoder) => encoder.encodeOffset(UNIQUE, 2 ** 40));
    const status = reply((encoder) =>
      encoder.encodeStatus(UNIQUE, { totalBytes: 4097, inodeCount: 12 }),
    );

    expect([open("fuse_open_out", "fh"), open("fuse_open_out", "open_flags")]).to.deep.equal([
      77n,
      10n,
    ]);
    expect(size("fuse_getxattr_out", "size")).to.equal(60_000n);
    expect(seek("fuse_lseek_out", "offset")).to.equal(2n ** 40n);
    const figures = ["blocks", "bfree", "bavail", "files", "ffree", "bsize", "namelen", "frsize"];
    expect(figures.map((name) => status("fuse_kstatfs", name))).to.deep.equal([
      2n,
      0n,
      0n,
      12n,
      0n,
      4096n,
      255n,
      4096n,
    ]);
  });
});
