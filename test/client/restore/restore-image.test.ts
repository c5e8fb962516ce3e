import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { Writable } from "node:stream";

import { expect } from "chai";

import {
  type ByteArchive,
  restoreToFile,
  restoreToStream,
} from "../../../src/client/restore/restore-image.ts";
import { RestoreError } from "../../../src/client/target/restore-error.ts";
import { parseDigest } from "../../../src/format/chunk/digest.ts";
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
  const options = {
    signal,
    onBytes: async () => {
      await Promise.resolve();
    },
  };
  const parts = [seededBytes(200_000, 1), new Uint8Array(1_000_000), seededBytes(100, 2)];
  const whole = Buffer.concat(parts);

  it("writes a new file and leaves holes where chunks are zero", async () => {
    const file = path.join(directory, "image");

    await restoreToFile(archiveOf(parts), file, options);

    expect(Buffer.compare(fs.readFileSync(file), whole)).to.equal(0);
    expect(fs.statSync(file).blocks * 512).to.be.below(300_000);
    const error = await rejection(restoreToFile(archiveOf(parts), file, options));
    expect(error).to.be.instanceOf(RestoreError).with.property("code", "RESTORE_EXISTS");
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

  it("refuses a chunk of another length than the index says", async () => {
    const archive = archiveOf(parts);
    const chunks = { readChunk: async () => await Promise.resolve(new Uint8Array(5)) };

    const error = await rejection(
      restoreToFile({ ...archive, chunks }, path.join(directory, "short"), options),
    );

    expect(error).to.be.instanceOf(RestoreError).with.property("code", "RESTORE_FAILED");
  });
});

function archiveOf(parts: readonly Uint8Array[]): ByteArchive {
  const index = new DynamicIndexBuilder(createNativeProvider());
  const byDigest = new Map<string, Uint8Array>();
  for (const [i, part] of parts.entries()) {
    const digest = parseDigest(String(i).padStart(64, "0"));
    index.append(part.length, digest);
    byDigest.set(digest, part);
  }
  return {
    index: parseDynamicIndex(index.build({ uuid: new Uint8Array(16), createdAtSec: 0n })),
    chunks: {
      readChunk: async (digest) => await Promise.resolve(byDigest.get(digest) ?? new Uint8Array(0)),
    },
  };
}
