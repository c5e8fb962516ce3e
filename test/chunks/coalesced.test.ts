import { expect } from "chai";
import { type ReadOptions } from "../../src/chunks/blob-source.ts";
import { type ChunkSource } from "../../src/chunks/chunk-source.ts";
import { coalesced } from "../../src/chunks/coalesced.ts";
import { type Digest, parseDigest } from "../../src/format/chunk/digest.ts";
import { type Gate, gate } from "../support/faulty.ts";
import { rejection } from "../support/rejection.ts";

const digest = parseDigest("ab".repeat(32));
const other = parseDigest("cd".repeat(32));

/** A source whose reads wait for a gate, and tell when they were aborted. */
class GatedSource implements ChunkSource {
  readonly gates: Gate[] = [];
  readonly signals: (AbortSignal | undefined)[] = [];
  error: unknown;

  async readChunk(_digest: Digest, options?: ReadOptions): Promise<Uint8Array> {
    const mine = gate();
    this.gates.push(mine);
    this.signals.push(options?.signal);
    await mine.opened;
    if (this.error !== undefined) throw this.error as Error;
    return Uint8Array.of(this.gates.indexOf(mine));
  }
}

describe("chunks/coalesced", () => {
  it("joins overlapping reads of one chunk, and only those", async () => {
    const inner = new GatedSource();
    const source = coalesced(inner);

    const reads = [digest, digest, other].map(async (name) => await source.readChunk(name));
    for (const entry of inner.gates) entry.open();
    const [first, second, third] = await Promise.all(reads);

    expect(inner.gates).to.have.length(2);
    expect(second).to.equal(first);
    expect(third).to.deep.equal(Uint8Array.of(1));
  });

  it("reads again after the shared read has ended", async () => {
    const inner = new GatedSource();
    const source = coalesced(inner);
    for (const expected of [0, 1]) {
      const read = source.readChunk(digest);
      inner.gates.at(-1)?.open();

      expect(await read).to.deep.equal(Uint8Array.of(expected));
    }
  });

  it("answers every waiter when the shared read fails", async () => {
    const inner = new GatedSource();
    inner.error = new Error("disk");
    const source = coalesced(inner);

    const reads = [source.readChunk(digest), source.readChunk(digest)];
    inner.gates[0]?.open();

    for (const read of reads) expect(await rejection(read)).to.equal(inner.error);
  });

  it("lets one reader give up without failing the other", async () => {
    const inner = new GatedSource();
    const source = coalesced(inner);
    const stop = new AbortController();
    const reason = new Error("changed my mind");

    const impatient = source.readChunk(digest, { signal: stop.signal });
    const patient = source.readChunk(digest);
    stop.abort(reason);

    expect(await rejection(impatient)).to.equal(reason);
    expect(inner.signals[0]?.aborted).to.equal(false);
    inner.gates[0]?.open();
    expect(await patient).to.deep.equal(Uint8Array.of(0));
  });

  it("aborts the read when the last reader has given up, and starts afresh for the next", async () => {
    const inner = new GatedSource();
    const source = coalesced(inner);
    const stop = new AbortController();

    const read = source.readChunk(digest, { signal: stop.signal });
    stop.abort(new Error("stop"));
    await rejection(read);

    expect(inner.signals[0]?.aborted).to.equal(true);
    const next = source.readChunk(digest);
    inner.gates[1]?.open();
    expect(await next).to.deep.equal(Uint8Array.of(1));
  });

  it("starts nothing for a signal that is aborted already", async () => {
    const inner = new GatedSource();

    await rejection(coalesced(inner).readChunk(digest, { signal: AbortSignal.abort() }));

    expect(inner.gates).to.have.length(0);
  });
});
