import { readdirSync, readlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { BLOB_UPLOAD_BYTES_MAX } from "../../src/format/limits.ts";
import { readChunkFile } from "../../src/fs/read-chunk-file.ts";
import { prngBytes } from "../support/golden-streams.ts";
import { rejection } from "../support/rejection.ts";
import { tempDir } from "../support/temp-dir.ts";

describe("fs/read-chunk-file", () => {
  for (const isAlone of [true, false]) {
    it(`reads files of every length whole, ${isAlone ? "alone" : "beside others"}`, async () => {
      await using folder = await tempDir();
      const file = join(folder.path, "chunk");
      for (const size of [0, 1, 512 * 1024 - 1, 512 * 1024, 512 * 1024 + 1, 3_000_001]) {
        const content = prngBytes(size + 1, size);
        writeFileSync(file, content);
        const offered = new Uint8Array(new SharedArrayBuffer(size + 3));
        offered.fill(7);
        const asked: (number | undefined)[] = [];

        const own = await readChunkFile(file, { isAlone: () => isAlone });
        const lent = await readChunkFile(file, {
          isAlone: () => isAlone,
          allocate: (bytes) => {
            asked.push(bytes);
            return offered;
          },
        });

        expect(Buffer.compare(own, content)).to.equal(0);
        expect(Buffer.compare(lent, content)).to.equal(0);
        expect(lent.buffer).to.equal(offered.buffer);
        expect([...offered.subarray(size)]).to.deep.equal([7, 7, 7]);
        expect(asked).to.deep.equal([size]);
      }
    });
  }

  it("takes memory of its own when what is offered is too small", async () => {
    await using folder = await tempDir();
    const file = join(folder.path, "chunk");
    const content = prngBytes(1, 600_000);
    writeFileSync(file, content);

    const read = await readChunkFile(file, {
      isAlone: () => true,
      allocate: () => new Uint8Array(599_999),
    });

    expect(Buffer.compare(read, content)).to.equal(0);
  });

  for (const [what, sizeNow, expected] of [
    ["is cut off in its first half", 300_000, 300_000],
    ["is cut off in its second half", 900_000, 900_000],
    ["grows", 1_500_000, 1_000_000],
  ] as const) {
    it(`gives what is there, and the length it knew at most, of a file that ${what} meanwhile`, async () => {
      await using folder = await tempDir();
      const file = join(folder.path, "chunk");
      const content = prngBytes(1, 1_000_000);
      writeFileSync(file, content);
      const offered = new Uint8Array(1_000_003).fill(7);

      const read = await readChunkFile(file, {
        isAlone: () => true,
        allocate: () => {
          truncateSync(file, sizeNow);
          return offered;
        },
      });

      expect(Buffer.compare(read, content.subarray(0, expected))).to.equal(0);
      expect(offered.subarray(expected).every((byte) => byte === 7)).to.equal(true);
    });
  }

  it("leaves no file open, whatever comes of it", async () => {
    await using folder = await tempDir();
    const file = join(folder.path, "chunk");
    writeFileSync(file, prngBytes(1, 600_000));
    const openFiles = (): string[] =>
      readdirSync("/proc/self/fd").flatMap((fd) => {
        try {
          return [readlinkSync(`/proc/self/fd/${fd}`)].filter((path) => path === file);
        } catch {
          return []; // Of the listing itself, and closed by now.
        }
      });
    const allocate = (): never => {
      throw new Error("no memory");
    };

    const failures = await Promise.all([
      rejection(readChunkFile(file, { isAlone: () => true, allocate })),
      rejection(readChunkFile(file, { isAlone: () => false, allocate })),
    ]);
    await readChunkFile(file, { isAlone: () => true });
    while (openFiles().length > 0) await new Promise((resolve) => setImmediate(resolve));

    for (const failure of failures) expect(failure).to.have.property("message", "no memory");
  });

  it("refuses what is too long for a chunk, and what is no file", async () => {
    await using folder = await tempDir();
    const file = join(folder.path, "chunk");
    writeFileSync(file, new Uint8Array(BLOB_UPLOAD_BYTES_MAX + 1));

    const long = await rejection(readChunkFile(file, { isAlone: () => true }));
    const missing = await rejection(readChunkFile(`${file}s`, { isAlone: () => true }));
    const other = await rejection(readChunkFile(folder.path, { isAlone: () => true }));

    expect(long).to.be.instanceOf(RangeError);
    expect(missing).to.have.property("code", "ENOENT");
    expect(other).to.have.property("code", "EISDIR");
  });
});
