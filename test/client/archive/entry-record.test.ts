import { expect } from "chai";

import {
  entryToRecord,
  readEntryRecord,
  RECORD_KIND,
  recordKindAt,
  recordSizeAt,
  writeEntryRecord,
} from "../../../src/client/archive/entry-record.ts";
import { plainMetadata } from "../../../src/client/source/metadata.ts";
import { ROOT_PATH } from "../../../src/client/source/tree-path.ts";
import { type SourceEntry } from "../../../src/client/source/walk-tree.ts";
import { type PxarMetadata } from "../../../src/format/pxar/metadata.ts";
import { type FileStatus } from "../../../src/linux/file-status.ts";

describe("client/archive/entry-record", () => {
  it("gives back what the system calls said, in every field", () => {
    expect(throughRecord(entry({}))).to.deep.equal(entry({}));
  });

  it("keeps attributes, access control lists, capabilities, flags and quota projects", () => {
    const metadata: PxarMetadata = {
      ...plainMetadata(STATUS),
      flags: 0x30,
      xattrs: [{ name: bytes("user.empty"), value: bytes("") }],
      acl: {
        users: [{ id: 1000, permissions: 6 }],
        groups: [],
        groupObject: 4,
        defaults: undefined,
        defaultUsers: [],
        defaultGroups: [],
      },
      fcaps: bytes("capability"),
      quotaProjectId: 7n,
    };

    expect(throughRecord(entry({ metadata }))).to.deep.equal(entry({ metadata }));
  });

  it("keeps names of any bytes and the target of a symbolic link", () => {
    const odd = { name: Uint8Array.of(0xff, 0x0a, 0x80), target: bytes("../else/where") };

    expect(throughRecord(entry(odd))).to.deep.equal(entry(odd));
  });
});

const STATUS: FileStatus = {
  attributes: 0x4,
  linkCount: 3,
  uid: 4_294_967_294,
  gid: 100,
  mode: 0o104751,
  inode: 0xffff_ffff_ffff_fffen,
  size: 2 ** 52 + 1,
  storedSize: 4096,
  ctimeSec: 1_719_000_001,
  ctimeNsec: 1,
  mtimeSec: -1,
  mtimeNsec: 999_999_999,
  deviceMajor: 8,
  deviceMinor: 1,
  device: 0x8_0000_0001,
};

function entry(choices: Partial<SourceEntry>): SourceEntry {
  return {
    directory: ROOT_PATH,
    name: bytes("file"),
    status: STATUS,
    metadata: plainMetadata(STATUS),
    target: bytes(""),
    ...choices,
  };
}

/** Writes a record somewhere in the middle of a memory and reads it again. */
function throughRecord(given: SourceEntry): SourceEntry {
  const record = entryToRecord(RECORD_KIND.visit, given);
  const buffer = new ArrayBuffer(record.size + 64);
  const memory = { bytes: new Uint8Array(buffer), view: new DataView(buffer) };
  writeEntryRecord(memory, 32, record);

  expect(recordKindAt(memory, 32)).to.equal(RECORD_KIND.visit);
  expect(recordSizeAt(memory, 32)).to.equal(record.size);
  expect(record.size % 8).to.equal(0);
  const read = readEntryRecord(memory, 32, given.directory);
  return { ...read, name: read.name.slice(), target: read.target.slice() };
}

function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text));
}
