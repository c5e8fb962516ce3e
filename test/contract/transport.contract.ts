import { constants } from "node:fs";
import {
  chmod,
  chown,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  rmdir,
  statfs,
  symlink,
  truncate,
  unlink,
  utimes,
} from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { type Transport } from "../../src/fs/transport.ts";
import { reasonWithoutFuse } from "../support/fuse-here.ts";
import {
  FETCHED_BLOCK_BYTES,
  FETCHED_FILE_BYTES,
  MANY_COUNT,
  oddNames,
  patternBytes,
  SPARSE,
  utf8Names,
} from "../support/memory-file-system.ts";
import { SyscallProbe } from "../support/syscall-probe.ts";
import { bringBlock, mountForTest, type TestMount } from "../support/test-mount.ts";
import { rejection } from "../support/rejection.ts";

/** What a transport cannot express; documented in docs/decisions/0005-fuse-transports.md. */
export interface TransportLimits {
  /** Smallest step of a time in nanoseconds. */
  readonly timeStepNs: bigint;
  readonly hasTimesBefore1970: boolean;
  readonly hasNamesBeyondUtf8: boolean;
  readonly findsHoles: boolean;
}

/** Declares the tests that every transport passes, with real mounts: what is shown, and that nothing can be changed. */
export function itIsATransport(
  name: string,
  loadTransport: () => Promise<Transport>,
  limits: TransportLimits,
): void {
  const reason = reasonWithoutFuse();
  if (reason !== undefined) {
    it.skip(`shows a file system through ${name} (skipped: ${reason})`);
    return;
  }

  let transport: Transport;
  let mounted: TestMount;
  let probe: SyscallProbe;
  const at = (...parts: string[]): string => join(mounted.path, ...parts);

  before(async () => {
    transport = await loadTransport();
    mounted = await mountForTest(transport);
    probe = new SyscallProbe();
  });

  after(async () => {
    await probe.close();
    await mounted.close();
  });

  describe("attributes", () => {
    it("shows mode, owner, size and time of a file", async () => {
      const stat = await lstat(at("plain.txt"), { bigint: true });

      expect(stat.mode).to.equal(0o100644n);
      expect([stat.uid, stat.gid, stat.nlink]).to.deep.equal([1000n, 1001n, 1n]);
      expect(stat.size).to.equal(6n);
      expect(stat.blocks).to.equal(1n);
      const exact = 1_600_000_000_123_456_789n;
      expect(stat.mtimeNs).to.equal(exact - (exact % limits.timeStepNs));
      expect(stat.ctimeNs).to.equal(stat.mtimeNs);
    });

    it("shows times far in the future", async () => {
      const stat = await lstat(at("future.txt"), { bigint: true });

      const exact = 2n ** 33n * 1_000_000_000n + 999_999_999n;
      expect(stat.mtimeNs).to.equal(exact - (exact % limits.timeStepNs));
    });

    it("shows times before 1970, or the start of 1970 where it cannot", async () => {
      const stat = await lstat(at("old.txt"), { bigint: true });

      const exact = -315_619_201n * 1_000_000_000n + 5n;
      expect(stat.mtimeNs).to.equal(limits.hasTimesBefore1970 ? exact : 0n);
    });

    it("shows every kind of file, with set-id and sticky bits", async () => {
      const names = ["suid", "sticky", "null", "disk", "pipe", "socket", "link", "deep"];
      const modes = await Promise.all(names.map(async (file) => (await lstat(at(file))).mode));

      expect(modes.map((mode) => mode.toString(8))).to.deep.equal([
        "106755",
        "41777",
        "20666",
        "60660",
        "10644",
        "140644",
        "120777",
        "40755",
      ]);
    });

    it("shows device numbers beyond 8 bits", async () => {
      const numbers = await Promise.all(
        ["null", "disk"].map(async (file) => {
          const { rdev } = await lstat(at(file));
          return [(rdev >>> 8) & 0xfff, (rdev & 0xff) | ((rdev >>> 12) & 0xfff00)];
        }),
      );

      expect(numbers).to.deep.equal([
        [1, 3],
        [259, 300_000],
      ]);
    });

    it("shows hard links as one inode", async () => {
      const [first, second] = [await lstat(at("hard-a")), await lstat(at("hard-b"))];

      expect(first.ino).to.equal(second.ino);
      expect(first.nlink).to.equal(2);
    });

    it("shows a size above 4 GiB", async () => {
      expect((await lstat(at("sparse.bin"))).size).to.equal(SPARSE.size);
    });

    it("tells the figures of the file system and that nothing is free", async () => {
      const status = await statfs(mounted.path);

      expect([status.bsize, status.blocks, status.bfree, status.bavail]).to.deep.equal([
        4096, 123, 0, 0,
      ]);
    });
  });

  describe("names", () => {
    it("lists a directory of 10,000 entries, each once", async () => {
      const names = await readdir(at("many"));

      expect(new Set(names).size).to.equal(MANY_COUNT);
      expect(names).to.have.length(MANY_COUNT);
    });

    it("tells the kind of each entry while listing", async () => {
      const kinds = new Map(
        (await readdir(mounted.path, { withFileTypes: true })).map((entry) => [
          entry.name,
          [entry.isFile(), entry.isDirectory(), entry.isSymbolicLink(), entry.isFIFO()],
        ]),
      );

      expect(kinds.get("plain.txt")).to.deep.equal([true, false, false, false]);
      expect(kinds.get("deep")).to.deep.equal([false, true, false, false]);
      expect(kinds.get("link")).to.deep.equal([false, false, true, false]);
      expect(kinds.get("pipe")).to.deep.equal([false, false, false, true]);
    });

    it("lists and opens names with blanks, newlines, 255 bytes and any script", async () => {
      const listed = (await readdir(at("names"), { encoding: "buffer" })).map((entry) =>
        Buffer.from(entry).toString("latin1"),
      );

      expect(listed.sort()).to.deep.equal([...utf8Names].sort());
      for (const file of utf8Names) {
        const path = Buffer.concat([Buffer.from(at("names/")), Buffer.from(file, "latin1")]);
        expect((await readFile(path)).toString("latin1")).to.equal(file);
      }
    });

    it("lists and opens names that are not UTF-8, or leaves them out where it cannot", async () => {
      const listed = (await readdir(at("non-utf8"), { encoding: "buffer" })).map((entry) =>
        Buffer.from(entry).toString("latin1"),
      );

      const shown = limits.hasNamesBeyondUtf8
        ? oddNames
        : oddNames.filter((file) => isUtf8(Buffer.from(file, "latin1")));
      expect(listed.sort()).to.deep.equal([...shown].sort());
      for (const file of shown) {
        const path = Buffer.concat([Buffer.from(at("non-utf8/")), Buffer.from(file, "latin1")]);
        expect((await readFile(path)).toString("latin1")).to.equal(file);
      }
    });

    it("finds its way through nested directories and back up", async () => {
      expect(await readFile(`${mounted.path}/deep/a/b/../b/file`, "utf8")).to.equal("deep");
      expect((await lstat(`${mounted.path}/deep/a/..`)).ino).to.equal(
        (await lstat(at("deep"))).ino,
      );
    });

    it("says ENOENT, ENOTDIR and ENAMETOOLONG for names that are none", async () => {
      for (let round = 0; round < 2; round++) {
        expect(await rejection(lstat(at("missing")))).to.have.property("code", "ENOENT");
      }
      expect(await rejection(lstat(at("plain.txt/below")))).to.have.property("code", "ENOTDIR");
      expect(await rejection(lstat(at("n".repeat(256))))).to.have.property("code", "ENAMETOOLONG");
    });

    it("follows links and shows their targets", async () => {
      expect(await readlink(at("link"))).to.equal("plain.txt");
      expect(await readFile(at("link"), "utf8")).to.equal("hello\n");
    });

    it("shows link targets that are not UTF-8, or fails with EIO where it cannot", async () => {
      const reading = readlink(at("odd-link"), { encoding: "buffer" });

      if (limits.hasNamesBeyondUtf8) {
        expect(Buffer.from(await reading).toString("latin1")).to.equal("\xff/\xfe\n");
      } else {
        expect(await rejection(reading)).to.have.property("code", "EIO");
      }
    });

    it("shows the present entries of a directory that changes", async () => {
      const before = await readdir(at("changing"));
      const after = await readdir(at("changing"));

      expect(before).to.have.length(1);
      expect(after).to.have.length(1);
      expect(after).not.to.deep.equal(before);
    });
  });

  describe("content", () => {
    it("returns the right bytes at every kind of offset", async () => {
      const size = 3 * 1024 * 1024 + 17;
      const offsets = [0, 1, 4095, 4096, 131_071, 131_072, 1_048_575, 1_048_577, size - 1, size];
      const sizes = [1, 4096, 4097, 131_073, 1_048_577, size];
      await using file = await open(at("pattern.bin"));

      for (const offset of offsets) {
        for (const length of sizes) {
          const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, offset);
          const expected = patternBytes(offset, Math.min(length, size - offset));
          expect(bytesRead).to.equal(expected.length);
          expect(buffer.subarray(0, bytesRead).equals(expected)).to.equal(true);
        }
      }
    });

    it("serves many readers at the same time", async () => {
      const expected = Buffer.from(patternBytes(0, 3 * 1024 * 1024 + 17));

      const contents = await Promise.all(
        Array.from({ length: 12 }, async () => await readFile(at("pattern.bin"))),
      );

      expect(contents.every((content) => content.equals(expected))).to.equal(true);
    });

    it("reads beyond 4 GiB and at the end of a large file", async () => {
      await using file = await open(at("sparse.bin"));
      const start = SPARSE.dataOffset - 10;

      const { buffer } = await file.read(Buffer.alloc(100), 0, 100, start);
      const tail = await file.read(Buffer.alloc(100), 0, 100, SPARSE.size - 2);

      expect(buffer.subarray(0, 10).equals(Buffer.alloc(10))).to.equal(true);
      expect(buffer.subarray(10).equals(patternBytes(SPARSE.dataOffset, 90))).to.equal(true);
      expect(tail.bytesRead).to.equal(2);
    });

    if (limits.findsHoles) {
      it("finds data and holes", async function () {
        await using file = await open(at("sparse.bin"));
        const seek = async (offset: number, whence: number): Promise<number | string> => {
          const prototype = "int64_t lseek(int fd, int64_t offset, int whence)";
          const { result, error } = await probe.call(prototype, file.fd, offset, whence);
          return error === "" ? result : error;
        };
        const dataEnd = SPARSE.dataOffset + SPARSE.dataBytes;

        expect(await seek(0, 3)).to.equal(SPARSE.dataOffset);
        expect(await seek(SPARSE.dataOffset, 4)).to.equal(dataEnd);
        expect(await seek(0, 4)).to.equal(0);
        expect(await seek(dataEnd, 3)).to.equal("ENXIO");
        expect(await seek(SPARSE.size, 4)).to.equal("ENXIO");
      });
    }

    it("answers EIO for what cannot be read, reports it, and shows the rest", async () => {
      mounted.errors.length = 0;

      expect(await rejection(readFile(at("bad.bin")))).to.have.property("code", "EIO");
      expect(await rejection(readFile(at("bug.bin")))).to.have.property("code", "EIO");

      expect(await readFile(at("plain.txt"), "utf8")).to.equal("hello\n");
      const messages = mounted.errors.map((error) => error.message);
      expect(messages).to.include("Cannot read bad.bin: EIO");
      expect(messages).to.include("a mistake in a file system");
    });
  });

  describe("extended attributes", () => {
    const listCall = "int64_t llistxattr(const char *path, void *list, size_t size)";
    const getCall =
      "int64_t lgetxattr(const char *path, const char *name, void *value, size_t size)";

    it("lists names", async () => {
      const { result, args } = await probe.call(
        listCall,
        at("plain.txt"),
        new Uint8Array(1000),
        1000,
      );

      const list = Buffer.from(args[1] as Uint8Array).subarray(0, result);
      expect(list.toString().split("\0")).to.deep.equal([
        "user.comment",
        "user.empty",
        "user.large",
        "",
      ]);
    });

    it("lists none for a file without", async () => {
      expect((await probe.call(listCall, at("empty.txt"), new Uint8Array(1), 1)).result).to.equal(
        0,
      );
    });

    it("returns values, also empty and large ones", async () => {
      const get = async (attribute: string): Promise<Buffer> => {
        const room = new Uint8Array(65536);
        const outcome = await probe.call(getCall, at("plain.txt"), attribute, room, room.length);
        return Buffer.from(outcome.args[2] as Uint8Array).subarray(0, outcome.result);
      };

      expect((await get("user.comment")).toString()).to.equal("a remark");
      expect(await get("user.empty")).to.have.length(0);
      expect((await get("user.large")).equals(patternBytes(0, 60_000))).to.equal(true);
    });

    it("tells how much room is needed", async () => {
      const value = await probe.call(getCall, at("plain.txt"), "user.comment", null, 0);
      const list = await probe.call(listCall, at("plain.txt"), null, 0);

      expect(value.result).to.equal(8);
      expect(list.result).to.equal("user.comment user.empty user.large ".length);
    });

    it("says ERANGE for too little room and ENODATA for no such name", async () => {
      const small = new Uint8Array(4);
      const path = at("plain.txt");

      expect((await probe.call(getCall, path, "user.comment", small, 4)).error).to.equal("ERANGE");
      expect((await probe.call(listCall, path, small, 4)).error).to.equal("ERANGE");
      expect((await probe.call(getCall, path, "user.none", small, 4)).error).to.equal("ENODATA");
    });
  });

  describe("changes", () => {
    it("refuses every operation that would change something with EROFS", async () => {
      const file = at("plain.txt");
      const attempts: Readonly<Record<string, () => Promise<unknown>>> = {
        create: async () => await open(at("new"), "wx"),
        "open for writing": async () => await open(file, "r+"),
        "open to append": async () => await open(file, "a"),
        "open and truncate": async () => await open(file, constants.O_RDONLY | constants.O_TRUNC),
        mkdir: async () => {
          await mkdir(at("new"));
        },
        rmdir: async () => {
          await rmdir(at("sticky"));
        },
        unlink: async () => {
          await unlink(file);
        },
        rename: async () => {
          await rename(file, at("renamed"));
        },
        link: async () => {
          await link(file, at("linked"));
        },
        symlink: async () => {
          await symlink("target", at("new"));
        },
        truncate: async () => {
          await truncate(file, 0);
        },
        chmod: async () => {
          await chmod(file, 0o777);
        },
        chown: async () => {
          await chown(file, 1, 1);
        },
        utimes: async () => {
          await utimes(file, 1, 1);
        },
        "recursive rm": async () => {
          await rm(at("deep"), { recursive: true });
        },
      };

      for (const [what, attempt] of Object.entries(attempts)) {
        expect(await rejection(attempt()), what).to.have.property("code", "EROFS");
      }
      expect(await readFile(file, "utf8")).to.equal("hello\n");
    });

    it("refuses changes by system calls that Node lacks with EROFS", async () => {
      const file = at("plain.txt");
      const calls: readonly (readonly [string, ...unknown[]])[] = [
        [
          "int setxattr(const char *path, const char *name, const char *value, size_t size, int flags)",
          file,
          "user.x",
          "v",
          1,
          0,
        ],
        ["int removexattr(const char *path, const char *name)", file, "user.comment"],
        ["int mknod(const char *path, unsigned int mode, uint64_t device)", at("n"), 0o10644, 0],
        [
          "int renameat2(int a, const char *from, int b, const char *to, unsigned int flags)",
          -100,
          file,
          -100,
          at("link"),
          2,
        ],
      ];

      for (const [prototype, ...args] of calls) {
        expect((await probe.call(prototype, ...args)).error, prototype).to.equal("EROFS");
      }
    });
  });

  describe("what has to be fetched", () => {
    it("waits for it and returns the right bytes", async () => {
      const content = await readFile(at("delayed.bin"));

      expect(content.equals(patternBytes(0, FETCHED_FILE_BYTES))).to.equal(true);
    });

    it("asks for each thing once, however many wait for it", async () => {
      const fresh = await mountForTest(transport);
      try {
        await Promise.all(
          Array.from({ length: 4 }, async () => await readFile(join(fresh.path, "delayed.bin"))),
        );

        const blocks = fresh.needs.map((need) => need.block).sort();
        expect(blocks).to.deep.equal([0, 1, 2, 3, 4, 5]);
      } finally {
        await fresh.close();
      }
    });

    it("waits for a directory to be fetched", async () => {
      expect(await readdir(at("fetched-directory"))).to.deep.equal(["inside"]);
      expect(await readFile(at("fetched-directory/inside"), "utf8")).to.equal("fetched");
    });

    it("answers others meanwhile", async () => {
      let release: () => void = () => undefined;
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      const fresh = await mountForTest(transport, {
        resolve: async (need) => {
          await held;
          return await bringBlock(need as { file: string; block: number });
        },
      });
      try {
        const waiting = readFile(join(fresh.path, "delayed.bin"));

        expect(await readFile(join(fresh.path, "plain.txt"), "utf8")).to.equal("hello\n");
        expect(await readdir(join(fresh.path, "many"))).to.have.length(MANY_COUNT);
        release();

        expect(await waiting).to.have.length(FETCHED_FILE_BYTES);
      } finally {
        release();
        await fresh.close();
      }
    });

    it("answers EIO when fetching fails, reports why, and asks again next time", async () => {
      mounted.errors.length = 0;

      expect(await rejection(readFile(at("failing.bin")))).to.have.property("code", "EIO");
      const asked = mounted.needs.filter((need) => need.file === "failing").length;
      expect(await rejection(readFile(at("failing.bin")))).to.have.property("code", "EIO");

      expect(mounted.needs.filter((need) => need.file === "failing").length).to.be.above(asked);
      const causes = mounted.errors.map((error) => (error.cause as Error | undefined)?.message);
      expect(causes).to.include("the host cannot fetch this");
    });

    it("gives up on a file system that cannot keep what it was given", async () => {
      expect(await rejection(readFile(at("forgetful.bin")))).to.have.property("code", "EIO");
    });

    it("fetches ahead what the file system says it will need", async () => {
      await using file = await open(at("prefetching.bin"));

      await file.read(Buffer.alloc(10), 0, 10, 2 * FETCHED_BLOCK_BYTES);
      while (!mounted.needs.some(({ file: f, block }) => f === "prefetching" && block === 3)) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
  });
}

function isUtf8(bytes: Buffer): boolean {
  return Buffer.from(bytes.toString()).equals(bytes);
}
