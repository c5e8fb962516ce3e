import { expect } from "chai";
import fc from "fast-check";
import { ResidentChunks } from "../../src/chunks/resident-chunks.ts";
import { whenResident } from "../../src/chunks/when-resident.ts";
import { NotResident } from "../../src/format/bytes/resident-source.ts";
import { indexedSample } from "../support/indexed-sample.ts";
import { rejection } from "../support/rejection.ts";
import { thrown } from "../support/thrown.ts";

describe("chunks/resident-chunks", () => {
  it("reads any ranges as slices of the whole, whatever it may keep", async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 12 });
    const ranges = fc.array(fc.tuple(fc.nat(3000), fc.nat(700)), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(sizes, ranges, fc.nat(1000), async (cuts, wanted, bytesMax) => {
        const { whole, index, chunks } = indexedSample(cuts);
        const source = new ResidentChunks(index, chunks, { bytesMax, inFlightMax: 2 });
        const inside = wanted
          .filter(([offset]) => offset <= whole.length)
          .map(([offset, size]) => [offset, Math.min(size, whole.length - offset)] as const);

        const read = await source.run(() =>
          inside.map(([offset, size]) => source.read(offset, size).slice()),
        );

        for (const [i, [offset, size]] of inside.entries()) {
          expect(read[i]).to.deep.equal(whole.slice(offset, offset + size));
        }
      }),
      { numRuns: 50 },
    );
  });

  it("names what is missing, from the first missing chunk to the last of the range", () => {
    const { index, chunks } = indexedSample([10, 10, 10, 10]);
    const source = new ResidentChunks(index, chunks, { bytesMax: 100, inFlightMax: 1 });

    const error = thrown(() => source.read(15, 20));

    expect(error).to.be.instanceOf(NotResident);
    expect((error as NotResident).need).to.deep.include({ kind: "chunk", index: 1, count: 3 });
  });

  it("fetches each chunk once for operations that fit in memory", async () => {
    const { index, chunks } = indexedSample([10, 10, 10]);
    const source = new ResidentChunks(index, chunks, { bytesMax: 30, inFlightMax: 2 });

    await source.run(() => [source.read(0, 30), source.read(5, 1)]);
    await source.run(() => source.read(0, 30));

    expect(chunks.reads).to.have.length(3);
  });

  it("drops the least recently read chunks after an operation, never during one", async () => {
    const { whole, index, chunks } = indexedSample([10, 10, 10]);
    const source = new ResidentChunks(index, chunks, { bytesMax: 10, inFlightMax: 2 });

    const bytes = await source.run(() => {
      source.read(20, 10);
      source.read(10, 10);
      return source.read(0, 10).slice();
    });

    expect(bytes).to.deep.equal(whole.slice(0, 10));
    expect(chunks.reads).to.have.length(3);
    await source.run(() => source.read(0, 10));
    expect(chunks.reads).to.have.length(3);
    await source.run(() => source.read(20, 10));
    expect(chunks.reads).to.have.length(4);
  });

  it("refuses ranges outside the archive", () => {
    const { index, chunks } = indexedSample([10]);
    const source = new ResidentChunks(index, chunks, { bytesMax: 10, inFlightMax: 1 });

    expect(source.size).to.equal(10);
    expect(() => source.read(5, 6)).to.throw(RangeError);
    expect(() => source.read(-1, 1)).to.throw(RangeError);
    expect(source.read(10, 0)).to.have.length(0);
  });

  it("passes errors of the operation and of fetching on", async () => {
    const { index, chunks } = indexedSample([10, 10]);
    const source = new ResidentChunks(index, chunks, { bytesMax: 10, inFlightMax: 1 });
    const mine = new Error("mine");
    chunks.add(new Uint8Array(9), index.digestAt(1));

    const failing = source.run(() => {
      source.read(0, 10);
      throw mine;
    });

    expect(await rejection(failing)).to.equal(mine);
    expect(await rejection(source.run(() => source.read(10, 10)))).to.have.property(
      "code",
      "CHUNK_CORRUPT",
    );
    const reason = new Error("stop");
    const stopped = source.run(() => source.read(10, 10), { signal: AbortSignal.abort(reason) });
    expect(await rejection(stopped)).to.equal(reason);
  });

  it("refuses an operation that reads from another source, too", async () => {
    const { index, chunks } = indexedSample([10]);
    const options = { bytesMax: 10, inFlightMax: 1 };
    const one = new ResidentChunks(index, chunks, options);
    const two = new ResidentChunks(index, chunks, options);

    expect(await rejection(one.run(() => two.read(0, 1)))).to.be.instanceOf(TypeError);
  });
});

describe("chunks/when-resident", () => {
  it("repeats the operation until nothing is missing", async () => {
    const have = new Set<number>();
    const asked: unknown[] = [];

    const result = await whenResident(
      async (need) => {
        asked.push(need);
        have.add(need as number);
        await Promise.resolve();
      },
      () => {
        for (const i of [1, 2, 3]) {
          // eslint-disable-next-line @typescript-eslint/only-throw-error -- as a source does
          if (!have.has(i)) throw new NotResident(i);
        }
        return "done";
      },
    );

    expect(result).to.equal("done");
    expect(asked).to.deep.equal([1, 2, 3]);
  });
});
