import { expect } from "chai";
import fc from "fast-check";

import { FormatError } from "../../src/format/format-error.ts";
import { type FuseRequest, FuseRequestDecoder } from "../../src/fs/fuse-request.ts";
import { fuseLayout, fuseRequestBytes, fuseStruct } from "../support/fuse-layout.ts";

const text = (value: string): Uint8Array => Buffer.from(`${value}\0`, "latin1");

function decode(bytes: Uint8Array): FuseRequest {
  const memory = new Uint8Array(4096).fill(0xaa);
  memory.set(bytes);
  return new FuseRequestDecoder(memory).decode(bytes.length);
}

describe("fs/fuse-request", () => {
  it("reads who asks and about what", () => {
    const request = decode(fuseRequestBytes("FUSE_GETATTR", 0x1_2345_6789n, new Uint8Array(16)));

    expect(request).to.deep.equal({
      unique: 0x1_0000_0002,
      ino: 0x1_2345_6789,
      thread: 4711,
      operation: { kind: "getattr" },
    });
  });

  it("reads names up to their NUL, whatever bytes they have", () => {
    const { operation } = decode(fuseRequestBytes("FUSE_LOOKUP", 1, text("\xff\x01 name")));

    expect(operation).to.deep.equal({
      kind: "lookup",
      name: Buffer.from("\xff\x01 name", "latin1"),
    });
  });

  it("reads ranges and handles", () => {
    const range = fuseStruct("fuse_read_in", { fh: 7, offset: 2n ** 40n, size: 1_048_576 });

    expect(decode(fuseRequestBytes("FUSE_READ", 5, range)).operation).to.deep.equal({
      kind: "read",
      offset: 2 ** 40,
      size: 1_048_576,
    });
    for (const kind of ["readdir", "readdirplus"] as const) {
      const request = fuseRequestBytes(`FUSE_${kind.toUpperCase()}`, 5, range);
      expect(decode(request).operation).to.deep.equal({
        kind,
        handle: 7,
        offset: 2 ** 40,
        size: 1_048_576,
      });
    }
    const release = fuseStruct("fuse_release_in", { fh: 9 });
    expect(decode(fuseRequestBytes("FUSE_RELEASEDIR", 5, release)).operation).to.deep.equal({
      kind: "releasedir",
      handle: 9,
    });
  });

  it("reads offsets larger than any file without failing", () => {
    const seek = fuseStruct("fuse_lseek_in", { offset: 2n ** 63n - 1n, whence: 3 });

    expect(decode(fuseRequestBytes("FUSE_LSEEK", 5, seek)).operation).to.deep.equal({
      kind: "lseek",
      offset: 2 ** 63,
      whence: 3,
    });
  });

  it("reads one forgotten inode and many", () => {
    const one = fuseStruct("fuse_forget_in", { nlookup: 3 });
    const many = [
      fuseStruct("fuse_batch_forget_in", { count: 2 }),
      fuseStruct("fuse_forget_one", { nodeid: 10, nlookup: 1 }),
      fuseStruct("fuse_forget_one", { nodeid: 11, nlookup: 2 }),
    ];

    expect(decode(fuseRequestBytes("FUSE_FORGET", 5, one)).operation).to.deep.equal({
      kind: "forget",
      forgotten: [{ ino: 5, count: 3 }],
    });
    expect(decode(fuseRequestBytes("FUSE_BATCH_FORGET", 0, ...many)).operation).to.deep.equal({
      kind: "forget",
      forgotten: [
        { ino: 10, count: 1 },
        { ino: 11, count: 2 },
      ],
    });
  });

  it("reads extended attribute requests with the room there is", () => {
    const room = fuseStruct("fuse_getxattr_in", { size: 64 });

    expect(
      decode(fuseRequestBytes("FUSE_GETXATTR", 5, room, text("user.a"))).operation,
    ).to.deep.equal({ kind: "getxattr", name: Buffer.from("user.a"), size: 64 });
    expect(decode(fuseRequestBytes("FUSE_LISTXATTR", 5, room)).operation).to.deep.equal({
      kind: "listxattr",
      size: 64,
    });
  });

  it("reads the offer of INIT and the target of INTERRUPT", () => {
    const offer = { major: 7, minor: 45, max_readahead: 131_072, flags: 0xffff_ffff };
    const interrupt = fuseStruct("fuse_interrupt_in", { unique: 40 });

    expect(
      decode(fuseRequestBytes("FUSE_INIT", 0, fuseStruct("fuse_init_in", offer))).operation,
    ).to.deep.equal({
      kind: "init",
      major: 7,
      minor: 45,
      maxReadahead: 131_072,
      flags: 0xffff_ffff,
    });
    expect(decode(fuseRequestBytes("FUSE_INTERRUPT", 0, interrupt)).operation).to.deep.equal({
      kind: "interrupt",
      target: 40,
    });
  });

  it("tells opening for writing from opening for reading", () => {
    const open = (flags: number): unknown =>
      decode(fuseRequestBytes("FUSE_OPEN", 5, fuseStruct("fuse_open_in", { flags }))).operation;

    expect(open(0o100000)).to.deep.equal({ kind: "open", writes: false });
    expect(open(1)).to.deep.equal({ kind: "open", writes: true });
    expect(open(2)).to.deep.equal({ kind: "open", writes: true });
  });

  it("takes everything that would change something for one kind", () => {
    const names = [
      ...["SETATTR", "SYMLINK", "MKNOD", "MKDIR", "UNLINK", "RMDIR", "RENAME", "RENAME2", "LINK"],
      ...["WRITE", "CREATE", "SETXATTR", "REMOVEXATTR", "FALLOCATE", "COPY_FILE_RANGE", "TMPFILE"],
    ];

    for (const name of names) {
      const { operation } = decode(fuseRequestBytes(`FUSE_${name}`, 5, new Uint8Array(200)));
      expect(operation, name).to.deep.equal({ kind: "change" });
    }
  });

  it("keeps a request whose body is too short, so that it can be replied to", () => {
    for (const name of ["READ", "READDIR", "LOOKUP", "GETXATTR", "FORGET", "INIT", "LSEEK"]) {
      const { operation, unique } = decode(fuseRequestBytes(`FUSE_${name}`, 5));
      expect(operation, name).to.deep.equal({ kind: "malformed" });
      expect(unique).to.equal(0x1_0000_0002);
    }
    const batch = fuseStruct("fuse_batch_forget_in", { count: 1_000_000 });
    expect(decode(fuseRequestBytes("FUSE_BATCH_FORGET", 0, batch)).operation.kind).to.equal(
      "malformed",
    );
  });

  it("answers any bytes with a request or a FormatError", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.values(fuseLayout.opcodes), 4097),
        fc.uint8Array({ maxLength: 200 }),
        (opcode, body) => {
          const bytes = Buffer.concat([
            fuseStruct("fuse_in_header", { len: 40 + body.length, opcode }),
            body,
          ]);
          expect(decode(bytes)).to.have.property("operation");
        },
      ),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        try {
          decode(bytes);
        } catch (error) {
          expect(error).to.be.instanceOf(FormatError);
        }
      }),
    );
  });
});
