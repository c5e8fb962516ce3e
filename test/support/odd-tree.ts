import fs from "node:fs";
import path from "node:path";

import { DirectoryHandle } from "../../src/linux/directory-handle.ts";
import { setAttribute, setAttributeAt } from "../../src/linux/extended-attributes.ts";
import { FILE_TYPE, statusAt } from "../../src/linux/file-status.ts";
import { setModificationTimeAt } from "../../src/linux/file-times.ts";
import { CHATTR, setFlags, setProjectId } from "../../src/linux/inode-flags.ts";
import { makeNodeAt, makeSymlinkAt } from "../../src/linux/name-calls.ts";
import { closeDescriptor, OPEN_FLAGS, openAt } from "../../src/linux/open-at.ts";
import { SystemError } from "../../src/linux/system-error.ts";

/** What {@link makeOddTree} could not make here, and why: `chattr +i: EPERM`. */
export type Unsupported = readonly string[];

const ALL_FLAGS = CHATTR.append | CHATTR.immutable | CHATTR.noAccessTime | CHATTR.noDump;

/**
 * Makes a directory with every odd kind of file and metadata that Linux knows.
 *
 * As an ordinary user, or on a file system that lacks something, that part is missing and named in the result.
 * Content is the same on every run. Remove it with {@link removeOddTree}: it contains immutable files.
 */
export function makeOddTree(root: string): Unsupported {
  const unsupported: string[] = [];
  const attempt = (what: string, make: () => void): void => {
    try {
      make();
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? String(error);
      if (!(error instanceof SystemError) && code !== "EPERM" && code !== "EINVAL") throw error;
      unsupported.push(`${what}: ${code}`);
    }
  };
  fs.mkdirSync(root, { recursive: true });
  makeSizes(path.join(root, "sizes"));
  makeNames(path.join(root, "names"), attempt);
  makeLinks(path.join(root, "links"));
  makeModes(path.join(root, "modes"), attempt);
  makeSpecial(path.join(root, "special"), attempt);
  makeAttributes(path.join(root, "attributes"), attempt);
  makeFlags(path.join(root, "flags"), attempt);
  makeNesting(path.join(root, "nesting"));
  makeTimes(path.join(root, "times"), attempt);
  fs.writeFileSync(path.join(root, "z-last"), "end\n");
  fs.utimesSync(root, 1_700_000_000, 1_700_000_000.5);
  return unsupported;
}

/** Removes a tree of {@link makeOddTree}, or what a restore made of one. */
export function removeOddTree(root: string): void {
  if (!fs.existsSync(root)) return;
  clearFlagsBelow(Buffer.from(root));
  fs.rmSync(root, { recursive: true, force: true });
}

function clearFlagsBelow(directory: Buffer): void {
  clearFlags(directory);
  for (const entry of fs.readdirSync(directory, { withFileTypes: true, encoding: "buffer" })) {
    const child = Buffer.concat([directory, Buffer.from("/"), entry.name]);
    if (entry.isDirectory()) clearFlagsBelow(child);
    else if (entry.isFile()) clearFlags(child);
  }
}

/** Bytes that look random and are the same on every run. */
export function seededBytes(size: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let state = seed | 1;
  for (let i = 0; i < size; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state;
  }
  return bytes;
}

/** Calls `use` with the directory and name of a path, for calls that work relative to a directory. */
export function atPath<T>(
  file: string | Buffer,
  use: (directoryFd: number, name: Uint8Array) => T,
): T {
  const bytes = Buffer.from(file);
  const slash = bytes.lastIndexOf("/");
  using directory = DirectoryHandle.openPath(bytes.subarray(0, slash));
  return use(directory.fd, bytes.subarray(slash + 1));
}

type Attempt = (what: string, make: () => void) => void;

function makeSizes(directory: string): void {
  fs.mkdirSync(directory);
  for (const size of [0, 1, 100, 4095, 4096, 4097, 65_537, 1_500_000]) {
    fs.writeFileSync(path.join(directory, `${size}`), seededBytes(size, size + 1));
  }
  fs.writeFileSync(path.join(directory, "zeros"), new Uint8Array(200_000));
  const sparse = fs.openSync(path.join(directory, "sparse"), "w");
  fs.ftruncateSync(sparse, 30 * 1024 * 1024 + 123);
  fs.writeSync(sparse, seededBytes(10_000, 5), 0, 10_000, 10 * 1024 * 1024);
  fs.writeSync(sparse, "x", 20 * 1024 * 1024);
  fs.closeSync(sparse);
}

function makeNames(directory: string, attempt: Attempt): void {
  fs.mkdirSync(directory);
  const names = [
    Buffer.from([0xff, 0xfe, 0x80, 0x41]),
    Buffer.from("line\nbreak"),
    Buffer.from("-rf"),
    Buffer.from(" space at the start"),
    Buffer.from("back\\slash"),
    Buffer.from("Grüße, 世界 🦊"),
    Buffer.from("é"), // composed …
    Buffer.from("é"), // … and not
    Buffer.alloc(255, "n"),
    Buffer.from("\x01\x1b[31m"),
    Buffer.from("..."),
    Buffer.from("A"),
    Buffer.from("a"),
  ];
  for (const name of names) {
    attempt("odd name", () => {
      fs.writeFileSync(Buffer.concat([Buffer.from(`${directory}/`), name]), name);
    });
  }
  attempt("directory with an odd name", () => {
    fs.mkdirSync(Buffer.concat([Buffer.from(`${directory}/`), Buffer.from([0xc3, 0x28])]));
  });
}

function makeLinks(directory: string): void {
  fs.mkdirSync(directory);
  fs.mkdirSync(path.join(directory, "sub"));
  fs.writeFileSync(path.join(directory, "first"), "many names\n");
  fs.linkSync(path.join(directory, "first"), path.join(directory, "second"));
  fs.linkSync(path.join(directory, "first"), path.join(directory, "sub", "third"));
  fs.symlinkSync("first", path.join(directory, "relative"));
  fs.symlinkSync("/etc/hostname", path.join(directory, "absolute"));
  fs.symlinkSync("nowhere", path.join(directory, "dangling"));
  fs.symlinkSync("../..", path.join(directory, "sub", "up"));
  atPath(path.join(directory, "bytes"), (fd, name) => {
    makeSymlinkAt(fd, { name, target: Buffer.from([0x2f, 0xff, 0x0a, 0x80]) });
  });
  atPath(path.join(directory, "long"), (fd, name) => {
    makeSymlinkAt(fd, { name, target: Buffer.alloc(4000, "l") });
  });
}

function makeModes(directory: string, attempt: Attempt): void {
  fs.mkdirSync(directory);
  for (const mode of [0o000, 0o400, 0o644, 0o755, 0o777, 0o1644, 0o2755, 0o4755, 0o6751]) {
    const file = path.join(directory, mode.toString(8).padStart(4, "0"));
    fs.writeFileSync(file, file);
    fs.chmodSync(file, mode);
  }
  for (const mode of [0o700, 0o1777, 0o2775, 0o555]) {
    const child = path.join(directory, `d${mode.toString(8).padStart(4, "0")}`);
    fs.mkdirSync(child);
    fs.writeFileSync(path.join(child, "inside"), "x");
    fs.chmodSync(child, mode);
  }
  const owners: readonly (readonly [number, number])[] = [
    [1000, 1000],
    [4_294_967_294, 4_294_967_294],
    [65_534, 0],
  ];
  for (const [uid, gid] of owners) {
    const file = path.join(directory, `owner-${uid}-${gid}`);
    fs.writeFileSync(file, "mine");
    attempt("chown", () => {
      fs.lchownSync(file, uid, gid);
      fs.chmodSync(file, 0o4755);
    });
  }
  fs.symlinkSync("x", path.join(directory, "owned-link"));
  attempt("chown of a link", () => {
    fs.lchownSync(path.join(directory, "owned-link"), 12, 34);
  });
}

function makeSpecial(directory: string, attempt: Attempt): void {
  fs.mkdirSync(directory);
  const make = (name: string, mode: number, numbers = { major: 0, minor: 0 }): void => {
    attempt(name, () => {
      atPath(path.join(directory, name), (fd, bytes) => {
        makeNodeAt(fd, { name: bytes, mode, ...numbers });
      });
    });
  };
  make("fifo", FILE_TYPE.fifo | 0o640);
  make("socket", FILE_TYPE.socket | 0o755);
  make("null", FILE_TYPE.characterDevice | 0o666, { major: 1, minor: 3 });
  make("block", FILE_TYPE.blockDevice | 0o660, { major: 7, minor: 200 });
  make("large", FILE_TYPE.characterDevice | 0o600, { major: 4095, minor: 1_048_575 });
}

function makeAttributes(directory: string, attempt: Attempt): void {
  fs.mkdirSync(directory);
  const onFile = (name: string, attributes: Readonly<Record<string, Uint8Array>>): void => {
    const file = path.join(directory, name);
    if (!fs.existsSync(file)) fs.writeFileSync(file, name);
    for (const [key, value] of Object.entries(attributes)) {
      attempt(`${key} on ${name}`, () => {
        withOpen(file, (fd) => {
          setAttribute(fd, Buffer.from(key), value);
        });
      });
    }
  };
  onFile("user", {
    "user.b": Buffer.from("second by name"),
    "user.a": new Uint8Array(0),
    "user.binary": Uint8Array.of(0, 255, 10, 0),
    "user.long": seededBytes(2000, 9),
    "user.größe": Buffer.from("ü"),
  });
  onFile("trusted", { "trusted.k": Buffer.from("v") });
  onFile("capability", {
    "security.capability": Buffer.from("0100000200200000000000000000000000000000", "hex"),
  });
  onFile("acl", { "system.posix_acl_access": ACCESS_ACL });
  fs.mkdirSync(path.join(directory, "default-acl"));
  onFile("default-acl", {
    "system.posix_acl_default": DEFAULT_ACL,
    "system.posix_acl_access": ACCESS_ACL,
    "user.on-directory": Buffer.from("d"),
  });
  attempt("fifo with an ACL", () => {
    atPath(path.join(directory, "fifo-acl"), (fd, name) => {
      makeNodeAt(fd, { name, mode: FILE_TYPE.fifo | 0o600, major: 0, minor: 0 });
      setAttributeAt(fd, name, Buffer.from("system.posix_acl_access"), ACCESS_ACL);
    });
  });
}

function makeFlags(directory: string, attempt: Attempt): void {
  fs.mkdirSync(directory);
  const flagged: readonly (readonly [string, number])[] = [
    ["no-dump", CHATTR.noDump],
    ["no-atime", CHATTR.noAccessTime],
    ["sync", CHATTR.sync],
    ["append", CHATTR.append],
    ["immutable", CHATTR.immutable | CHATTR.noDump],
  ];
  for (const [name, flags] of flagged) {
    const file = path.join(directory, name);
    fs.writeFileSync(file, name);
    attempt(`chattr ${name}`, () => {
      withOpen(file, (fd) => {
        setFlags(fd, flags, flags);
      });
    });
  }
  const child = path.join(directory, "dirsync");
  fs.mkdirSync(child);
  attempt("chattr dirsync", () => {
    withOpen(child, (fd) => {
      setFlags(fd, CHATTR.dirSync, CHATTR.dirSync);
    });
  });
  const project = path.join(directory, "project");
  fs.writeFileSync(project, "7");
  attempt("project id", () => {
    withOpen(project, (fd) => {
      setProjectId(fd, 4711);
    });
  });
}

function makeNesting(directory: string): void {
  let at = directory;
  for (let depth = 0; depth < 60; depth++) {
    fs.mkdirSync(at);
    at = path.join(at, `level-${depth}`);
  }
  fs.writeFileSync(at, "deep");
  fs.mkdirSync(path.join(directory, "empty"));
  const many = path.join(directory, "many");
  fs.mkdirSync(many);
  for (let i = 0; i < 300; i++) fs.writeFileSync(path.join(many, `f${i}`), `content ${i}`);
}

function makeTimes(directory: string, attempt: Attempt): void {
  fs.mkdirSync(directory);
  fs.symlinkSync("x", path.join(directory, "link"));
  const times: readonly (readonly [string, number, number])[] = [
    ["nanoseconds", 1_700_000_000, 123_456_789],
    ["before-1970", -1, 500_000_000],
    ["year-2400", 13_569_465_600, 1],
    ["zero", 0, 0],
    ["link", 1_234_567_890, 987_654_321],
  ];
  for (const [name, seconds, nanoseconds] of times) {
    const file = path.join(directory, name);
    if (name !== "link") fs.writeFileSync(file, name);
    attempt(`time ${name}`, () => {
      atPath(file, (fd, bytes) => {
        setModificationTimeAt(fd, bytes, { seconds, nanoseconds });
      });
    });
  }
}

function withOpen(file: string | Buffer, use: (fd: number) => void): void {
  atPath(file, (directoryFd, name) => {
    const fd = openAt(directoryFd, name, OPEN_FLAGS.read | OPEN_FLAGS.noFollow);
    try {
      use(fd);
    } finally {
      closeDescriptor(fd);
    }
  });
}

function clearFlags(file: string | Buffer): void {
  try {
    const mode = atPath(file, (fd, name) => statusAt(fd, name)).mode;
    if ((mode & 0o400) === 0) fs.chmodSync(file, mode | 0o700);
    withOpen(file, (fd) => {
      setFlags(fd, 0, ALL_FLAGS);
    });
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
  }
}

/** `u::rw-,u:1000:rwx,g::r-x,g:100:r--,m::rwx,o::---` as the kernel has it. */
const ACCESS_ACL = acl([
  [1, 6, -1],
  [2, 7, 1000],
  [4, 5, -1],
  [8, 4, 100],
  [16, 7, -1],
  [32, 0, -1],
]);

/** `u::rwx,u:1000:r--,g::r-x,m::r-x,o::r--`. */
const DEFAULT_ACL = acl([
  [1, 7, -1],
  [2, 4, 1000],
  [4, 5, -1],
  [16, 5, -1],
  [32, 4, -1],
]);

function acl(
  entries: readonly (readonly [tag: number, permissions: number, id: number])[],
): Buffer {
  const value = Buffer.alloc(4 + 8 * entries.length);
  value.writeUInt32LE(2, 0);
  for (const [i, [tag, permissions, id]] of entries.entries()) {
    value.writeUInt16LE(tag, 4 + 8 * i);
    value.writeUInt16LE(permissions, 6 + 8 * i);
    value.writeInt32LE(id, 8 + 8 * i);
  }
  return value;
}
