import { expect } from "chai";
import { cached } from "../../src/chunks/cached.ts";
import { MemoryChunkSource } from "../support/memory-chunk-source.ts";
import { prng } from "../support/prng.ts";
import { rejection } from "../support/rejection.ts";
import { parseDigest } from "../../src/format/chunk/digest.ts";

describe("chunks/cached", () => {
  it("reads a chunk once and hands out the same bytes", async () => {
    const inner = new MemoryChunkSource();
    const digest = inner.add(prng(1, 1000));
    const source = cached(inner, { bytesMax: 5000 });

    const first = await source.readChunk(digest);
    const second = await source.readChunk(digest);

    expect(second).to.equal(first);
    expect(inner.reads).to.have.length(1);
  });

  it("keeps the most recently read chunks within its bytes", async () => {
    const inner = new MemoryChunkSource();
    const [a, b, c] = [1, 2, 3].map((seed) => inner.add(prng(seed, 1000)));
    const source = cached(inner, { bytesMax: 2000 });

    for (const digest of [a!, b!, a!, c!, a!, b!]) await source.readChunk(digest);

    expect(inner.reads).to.deep.equal([a, b, c, b]);
  });

  it("passes on, and does not keep, what is longer than it may hold", async () => {
    const inner = new MemoryChunkSource();
    const digest = inner.add(prng(1, 1000));
    const source = cached(inner, { bytesMax: 999 });

    expect(await source.readChunk(digest)).to.have.length(1000);
    await source.readChunk(digest);

    expect(inner.reads).to.have.length(2);
  });

  it("does not remember failures", async () => {
    const inner = new MemoryChunkSource();
    const digest = parseDigest("ab".repeat(32));
    const source = cached(inner, { bytesMax: 5000 });

    expect(await rejection(source.readChunk(digest))).to.have.property("code", "CHUNK_MISSING");
    inner.add(prng(1, 10), digest);

    expect(await source.readChunk(digest)).to.have.length(10);
  });

  it("rejects with the reason of a signal that is aborted already", async () => {
    const inner = new MemoryChunkSource();
    const digest = inner.add(prng(1, 10));
    const source = cached(inner, { bytesMax: 5000 });
    await source.readChunk(digest);
    const reason = new Error("stop");

    const read = source.readChunk(digest, { signal: AbortSignal.abort(reason) });

    expect(await rejection(read)).to.equal(reason);
  });
});
