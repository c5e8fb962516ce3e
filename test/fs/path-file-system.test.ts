import { expect } from "chai";

import { NotResident } from "../../src/format/bytes/resident-source.ts";
import { FsError } from "../../src/fs/fs-error.ts";
import { PathFileSystem } from "../../src/fs/path-file-system.ts";
import {
  memoryDirectory,
  memoryFile,
  MemoryFileSystem,
  type MemoryNode,
} from "../support/memory-file-system.ts";
import { rejection } from "../support/rejection.ts";

function makePaths(root: MemoryNode, resolve = (): Promise<unknown> => Promise.resolve("answer")) {
  const arrived = new Map<unknown, unknown>();
  const files = new PathFileSystem(resolve);
  const accept = (need: unknown, answer: unknown): unknown => arrived.set(need, answer);
  files.attach(new MemoryFileSystem(root, { accept }));
  return { files, arrived };
}

const inodeAt = async (files: PathFileSystem, path: string): Promise<number> =>
  await files.run(path, (_, ino) => ino);

describe("fs/path-file-system", () => {
  it("finds inodes by path, again and again", async () => {
    const { files } = makePaths(
      memoryDirectory({ a: memoryDirectory({ b: memoryFile(new Uint8Array(3)) }) }),
    );

    expect(await inodeAt(files, "/")).to.equal(1);
    const ino = await inodeAt(files, "/a/b");
    expect(await inodeAt(files, "/a/b")).to.equal(ino);
    expect(await files.run("/a/b", (fs, at) => fs.getAttributes(at).size)).to.equal(3);
    expect(await rejection(inodeAt(files, "/a/c"))).to.have.property("code", "ENOENT");
    expect(await rejection(inodeAt(files, `/${"n".repeat(256)}`))).to.have.property(
      "code",
      "ENAMETOOLONG",
    );
  });

  it("looks again at paths through a directory that changes", async () => {
    const files = [memoryFile(new Uint8Array(1)), memoryFile(new Uint8Array(2))];
    let turn = 0;
    const { files: paths } = makePaths(
      memoryDirectory({
        latest: {
          kind: "directory",
          timeoutMs: 1000,
          children: () => ({ file: files[turn]! }),
        },
      }),
    );
    const size = async (): Promise<number> =>
      await paths.run("/latest/file", (fs, ino) => fs.getAttributes(ino).size);

    const before = await size();
    turn = 1;

    expect([before, await size()]).to.deep.equal([1, 2]);
  });

  it("fetches once what several callers need, and calls again", async () => {
    let asked = 0;
    const { files, arrived } = makePaths(memoryDirectory({}), async () => {
      asked++;
      return await Promise.resolve("bytes");
    });
    const work = (): unknown => {
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- a miss is no failure and carries no stack
      if (!arrived.has("chunk")) throw new NotResident("chunk");
      return arrived.get("chunk");
    };

    const results = await Promise.all([1, 2, 3].map(async () => await files.run("/", work)));

    expect(results).to.deep.equal(["bytes", "bytes", "bytes"]);
    expect(asked).to.equal(1);
  });

  it("hands a failure of the host to the file system as an error", async () => {
    const { files, arrived } = makePaths(memoryDirectory({}), () =>
      Promise.reject(new Error("offline")),
    );

    const error = await rejection(
      files.run("/", () => {
        const answer = arrived.get("chunk");
        // eslint-disable-next-line @typescript-eslint/only-throw-error -- a miss is no failure and carries no stack
        if (answer === undefined) throw new NotResident("chunk");
        throw new FsError("EIO", "read", { cause: answer });
      }),
    );

    expect(error).to.have.nested.property("cause.message", "offline");
  });

  it("gives up when the same thing is asked for again and again", async () => {
    const { files } = makePaths(memoryDirectory({}));

    const error = await rejection(
      files.run("/", () => {
        // eslint-disable-next-line @typescript-eslint/only-throw-error -- a miss is no failure and carries no stack
        throw new NotResident("chunk");
      }),
    );

    expect(error).to.have.property("code", "EIO");
  });
});
