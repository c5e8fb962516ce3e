import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { setImmediate as turn } from "node:timers/promises";

import { expect } from "chai";

import { packCounterFields } from "../../../src/client/archive/pack-counter.ts";
import { imageCuts, openImage } from "../../../src/client/backup/image-cuts.ts";
import { openContent } from "../../../src/client/backup/open-content.ts";
import { SharedCounters } from "../../../src/client/shared-counters.ts";
import { SourceError } from "../../../src/client/source/source-error.ts";
import { SharedArena } from "../../../src/chunks/shared-arena.ts";
import { chunkDigest } from "../../../src/format/chunk/digest.ts";
import { createNativeProvider } from "../../../src/format/crypto/native-provider.ts";
import { CHUNK_BYTES_MAX, FIXED_CHUNK_BYTES } from "../../../src/format/limits.ts";
import { seededBytes } from "../../support/odd-tree.ts";
import { rejection } from "../../support/rejection.ts";

const MIB = 1024 * 1024;
const zeroDigest = chunkDigest(createNativeProvider(), new Uint8Array(FIXED_CHUNK_BYTES));

describe("client/backup/image-cuts", () => {
  let directory = "";
  beforeEach(() => {
    directory = fs.mkdtempSync(path.join(os.tmpdir(), "amber-cuts-"));
  });
  afterEach(() => {
    fs.rmSync(directory, { recursive: true });
  });

  it("cuts an image into chunks of 4 MiB and reads none of those that are holes", async () => {
    const file = path.join(directory, "sparse");
    const data = seededBytes(100_000, 1);
    fs.writeFileSync(file, "");
    fs.truncateSync(file, 41 * MIB);
    const fd = fs.openSync(file, "r+");
    fs.writeSync(fd, data, 0, data.length, 21 * MIB);
    fs.closeSync(fd);

    const { pieces, content } = await cutAll(file);

    expect(pieces).to.deep.equal([
      "data 4194304", // The first hole is sent as zeros, so that the server has them.
      "known 4",
      "data 4194304",
      "known 4",
      "data 1048576",
    ]);
    expect(content.equals(fs.readFileSync(file))).to.equal(true);
  });

  it("reads a named pipe to its end, whose size nobody knows before", async () => {
    const pipe = path.join(directory, "pipe");
    spawnSync("mkfifo", [pipe]);
    const bytes = seededBytes(9_000_000, 2);
    const cut = cutAll(pipe);
    await turn();
    const written = fs.promises.writeFile(pipe, bytes);

    const { pieces, content } = await cut;

    await written;
    expect(pieces).to.deep.equal(["data 4194304", "data 4194304", "data 611392"]);
    expect(content.equals(bytes)).to.equal(true);
  });

  it("stops waiting for the writer of a pipe when it is aborted", async () => {
    const pipe = path.join(directory, "silent");
    spawnSync("mkfifo", [pipe]);
    const stop = new AbortController();
    const cut = cutAll(pipe, stop.signal);
    await turn();

    stop.abort(new Error("changed my mind"));

    expect(await rejection(cut)).to.have.property("message", "changed my mind");
  });

  for (const [what, make] of [
    [
      "a directory",
      (file: string) => {
        fs.mkdirSync(file);
      },
    ],
    [
      "an empty file",
      (file: string) => {
        fs.writeFileSync(file, "");
      },
    ],
    ["nothing", () => undefined],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const file = path.join(directory, what);
      make(file);

      const error = await rejection(openImage(file));

      expect(error).to.be.instanceOf(SourceError).with.property("code", "SOURCE_UNREADABLE");
    });
  }

  it("refuses a terminal or another character device", async () => {
    const error = await rejection(openContent("/dev/zero"));

    expect(error).to.be.instanceOf(SourceError).with.property("code", "SOURCE_UNREADABLE");
  });

  it("fails when the image gets shorter while it is read", async () => {
    const file = path.join(directory, "shrinking");
    fs.writeFileSync(file, seededBytes(9 * MIB, 3));
    await using content = await openImage(file);
    fs.truncateSync(file, 5 * MIB);

    const error = await rejection(drain(content, file, new AbortController().signal));

    expect(error).to.be.instanceOf(SourceError).with.property("code", "SOURCE_UNREADABLE");
  });
});

/** What an image is cut into, and the bytes of all pieces. */
async function cutAll(
  file: string,
  signal: AbortSignal = new AbortController().signal,
): Promise<{ readonly pieces: readonly string[]; readonly content: Buffer }> {
  await using content = await openImage(file);
  return await drain(content, file, signal);
}

async function drain(
  content: Awaited<ReturnType<typeof openImage>>,
  file: string,
  signal: AbortSignal,
): Promise<{ readonly pieces: readonly string[]; readonly content: Buffer }> {
  const arena = SharedArena.create({ slotCount: 2, slotBytes: CHUNK_BYTES_MAX });
  const counters = new SharedCounters(packCounterFields);
  const pieces: string[] = [];
  const bytes: Uint8Array[] = [];
  let offset = 0;
  for await (const cut of imageCuts(content, { path: file, arena, counters, signal, zeroDigest })) {
    expect(cut.streamOffset).to.equal(offset);
    if (cut.kind === "known") {
      pieces.push(`known ${cut.entries.length}`);
      for (const { size } of cut.entries) bytes.push(new Uint8Array(size));
    } else {
      pieces.push(`data ${cut.size}`);
      bytes.push(arena.view(cut.slot, 0, cut.size).slice());
      arena.release(cut.slot);
    }
    offset = bytes.reduce((sum, piece) => sum + piece.length, 0);
  }
  return { pieces, content: Buffer.concat(bytes) };
}
