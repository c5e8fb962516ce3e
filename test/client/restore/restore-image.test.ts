import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { Writable } from "node:stream";

import { expect } from "chai";

import { ChunkError } from "../../../src/chunks/chunk-error.ts";
import { NewImageFile } from "../../../src/client/restore/new-image-file.ts";
import {
  type ByteArchive,
  restoreToStream,
  restoreToTarget,
} from "../../../src/client/restore/restore-image.ts";
import { RestoreError } from "../../../src/client/target/restore-error.ts";
import { chunkDigest } from "../../../src/format/chunk/digest.ts";
import { createNativeProvider } from "../../../src/format/crypto/native-provider.ts";
import { DynamicIndexBuilder, parseDynamicIndex } from "../../../src/format/index/dynamic-index.ts";
import { seededBytes } from "../../support/odd-tree.ts";
import { rejection } from "../../support/rejection.ts";

describe("client/restore/restore-image", () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "amber-image-"));
  after(() => {
    fs.rmSync(directory, { recursive: true });
  });
  const { signal } = new AbortController();
  const options = { signal, onBytes: () => undefined };
  const parts = [seededBytes(200_000, 1), new Uint8Array(1_000_000), seededBytes(100, 2)];
  const whole = Buffer.concat(parts);

  async function restoreToFile(archive: ByteArchive, file: string): Promise<DamagedRanges> {
    const damaged: DamagedRanges = [];
    const { size } = archive.index;
    const target = await NewImageFile.create(file, { size, existing: "refuse", zeros: "holes" });
    const onDamage = ({ start, end }: { start: number; end: number }): void => {
      damaged.push([start, end]);
    };
    const error = await rejection(
      restoreToTarget(archive, target, { ...options, onDamage }).then(() => {
        throw new Error("nothing was wrong");
      }),
    );
    if (error instanceof RestoreError) damaged.push(error.code);
    else if (!(error instanceof Error) || error.message !== "nothing was wrong") throw error;
    return damaged;
  }

  it("writes a new file and leaves holes where blocks of a chunk are zero", async () => {
    const file = path.join(directory, "image");

    const damaged = await restoreToFile(archiveOf(parts), file);

    expect(damaged).to.deep.equal([]);
    expect(Buffer.compare(fs.readFileSync(file), whole)).to.equal(0);
    expect(fs.statSync(file).blocks * 512).to.be.below(300_000);
    expect(fs.readdirSync(directory)).to.deep.equal(["image"]);
    const error = await rejection(restoreToFile(archiveOf(parts), file));
    expect(error).to.be.instanceOf(RestoreError).with.property("code", "RESTORE_EXISTS");
  });

  it("neither fetches nor writes chunks that are named as zeros", async () => {
    const file = path.join(directory, "zeros");
    const zero = new Uint8Array(100_000);
    const archive = archiveOf([zero, zero, seededBytes(100_000, 3), zero, new Uint8Array(10)]);
    const fetched: number[] = [];
    const counting: ByteArchive = {
      ...archive,
      zeroDigest: archive.index.digestAt(0),
      readChunk: async (i) => {
        fetched.push(i);
        return await archive.readChunk(i);
      },
    };

    await restoreToFile(counting, file);

    expect(fetched).to.deep.equal([2, 4]);
    expect(fs.statSync(file).size).to.equal(400_010);
    expect(
      fs.readFileSync(file).subarray(200_000, 300_000).equals(seededBytes(100_000, 3)),
    ).to.equal(true);
  });

  it("leaves out damaged chunks, says which, and does not give the file its name", async () => {
    const file = path.join(directory, "damaged");
    const archive = archiveOf(parts);
    const failing: ByteArchive = {
      ...archive,
      readChunk: async (i) => {
        if (i === 0) throw new ChunkError("CHUNK_MISSING", archive.index.digestAt(i));
        return await archive.readChunk(i);
      },
    };

    const damaged = await restoreToFile(failing, file);

    expect(damaged).to.deep.equal([[0, 200_000], "RESTORE_INCOMPLETE"]);
    expect(fs.existsSync(file)).to.equal(false);
    const rest = fs.readFileSync(`${file}.partial`);
    expect(rest.subarray(200_000).equals(whole.subarray(200_000))).to.equal(true);
  });

  it("leaves nothing behind when it fails for another reason", async () => {
    const file = path.join(directory, "lost");
    const failing: ByteArchive = {
      ...archiveOf(parts),
      readChunk: async () => await Promise.reject(new Error("the server has gone")),
    };

    const error = await rejection(restoreToFile(failing, file));

    expect(error).to.have.property("message", "the server has gone");
    expect(fs.readdirSync(directory).filter((name) => name.startsWith("lost"))).to.deep.equal([]);
  });

  it("writes a stream in order and at the pace of its reader", async () => {
    const received: Uint8Array[] = [];
    const output = new Writable({
      highWaterMark: 1,
      write(chunk: Uint8Array, _encoding, done) {
        received.push(chunk);
        setImmediate(done);
      },
    });

    await restoreToStream(archiveOf(parts), output, options);

    expect(Buffer.compare(Buffer.concat(received), whole)).to.equal(0);
  });

  it("ends well when the reader has had enough", async () => {
    const output = new Writable({
      highWaterMark: 1,
      write(_chunk, _encoding, done) {
        done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
      },
    });
    output.on("error", () => undefined);

    await restoreToStream(archiveOf(parts), output, options);
  });
});

type DamagedRanges = (readonly [number, number] | string)[];

function archiveOf(parts: readonly Uint8Array[]): ByteArchive {
  const index = new DynamicIndexBuilder(createNativeProvider());
  const provider = createNativeProvider();
  for (const part of parts) {
    const digest = chunkDigest(provider, part);
    index.append(part.length, digest);
  }
  return {
    index: parseDynamicIndex(index.build({ uuid: new Uint8Array(16), createdAtSec: 0n })),
    zeroDigest: undefined,
    readChunk: async (i) => await Promise.resolve(parts[i] ?? new Uint8Array(0)),
  };
}
