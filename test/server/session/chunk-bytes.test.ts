import { expect } from "chai";

import { chunkBytes } from "../../../src/server/session/chunk-bytes.ts";
import { PIECE_BYTES, PieceMemory } from "../../../src/server/session/piece-memory.ts";
import { type SessionBytes } from "../../../src/server/session/session-router.ts";
import { type StoredFile } from "../../../src/server/store/store-backend.ts";
import { prng } from "../../support/prng.ts";
import { rejection } from "../../support/rejection.ts";

describe("server/session/chunk-bytes", () => {
  const blob = prng(3, 2 * PIECE_BYTES + 77);
  const memory = new PieceMemory({
    lentBytesMax: 8 * PIECE_BYTES,
    keptBytesMax: 8 * PIECE_BYTES,
  });
  const share = memory.share({ bytesMax: 8 * PIECE_BYTES });

  /** A file that says it is as long as `blob` and has `bytes`. */
  function fileOf(bytes: Uint8Array, failure?: Error): StoredFile & { closed: () => number } {
    let closedCount = 0;
    return {
      size: blob.length,
      readAt: async (offset, size) => await Promise.resolve(bytes.slice(offset, offset + size)),
      readInto: async (targets) => {
        let done = 0;
        for (const target of targets) {
          target.set(bytes.subarray(done, done + target.length));
          done += target.length;
        }
        if (failure) throw failure;
        return await Promise.resolve(Math.min(done, bytes.length));
      },
      [Symbol.asyncDispose]: async () => {
        closedCount += 1;
        await Promise.resolve();
      },
      closed: () => closedCount,
    };
  }

  async function sentOf(answer: SessionBytes): Promise<{ bytes: Buffer; longest: number }> {
    const parts: Uint8Array[] = [];
    for await (const piece of answer.pieces) {
      parts.push(piece.slice());
      answer.use.onSent?.(piece);
    }
    await answer.use.close?.();
    return { bytes: Buffer.concat(parts), longest: Math.max(...parts.map(({ length }) => length)) };
  }

  it("sends a blob out of lent memory, which can be lent again afterwards", async () => {
    const file = fileOf(blob);
    const loan = share.tryTake(file.size);

    const sent = await sentOf(await chunkBytes(file, loan));

    expect(sent.bytes.equals(blob)).to.equal(true);
    expect(file.closed()).to.equal(1);
    expect([memory.lentBytes, memory.keptBytes]).to.deep.equal([0, 3 * PIECE_BYTES]);
  });

  it("sends a blob in small pieces when there is no memory", async () => {
    const file = fileOf(blob);

    const sent = await sentOf(await chunkBytes(file, undefined));

    expect(sent.bytes.equals(blob)).to.equal(true);
    expect(sent.longest).to.equal(64 * 1024);
    expect(file.closed()).to.equal(1);
  });

  it("sends what is left of a file that has become shorter", async () => {
    const file = fileOf(blob.subarray(0, PIECE_BYTES + 9));

    const sent = await sentOf(await chunkBytes(file, share.tryTake(file.size)));

    expect(sent.bytes.equals(blob.subarray(0, PIECE_BYTES + 9))).to.equal(true);
  });

  it("fails before anything is sent when the disk fails", async () => {
    const file = fileOf(blob, new Error("EIO"));
    const loan = share.tryTake(file.size);

    const error = await rejection(chunkBytes(file, loan));
    loan?.end();

    expect(error).to.be.instanceOf(Error).with.property("message", "EIO");
    expect(file.closed()).to.equal(1);
  });
});
