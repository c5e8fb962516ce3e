import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

import { expect } from "chai";

import { ChunkError } from "../../../src/chunks/chunk-error.ts";
import { RestoreError } from "../../../src/client/target/restore-error.ts";
import { ByteWriter } from "../../../src/format/bytes/byte-writer.ts";
import { parseDigest } from "../../../src/format/chunk/digest.ts";
import { FormatError } from "../../../src/format/format-error.ts";
import { PxarEncoder } from "../../../src/format/pxar/encoder.ts";
import { type PxarMetadata } from "../../../src/format/pxar/metadata.ts";
import { eventually } from "../../support/eventually.ts";
import { metadataOf } from "../../support/pxar-fixtures.ts";
import { rawArchive } from "../../support/raw-archive.ts";
import { rejection } from "../../support/rejection.ts";
import { type RestoreChoices, restoreRaw } from "../../support/restore-packed.ts";
import { skipBecause } from "../../support/skip-because.ts";

const sinks = new WeakMap<PxarEncoder, ByteWriter>();
const bytes = (text: string): Uint8Array => Buffer.from(text);
const DIRECTORY = metadataOf({ mode: 0o40755, uid: uid(), gid: gid(), mtimeSec: 1 });
const FILE = metadataOf({ mode: 0o100644, uid: uid(), gid: gid(), mtimeSec: 2 });
const LINK = metadataOf({ mode: 0o120777, uid: uid(), gid: gid(), mtimeSec: 3 });

for (const writerCount of [0, 2]) describeRestore(writerCount);

function describeRestore(writerCount: number): void {
  describe(`client/target/restore-tree, with ${writerCount} writing threads`, function () {
    this.timeout(60_000);
    let base = "";
    let target = "";
    beforeEach(() => {
      base = fs.mkdtempSync(path.join(os.tmpdir(), "amber-restore-"));
      target = path.join(base, "target");
      fs.mkdirSync(path.join(base, "outside"));
      fs.writeFileSync(path.join(base, "outside/precious"), "untouched");
    });
    afterEach(() => {
      expect(fs.readdirSync(path.join(base, "outside"))).to.deep.equal(["precious"]);
      expect(fs.readFileSync(path.join(base, "outside/precious"), "utf8")).to.equal("untouched");
      fs.rmSync(base, { recursive: true });
    });

    async function restore(archive: Uint8Array, choices: RestoreChoices = {}): Promise<string[]> {
      const problems = await restoreRaw({ archive: rawArchive(archive) }, target, {
        writerCount,
        ...choices,
      });
      return problems.map(({ kind, reason }) => `${kind} ${reason}`);
    }

    describe("hostile archives", () => {
      it("does not write through a symbolic link that the archive planted", async () => {
        const archive = encode((encoder) => {
          encoder.addSymlink(bytes("a"), LINK, bytes("../outside"));
          encoder.startDirectory(bytes("a"), DIRECTORY);
          addFile(encoder, "precious", "overwritten");
          encoder.endDirectory();
        });

        for (const choices of [{}, OVERWRITE]) {
          const error = await rejection(restore(archive, choices));

          expect(error).to.be.instanceOf(RestoreError);
          fs.rmSync(target, { recursive: true });
        }
      });

      it("does not write a file through a symbolic link of the same name", async () => {
        const archive = encode((encoder) => {
          encoder.addSymlink(bytes("a"), LINK, bytes("../outside/precious"));
          addFile(encoder, "a", "overwritten");
        });

        const error = await rejection(restore(archive));

        expect(error).to.be.instanceOf(RestoreError).with.property("code", "RESTORE_EXISTS");
      });

      it("replaces such a link instead of following it when overwriting was asked for", async () => {
        const archive = encode((encoder) => {
          encoder.addSymlink(bytes("a"), LINK, bytes("../outside/precious"));
          addFile(encoder, "a", "its own");
        });

        await restore(archive, OVERWRITE);

        expect(fs.lstatSync(path.join(target, "a")).isFile()).to.equal(true);
        expect(fs.readFileSync(path.join(target, "a"), "utf8")).to.equal("its own");
      });

      it("does not enter a symbolic link that was in the target before", async () => {
        fs.mkdirSync(target);
        fs.symlinkSync("../outside", path.join(target, "d"));
        const archive = encode((encoder) => {
          encoder.startDirectory(bytes("d"), DIRECTORY);
          addFile(encoder, "new", "x");
          encoder.endDirectory();
        });

        const error = await rejection(restore(archive, OVERWRITE));

        expect(error).to.be.instanceOf(RestoreError).with.property("code", "RESTORE_FAILED");
      });

      for (const linkTarget of ["/etc/passwd", "../outside/precious", "d/../../outside/precious"]) {
        it(`refuses a hard link to "${linkTarget}"`, async () => {
          const archive = encode((encoder) => {
            const first = addFile(encoder, "a", "x");
            encoder.addHardLink(bytes("b"), bytes(linkTarget), first);
          });

          const error = await rejection(restore(archive));

          expect(error).to.be.instanceOf(RestoreError).with.property("code", "RESTORE_UNSAFE_LINK");
        });
      }

      it("does not make a hard link through a symbolic link", async () => {
        const archive = encode((encoder) => {
          const first = addFile(encoder, "a", "x");
          encoder.addSymlink(bytes("d"), LINK, bytes("../outside"));
          encoder.addHardLink(bytes("e"), bytes("d/precious"), first);
          encoder.addSymlink(bytes("f"), LINK, bytes("../outside/precious"));
          encoder.addHardLink(bytes("g"), bytes("f"), first);
        });

        const problems = await restore(archive);

        expect(problems.map((problem) => problem.split(" ")[0])).to.include("hardlink");
        expect(fs.readdirSync(target)).to.deep.equal(["a", "d", "f"]);
      });

      for (const name of ["..", ".", "a/b", "a\0b"]) {
        it(`refuses an entry called ${JSON.stringify(name)}`, async () => {
          const archive = encode((encoder) => {
            addFile(encoder, "#".repeat(name.length), "x");
          });
          const at = Buffer.from(archive).indexOf("#");
          archive.set(bytes(name), at);

          const error = await rejection(restore(archive));

          expect(error).to.be.instanceOf(FormatError).with.property("code", "FORMAT_INVALID");
        });
      }

      it("refuses a second large file of one name", async () => {
        const archive = encode((encoder) => {
          addFile(encoder, "same", "first");
          addFile(encoder, "same", "x".repeat(LARGE_BYTES));
        });

        const error = await rejection(restore(archive));

        expect(error).to.be.instanceOf(RestoreError).with.property("code", "RESTORE_EXISTS");
        expect(fs.readdirSync(target)).to.deep.equal(["same"]);
        expect(fs.readFileSync(path.join(target, "same"), "utf8")).to.equal("first");
      });

      it("refuses a second file of one name", async () => {
        const archive = encode((encoder) => {
          addFile(encoder, "a", "first");
          addFile(encoder, "a", "second");
        });

        const error = await rejection(restore(archive));

        expect(error).to.be.instanceOf(RestoreError).with.property("code", "RESTORE_EXISTS");
        expect(fs.readFileSync(path.join(target, "a"), "utf8")).to.equal("first");
      });

      it("ends with a format error when the archive is cut off", async () => {
        const archive = encode((encoder) => {
          addFile(encoder, "a", "some content");
        });

        const error = await rejection(restore(archive.slice(0, -30)));

        expect(error).to.be.instanceOf(FormatError);
      });

      it("passes on why a chunk could not be read", async () => {
        const archive = rawArchive(new Uint8Array(500), 100);
        const failing = {
          ...archive,
          readChunk: async (): Promise<Uint8Array> => await Promise.reject(new Error("no network")),
        };

        const error = await rejection(restoreRaw({ archive: failing }, target, { writerCount }));

        expect(error).to.have.property("message", "no network");
      });
    });

    describe("what is there already", () => {
      const archive = encode((encoder) => {
        encoder.startDirectory(bytes("d"), DIRECTORY);
        addFile(encoder, "f", "from the archive");
        encoder.endDirectory();
        encoder.addSymlink(bytes("l"), LINK, bytes("new"));
      });

      it("restores into an empty directory and into none at all", async () => {
        await restore(archive);
        fs.rmSync(target, { recursive: true });
        target = path.join(target, "deeper/still");

        await restore(archive);

        expect(fs.readFileSync(path.join(target, "d/f"), "utf8")).to.equal("from the archive");
      });

      it("refuses a directory that is not empty", async () => {
        fs.mkdirSync(target);
        fs.writeFileSync(path.join(target, "mine"), "");

        const error = await rejection(restore(archive));

        expect(error)
          .to.be.instanceOf(RestoreError)
          .with.property("code", "RESTORE_TARGET_NOT_EMPTY");
      });

      it("uses directories that are there when asked to, but replaces no file", async () => {
        fs.mkdirSync(path.join(target, "d"), { recursive: true });
        fs.writeFileSync(path.join(target, "d/other"), "kept");
        await restore(archive, { existingDirectories: "use" });
        fs.writeFileSync(path.join(target, "d/f"), "mine");

        const error = await rejection(restore(archive, { existingDirectories: "use" }));

        expect(error).to.be.instanceOf(RestoreError).with.property("code", "RESTORE_EXISTS");
        expect(fs.readFileSync(path.join(target, "d/f"), "utf8")).to.equal("mine");
        expect(fs.readFileSync(path.join(target, "d/other"), "utf8")).to.equal("kept");
      });

      it("replaces a file by a new one, so that other names of the old keep their content", async () => {
        await restore(archive);
        fs.writeFileSync(path.join(target, "d/f"), "mine");
        fs.linkSync(path.join(target, "d/f"), path.join(target, "other name"));

        await restore(archive, OVERWRITE);

        expect(fs.readFileSync(path.join(target, "d/f"), "utf8")).to.equal("from the archive");
        expect(fs.readFileSync(path.join(target, "other name"), "utf8")).to.equal("mine");
      });

      it("keeps a file that is to be replaced when its new content cannot be had to the end", async () => {
        const large = encode((encoder) => {
          addFile(encoder, "f", "x".repeat(100_000));
        });
        fs.mkdirSync(target);
        fs.writeFileSync(path.join(target, "f"), "mine");
        const raw = rawArchive(large, 1000);
        const failing = {
          ...raw,
          readChunk: async (i: number): Promise<Uint8Array> =>
            i === 50
              ? await Promise.reject(new ChunkError("CHUNK_MISSING", parseDigest("0".repeat(64))))
              : await raw.readChunk(i),
        };

        await restoreRaw({ archive: failing }, target, { writerCount, ...OVERWRITE });

        expect(fs.readdirSync(target)).to.deep.equal(["f"]);
        expect(fs.readFileSync(path.join(target, "f"), "utf8")).to.equal("mine");
      });

      it("replaces no large file unasked, and leaves none beside it", async () => {
        const large = encode((encoder) => {
          addFile(encoder, "f", "x".repeat(LARGE_BYTES));
        });
        fs.mkdirSync(target);
        fs.writeFileSync(path.join(target, "f"), "mine");

        const error = await rejection(restore(large, { existingDirectories: "use" }));

        expect(error).to.be.instanceOf(RestoreError).with.property("code", "RESTORE_EXISTS");
        expect(fs.readdirSync(target)).to.deep.equal(["f"]);
        expect(fs.readFileSync(path.join(target, "f"), "utf8")).to.equal("mine");
      });

      it("makes a large file beside one that has the name it uses meanwhile", async () => {
        const large = encode((encoder) => {
          addFile(encoder, "f", "x".repeat(LARGE_BYTES));
        });
        fs.mkdirSync(target);
        fs.writeFileSync(path.join(target, "f.partial"), "mine");

        await restore(large, { existingDirectories: "use" });

        expect(fs.readdirSync(target).sort()).to.deep.equal(["f", "f.partial"]);
        expect(fs.statSync(path.join(target, "f")).size).to.equal(LARGE_BYTES);
        expect(fs.readFileSync(path.join(target, "f.partial"), "utf8")).to.equal("mine");
      });
    });

    it("restores only what patterns match, and everything below it", async () => {
      const archive = encode((encoder) => {
        encoder.startDirectory(bytes("d"), DIRECTORY);
        const first = addFile(encoder, "f.txt", "text");
        addFile(encoder, "g.bin", "binary");
        encoder.endDirectory();
        encoder.startDirectory(bytes("e"), DIRECTORY);
        addFile(encoder, "h.bin", "below");
        encoder.addHardLink(bytes("link.txt"), bytes("d/f.txt"), first);
        encoder.endDirectory();
        encoder.addHardLink(bytes("z.txt"), bytes("d/f.txt"), first);
        encoder.startDirectory(bytes("way"), DIRECTORY);
        encoder.startDirectory(bytes("empty"), DIRECTORY);
        encoder.endDirectory();
        encoder.startDirectory(bytes("down"), DIRECTORY);
        addFile(encoder, "z.txt", "deep");
        encoder.endDirectory();
        encoder.endDirectory();
      });

      await restore(archive, { patterns: ["/e", "z.txt"] });

      const names = fs.readdirSync(target, { recursive: true, encoding: "utf8" }).sort();
      expect(names).to.deep.equal([
        ...["e", "e/h.bin", "e/link.txt"],
        ...["way", "way/down", "way/down/z.txt", "z.txt"],
      ]);
      expect(fs.readFileSync(path.join(target, "z.txt"), "utf8")).to.equal("text");
    });

    it("leaves out the metadata that is to be ignored", async function () {
      if (uid() !== 0) skipBecause(this, "needs root");
      const archive = encode((encoder) => {
        encoder.startFile(bytes("f"), { ...FILE, mode: 0o104751, uid: 1234, gid: 1234 }, 0);
        encoder.endFile();
      });

      await restore(archive, {
        ignore: { acls: true, xattrs: true, fcaps: true, ownership: true, permissions: true },
      });

      const { mode, uid: owner } = fs.statSync(path.join(target, "f"));
      expect([mode, owner]).to.deep.equal([0o100600, 0]);
    });

    it("does not make a program set-user-id for anyone but its owner", async () => {
      const archive = encode((encoder) => {
        encoder.startFile(bytes("f"), { ...FILE, mode: 0o106755 }, 0);
        encoder.endFile();
      });

      await restore(archive, {
        ignore: { acls: false, xattrs: false, fcaps: false, ownership: true, permissions: false },
      });

      expect(fs.statSync(path.join(target, "f")).mode).to.equal(0o100755);
    });

    it("ends at once when it is aborted", async () => {
      const { SharedCounters } = await import("../../../src/client/shared-counters.ts");
      const { restoreTree } = await import("../../../src/client/target/restore-tree.ts");
      const { restoreCounterFields } =
        await import("../../../src/client/target/restore-request.ts");
      const { CAREFUL } = await import("../../support/restore-packed.ts");
      const stop = new AbortController();
      const archive = {
        ...rawArchive(new Uint8Array(500), 100),
        readChunk: async (): Promise<Uint8Array> => {
          stop.abort(new Error("changed my mind"));
          return await new Promise(() => undefined);
        },
      };

      const error = await rejection(
        restoreTree({
          archive,
          payload: undefined,
          target: bytes(target),
          patterns: [],
          options: CAREFUL,
          counters: new SharedCounters(restoreCounterFields).memory,
          writerCount,
          onProblem: () => undefined,
          isDamage: () => false,
          onDamage: () => undefined,
          signal: stop.signal,
        }),
      );

      expect(error).to.have.property("message", "changed my mind");
    });

    it("gives every entry its own metadata, however many threads make files", async () => {
      const names = Array.from({ length: 40 }, (_, i) => `d${String(i).padStart(2, "0")}`);
      const archive = encode((encoder) => {
        for (const [i, name] of names.entries()) {
          const own = { mtimeSec: 1000 + i, mode: 0o40500 + (i % 8) };
          encoder.startDirectory(bytes(name), { ...DIRECTORY, ...own });
          const first = addFile(encoder, "a", `content of ${name}`, {
            mtimeSec: i,
            mode: 0o100400 + i,
          });
          addFile(encoder, "b", "x".repeat(i * 1000), { mtimeSec: 2 * i, mode: 0o104755 });
          encoder.addHardLink(bytes("c"), bytes(`${name}/a`), first);
          encoder.endDirectory();
        }
      });

      await restore(archive);

      for (const [i, name] of names.entries()) {
        const of = (file: string): fs.Stats => fs.statSync(path.join(target, name, file));
        expect([of("").mode, of("").mtimeMs]).to.deep.equal([0o40500 + (i % 8), (1000 + i) * 1000]);
        expect([of("a").mode, of("a").mtimeMs]).to.deep.equal([0o100400 + i, i * 1000]);
        expect([of("b").mode, of("b").size, of("b").mtimeMs]).to.deep.equal([
          0o104755,
          i * 1000,
          2 * i * 1000,
        ]);
        expect(of("c").ino).to.equal(of("a").ino);
        expect(fs.readFileSync(path.join(target, name, "a"), "utf8")).to.equal(
          `content of ${name}`,
        );
      }
    });

    it("keeps metadata that most files do not have", async () => {
      const xattrs = [{ name: bytes("user.note"), value: new Uint8Array(100).fill(7) }];
      const archive = encode((encoder) => {
        encoder.startDirectory(bytes("d"), { ...DIRECTORY, xattrs });
        addFile(encoder, "f", "content", { xattrs });
        encoder.endDirectory();
      });

      await restore(archive);

      for (const name of ["d", "d/f"]) {
        const shown = spawnSync("getfattr", ["--only-values", "-n", "user.note", name], {
          cwd: target,
        });
        expect(shown.stdout.equals(Buffer.alloc(100, 7)), shown.stderr.toString()).to.equal(true);
      }
    });

    describe("damaged chunks", () => {
      const CHUNK_BYTES = 1024;
      const content = (name: string): string => name.repeat(2500);
      const damaged = encode((encoder) => {
        encoder.startDirectory(bytes("d"), DIRECTORY);
        for (const name of ["a", "b", "c"]) addFile(encoder, name, content(name));
        encoder.endDirectory();
        addFile(encoder, "last", "whole");
      });
      const at = Math.floor((Buffer.from(damaged).indexOf(content("b")) + 1250) / CHUNK_BYTES);

      async function restoreWithout(
        chunk: number,
        choices: RestoreChoices = {},
      ): Promise<readonly string[]> {
        const archive = rawArchive(damaged, CHUNK_BYTES);
        const failing = {
          ...archive,
          readChunk: async (i: number): Promise<Uint8Array> => {
            if (i === chunk) throw new ChunkError("CHUNK_MISSING", parseDigest("0".repeat(64)));
            return await archive.readChunk(i);
          },
        };
        const damage: string[] = [];
        await restoreRaw({ archive: failing }, target, {
          writerCount,
          onDamage: ({ path: file, cause }) => {
            damage.push(`${Buffer.from(file).toString()} ${String(cause)}`);
          },
          ...choices,
        });
        return damage;
      }

      it("leave out the files they belong to, which are named with the cause, and nothing else", async () => {
        const damage = await restoreWithout(at);

        expect(damage).to.have.length(1);
        expect(damage[0]).to.match(/^d\/b ChunkError: Cannot read chunk 0+:/);
        expect(fs.readdirSync(path.join(target, "d"))).to.deep.equal(["a", "c"]);
        expect(fs.readFileSync(path.join(target, "d/c"), "utf8")).to.equal(content("c"));
        expect(fs.readFileSync(path.join(target, "last"), "utf8")).to.equal("whole");
        expect(fs.statSync(path.join(target, "d")).mtimeMs).to.equal(1000);
      });

      it("end the restore when what they hold is the archive's structure, and say where", async () => {
        const chunk = Math.floor(Buffer.from(damaged).indexOf("last") / CHUNK_BYTES);

        const error = await rejection(restoreWithout(chunk));

        expect(error).to.be.instanceOf(RestoreError).with.property("code", "RESTORE_INCOMPLETE");
        expect(error).to.have.property("cause").that.is.instanceOf(ChunkError);
        expect(fs.readFileSync(path.join(target, "d/a"), "utf8")).to.equal(content("a"));
      });
    });

    it("calls a large file something else until it has all of its content", async () => {
      const archive = encode((encoder) => {
        addFile(encoder, "f", "x".repeat(LARGE_BYTES));
      });
      const raw = rawArchive(archive, LARGE_BYTES / 8);
      const seen: string[] = [];
      const watched = {
        ...raw,
        // The last chunk is wanted when the first ones have been written, as few are fetched ahead.
        readChunk: async (i: number): Promise<Uint8Array> => {
          if (i === 8) await eventually(async () => await exists(path.join(target, "f.partial")));
          if (i === 8) seen.push(...fs.readdirSync(target));
          return await raw.readChunk(i);
        },
      };

      await restoreRaw({ archive: watched }, target, { writerCount });

      expect(seen).to.deep.equal(["f.partial"]);
      expect(fs.readdirSync(target)).to.deep.equal(["f"]);
      expect(fs.statSync(path.join(target, "f")).mtimeMs).to.equal(2000);
    });

    it("leaves no file cut short when the server goes away", async () => {
      const archive = encode((encoder) => {
        addFile(encoder, "a", "whole");
        addFile(encoder, "b", "x".repeat(100_000));
        addFile(encoder, "c", "never");
      });
      const raw = rawArchive(archive, 1000);
      const failing = {
        ...raw,
        readChunk: async (i: number): Promise<Uint8Array> =>
          i < 50 ? await raw.readChunk(i) : await Promise.reject(new Error("the server has gone")),
      };

      const error = await rejection(restoreRaw({ archive: failing }, target, { writerCount }));

      expect(error).to.have.property("message", "the server has gone");
      expect(fs.readdirSync(target)).to.deep.equal(["a"]);
    });
  });
}

/** Above what a file may have that is made under its own name. */
const LARGE_BYTES = 2 * 1024 * 1024;

const OVERWRITE: RestoreChoices = {
  existingDirectories: "use",
  overwrite: { files: true, symlinks: true, hardLinks: true, special: true },
};

async function exists(file: string): Promise<boolean> {
  return await fs.promises.access(file).then(
    () => true,
    () => false,
  );
}

function encode(addEntries: (encoder: PxarEncoder) => void): Uint8Array {
  const sink = new ByteWriter();
  const encoder = new PxarEncoder({ metadata: sink });
  sinks.set(encoder, sink);
  encoder.startRoot(DIRECTORY);
  addEntries(encoder);
  encoder.endDirectory();
  encoder.finish();
  return sink.take();
}

function addFile(
  encoder: PxarEncoder,
  name: string,
  content: string,
  metadata: Partial<PxarMetadata> = {},
): number {
  const offset = encoder.startFile(bytes(name), { ...FILE, ...metadata }, content.length);
  sinks.get(encoder)?.write(bytes(content));
  encoder.endFile();
  return offset;
}

function uid(): number {
  return process.getuid?.() ?? 0;
}

function gid(): number {
  return process.getgid?.() ?? 0;
}
