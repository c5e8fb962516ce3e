import fs from "node:fs";
import os from "node:os";
import path from "node:path";

import { expect } from "chai";

import { ContentCopier, type CopyOutcome } from "../../../src/client/archive/content-copier.ts";
import { type PayloadStream } from "../../../src/client/archive/payload-stream.ts";
import { type FileStatus, statusOf } from "../../../src/linux/file-status.ts";
import { seededBytes } from "../../support/odd-tree.ts";

describe("client/archive/content-copier", () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "amber-copier-"));
  const file = path.join(directory, "file");
  after(() => {
    fs.rmSync(directory, { recursive: true });
  });

  /** Copies the file with the status it had before `change`. */
  function copy(
    content: Uint8Array,
    change: () => void = () => undefined,
    spaceBytes = 1 << 20,
  ): { readonly outcome: CopyOutcome; readonly bytes: Uint8Array; readonly status: FileStatus } {
    fs.writeFileSync(file, content);
    const fd = fs.openSync(file, "r");
    try {
      const status = statusOf(fd);
      change();
      const stream = new MemoryStream(spaceBytes);
      const outcome = new ContentCopier().copy(fd, status, stream);
      return { outcome, bytes: stream.bytes(), status };
    } finally {
      fs.closeSync(fd);
    }
  }

  for (const size of [0, 1, 262_143, 262_144, 262_145, 1_000_000]) {
    it(`copies ${size} bytes through space of any size`, () => {
      const content = seededBytes(size, 3);

      for (const space of [1 << 20, 100_000]) {
        const { outcome, bytes } = copy(content, undefined, space);
        expect(outcome.kind).to.equal("whole");
        expect(Buffer.compare(bytes, content)).to.equal(0);
      }
    });
  }

  it("fills a file that became shorter with zeros to the size it had", () => {
    const content = seededBytes(400_000, 4);

    const { outcome, bytes } = copy(content, () => {
      fs.truncateSync(file, 300_001);
    });

    expect(outcome.kind).to.equal("changed");
    expect(bytes.length).to.equal(400_000);
    expect(Buffer.compare(bytes.subarray(0, 300_001), content.subarray(0, 300_001))).to.equal(0);
    expect(bytes.subarray(300_001).every((byte) => byte === 0)).to.equal(true);
  });

  it("cuts a file that grew at the size it had", () => {
    const content = seededBytes(5000, 5);

    const { outcome, bytes } = copy(content, () => {
      fs.appendFileSync(file, "more");
    });

    expect(outcome.kind).to.equal("changed");
    expect(Buffer.compare(bytes, content)).to.equal(0);
  });

  it("notices that an empty file grew only by its size", () => {
    const { outcome, bytes } = copy(new Uint8Array(0), () => {
      fs.appendFileSync(file, "more");
    });

    expect([outcome.kind, bytes.length]).to.deep.equal(["whole", 0]);
  });

  it("fills up what cannot be read", () => {
    const stream = new MemoryStream(1000);
    const fd = fs.openSync(directory, "r"); // Reading a directory fails with EISDIR.
    const status = { ...statusOf(fd), size: 5000, storedSize: 5000 };

    const outcome = new ContentCopier().copy(fd, status, stream);

    fs.closeSync(fd);
    expect(outcome.kind).to.equal("incomplete");
    expect(stream.bytes()).to.deep.equal(new Uint8Array(5000));
  });

  it("takes holes for what they are", () => {
    fs.writeFileSync(file, "");
    fs.truncateSync(file, 50 * 1024 * 1024 + 7);
    const fd = fs.openSync(file, "r+");
    fs.writeSync(fd, "island", 20 * 1024 * 1024 + 3);
    const stream = new MemoryStream(1 << 20);

    const outcome = new ContentCopier().copy(fd, statusOf(fd), stream);

    fs.closeSync(fd);
    expect(outcome.kind).to.equal("whole");
    expect(Buffer.compare(stream.bytes(), fs.readFileSync(file))).to.equal(0);
  });
});

class MemoryStream implements PayloadStream {
  readonly #space: Uint8Array;
  readonly #parts: Uint8Array[] = [];
  #size = 0;

  constructor(spaceBytes: number) {
    this.#space = new Uint8Array(spaceBytes).fill(0xee); // What is not written must not show.
  }

  get position(): number {
    return this.#size;
  }

  write(bytes: Uint8Array): void {
    this.#parts.push(bytes.slice());
    this.#size += bytes.length;
  }

  reserve(size: number): Uint8Array {
    return this.#space.subarray(0, Math.min(size, this.#space.length));
  }

  commit(size: number): void {
    this.write(this.#space.subarray(0, size));
  }

  inject(): void {
    throw new Error("nothing is injected here");
  }

  bytes(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.#parts));
  }
}
