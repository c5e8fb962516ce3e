import { expect } from "chai";
import fc from "fast-check";

import { type DirectoryEntry } from "../../src/fs/file-system.ts";
import { writeDirectoryPage } from "../../src/fs/fuse-directory.ts";
import { fuseField } from "../support/fuse-layout.ts";

const entry = (name: Uint8Array, ino: number): DirectoryEntry => ({
  name,
  attributes: {
    ino,
    kind: "symlink",
    mode: 0o120777,
    nlink: 1,
    uid: 0,
    gid: 0,
    size: 0,
    deviceMajor: 0,
    deviceMinor: 0,
    mtimeSec: 0,
    mtimeNanos: 0,
  },
});

interface Read {
  readonly name: string;
  readonly ino: number;
  readonly nodeid: number;
  readonly type: number;
  readonly offset: number;
}

/** Reads a page as the kernel does: records one after another, each aligned to 8 bytes. */
function readPage(page: Uint8Array, kind: "readdir" | "readdirplus"): Read[] {
  const found: Read[] = [];
  const prefix = kind === "readdirplus" ? 128 : 0;
  for (let at = 0; at < page.length;) {
    const field = (name: string): number =>
      Number(fuseField(page, at + prefix, "fuse_dirent", name));
    const length = field("namelen");
    found.push({
      name: Buffer.from(page.subarray(at + prefix + 24, at + prefix + 24 + length)).toString(
        "latin1",
      ),
      ino: field("ino"),
      nodeid: prefix === 0 ? -1 : Number(fuseField(page, at, "fuse_entry_out", "nodeid")),
      type: field("type"),
      offset: field("off"),
    });
    at += Math.ceil((prefix + 24 + length) / 8) * 8;
  }
  return found;
}

function page(
  entries: readonly DirectoryEntry[],
  wanted: { offset: number; size: number; kind: "readdir" | "readdirplus" },
): Read[] {
  const bytes = new Uint8Array(16 + wanted.size + 64).fill(0xee);
  const target = { bytes, view: new DataView(bytes.buffer), at: 16 };
  const size = writeDirectoryPage(target, { ino: 5, parent: 4, entries }, wanted);
  expect(size).to.be.at.most(wanted.size);
  expect(bytes.subarray(16 + wanted.size).every((byte) => byte === 0xee)).to.equal(true);
  return readPage(bytes.slice(16, 16 + size), wanted.kind);
}

describe("fs/fuse-directory", () => {
  it("puts the directory and its parent in front, without taking references to them", () => {
    const found = page([entry(Buffer.from("a"), 9)], {
      offset: 0,
      size: 4096,
      kind: "readdirplus",
    });

    expect(found).to.deep.equal([
      { name: ".", ino: 5, nodeid: 0, type: 4, offset: 1 },
      { name: "..", ino: 4, nodeid: 0, type: 4, offset: 2 },
      { name: "a", ino: 9, nodeid: 9, type: 10, offset: 3 },
    ]);
  });

  it("is empty at and beyond the end", () => {
    for (const offset of [3, 4, 2 ** 60]) {
      expect(
        page([entry(Buffer.from("a"), 9)], { offset, size: 4096, kind: "readdir" }),
      ).to.deep.equal([]);
    }
  });

  it("hands out every entry once, whatever the size of a page and where it is continued", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 255 }), { maxLength: 30 }),
        fc.array(fc.integer({ min: 408, max: 2000 }), { minLength: 1, maxLength: 5 }),
        fc.constantFrom("readdir" as const, "readdirplus" as const),
        (names, sizes, kind) => {
          const entries = names.map((name, i) => entry(name, i + 10));
          const seen: string[] = [];
          let offset = 0;
          for (let turn = 0; ; turn++) {
            const size = sizes[turn % sizes.length]!;
            const found = page(entries, { offset, size, kind });
            if (found.length === 0) break;
            seen.push(...found.map(({ name }) => name));
            offset = found.at(-1)!.offset;
          }
          const expected = names.map((name) => Buffer.from(name).toString("latin1"));
          expect(seen).to.deep.equal([".", "..", ...expected]);
        },
      ),
    );
  });
});
