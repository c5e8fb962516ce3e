import fs from "node:fs";
import os from "node:os";
import path from "node:path";

import { expect } from "chai";

import { DirectoryHandle } from "../../src/linux/directory-handle.ts";
import { listAttributesAt, readAttributeAt } from "../../src/linux/extended-attributes.ts";
import { nextData } from "../../src/linux/file-content.ts";
import { FILE_TYPE, statusAt } from "../../src/linux/file-status.ts";
import { fileSystemTypeOf, isVirtualFileSystem } from "../../src/linux/file-system-type.ts";
import { setModificationTimeAt } from "../../src/linux/file-times.ts";
import { CHATTR, flagsAt, flagsOf, setFlags } from "../../src/linux/inode-flags.ts";
import { makeNodeAt, readLinkAt, unlinkAt } from "../../src/linux/name-calls.ts";
import { closeDescriptor, openForReading } from "../../src/linux/open-at.ts";
import { SystemError } from "../../src/linux/system-error.ts";
import { makeOddTree, removeOddTree } from "../support/odd-tree.ts";
import { skipBecause } from "../support/skip-because.ts";

describe("linux, calls relative to a directory", () => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "amber-linux-"));
  let unsupported: readonly string[] = [];
  before(() => {
    unsupported = makeOddTree(root);
  });
  after(() => {
    removeOddTree(root);
  });

  function inside<T>(name: string, use: (directory: DirectoryHandle) => T): T {
    using directory = DirectoryHandle.openPath(Buffer.from(path.join(root, name)));
    return use(directory);
  }
  const bytes = (text: string): Uint8Array => Buffer.from(text);

  it("lists names as the bytes they are, without the directory and its parent", () => {
    const names = inside("names", (directory) => directory.readNames());

    const expected = fs.readdirSync(path.join(root, "names"), { encoding: "buffer" });
    const hex = (list: readonly Uint8Array[]): string[] =>
      list.map((name) => Buffer.from(name).toString("hex")).sort();
    expect(hex(names)).to.deep.equal(hex(expected));
  });

  it("reads large directories whole", () => {
    inside("nesting/many", (directory) => {
      expect(directory.readNames()).to.have.length(300);
    });
  });

  it("splits times before 1970 so that nanoseconds are positive", () => {
    const status = inside("times", ({ fd }) => statusAt(fd, bytes("before-1970")));

    expect([status.mtimeSec, status.mtimeNsec]).to.deep.equal([-1, 500_000_000]);
  });

  it("sets times of links to the nanosecond and leaves the access time alone", () => {
    const link = path.join(root, "times/link");
    const before = fs.lstatSync(link, { bigint: true });

    inside("times", ({ fd }) => {
      setModificationTimeAt(fd, bytes("link"), { seconds: -5, nanoseconds: 7 });
    });

    const after = fs.lstatSync(link, { bigint: true });
    expect([after.mtimeNs, after.atimeNs]).to.deep.equal([-4_999_999_993n, before.atimeNs]);
  });

  it("agrees with Node about size, owner, links, device and inode", () => {
    const status = inside("links", ({ fd }) => statusAt(fd, bytes("first")));

    const expected = fs.lstatSync(path.join(root, "links/first"), { bigint: true });
    expect(status).to.include({
      mode: Number(expected.mode),
      size: Number(expected.size),
      linkCount: 3,
      uid: Number(expected.uid),
      gid: Number(expected.gid),
      inode: expected.ino,
    });
  });

  it("does not follow symbolic links", () => {
    inside("links", (directory) => {
      expect(statusAt(directory.fd, bytes("absolute")).mode & FILE_TYPE.mask).to.equal(
        FILE_TYPE.symlink,
      );
      expect(() => directory.openChild(bytes("absolute"))).to.throw(SystemError);
      expect(() => openForReading(directory.fd, bytes("relative"))).to.throw(SystemError);
      expect(Buffer.from(readLinkAt(directory.fd, bytes("relative"))).toString()).to.equal("first");
    });
  });

  it("refuses names that the kernel would see cut short", () => {
    inside("links", ({ fd }) => {
      expect(() => statusAt(fd, bytes("..\0x")))
        .to.throw(SystemError)
        .with.property("code", "EINVAL");
    });
  });

  it("lists and reads extended attributes, none for most", function () {
    if (unsupported.some((what) => what.startsWith("user."))) {
      skipBecause(this, "this file system has no attributes of users");
    }
    inside("attributes", ({ fd }) => {
      const names = listAttributesAt(fd, bytes("user"));
      expect(names).to.include.members(["user.a", "user.b", "user.binary", "user.long"]);
      expect(readAttributeAt(fd, bytes("user"), "user.a")).to.deep.equal(new Uint8Array(0));
      expect(readAttributeAt(fd, bytes("user"), "user.binary")).to.deep.equal(
        Uint8Array.of(0, 255, 10, 0),
      );
      expect(readAttributeAt(fd, bytes("user"), "user.missing")).to.equal(undefined);
    });
    inside("times", ({ fd }) => {
      expect(listAttributesAt(fd, bytes("zero"))).to.have.length(0);
    });
  });

  it("reads inode flags by name as it does from an open file", function () {
    if (unsupported.some((what) => what.startsWith("chattr"))) {
      skipBecause(this, "this file system has no inode flags");
    }
    inside("flags", ({ fd }) => {
      if (flagsAt(fd, bytes("sync")) === undefined) {
        skipBecause(this, "this file system has no inode flags");
      }
      for (const name of ["no-dump", "no-atime", "sync", "append", "immutable", "project"]) {
        const open = openForReading(fd, bytes(name));
        const expected = flagsOf(open);
        closeDescriptor(open);
        expect(flagsAt(fd, bytes(name))?.chattr, name).to.equal(expected.chattr & 0x200000fc);
      }
    });
  });

  it("changes only the inode flags it is asked to", function () {
    if (unsupported.some((what) => what.startsWith("chattr"))) {
      skipBecause(this, "this file system has no inode flags");
    }
    inside("flags", ({ fd }) => {
      const open = openForReading(fd, bytes("no-dump"));
      setFlags(open, CHATTR.noAccessTime, CHATTR.noAccessTime);
      expect(flagsOf(open).chattr & 0xff).to.equal(CHATTR.noDump | CHATTR.noAccessTime);
      closeDescriptor(open);
    });
  });

  it("finds the data between holes", () => {
    inside("sizes", ({ fd }) => {
      const open = openForReading(fd, bytes("sparse"));
      const first = nextData(open, 0);
      closeDescriptor(open);
      expect(first?.start).to.equal(10 * 1024 * 1024);
      expect(first?.end).to.be.within(10 * 1024 * 1024 + 10_000, 10 * 1024 * 1024 + 65_536);
    });
  });

  it("makes device nodes with large numbers", function () {
    if (process.getuid?.() !== 0) skipBecause(this, "needs root");
    inside("special", ({ fd }) => {
      const name = bytes("larger");
      const mode = FILE_TYPE.blockDevice | 0o600;
      makeNodeAt(fd, { name, mode, major: 259, minor: 70_000 });

      const status = statusAt(fd, name);

      expect([status.deviceMajor, status.deviceMinor]).to.deep.equal([259, 70_000]);
      unlinkAt(fd, name);
    });
  });

  it("knows file systems that have no content of their own", () => {
    using proc = DirectoryHandle.openPath(Buffer.from("/proc"));
    using temporary = DirectoryHandle.openPath(Buffer.from(root));

    expect(isVirtualFileSystem(fileSystemTypeOf(proc.fd))).to.equal(true);
    expect(isVirtualFileSystem(fileSystemTypeOf(temporary.fd))).to.equal(false);
  });
});
