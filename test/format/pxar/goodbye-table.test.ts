import { expect } from "chai";
import fc from "fast-check";

import { ByteWriter } from "../../../src/format/bytes/byte-writer.ts";
import { residentBytes } from "../../../src/format/bytes/resident-source.ts";
import { GoodbyeRows, searchTreeOrder } from "../../../src/format/pxar/goodbye-table.ts";
import { openGoodbyeTable } from "../../../src/format/pxar/goodbye-reader.ts";
import { type PxarDirectory } from "../../../src/format/pxar/node.ts";
import { metadataOf, pxarFixtureText } from "../../support/pxar-fixtures.ts";

describe("format/pxar/goodbye-table", () => {
  it("orders tables of every recorded size as the official program does", () => {
    const orders = JSON.parse(pxarFixtureText("internals/goodbye-bst-order.json")) as Record<
      string,
      number[]
    >;

    for (const [count, order] of Object.entries(orders)) {
      expect([...searchTreeOrder(Number(count))]).to.deep.equal(order);
    }
  });

  it("makes a search tree of any number of rows", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 5000 }), (count) => {
        const order = searchTreeOrder(count);
        for (let i = 1; i < count; i++) {
          const parent = order[(i - 1) >> 1]!;
          if (i % 2 === 1 ? order[i]! >= parent : order[i]! <= parent) return false;
        }
        return new Set(order).size === count;
      }),
      { numRuns: 50 },
    );
  });

  it("sorts by the whole hash, and leaves rows of one hash in archive order", () => {
    const hash = fc.tuple(fc.constantFrom(0, 1, 0xffffffff), fc.constantFrom(5, 0xfffffffe));
    fc.assert(
      fc.property(fc.array(hash, { maxLength: 40 }), (hashes) => {
        const rows = new GoodbyeRows();
        for (const [i, [low, high]] of hashes.entries()) rows.push(Uint32Array.of(low, high), i, 1);
        const writer = new ByteWriter();
        rows.writeTable(writer, 0, { goodbyeOffset: 100, entryOffset: 0 });

        const table = new DataView(writer.take().buffer);
        const order = searchTreeOrder(hashes.length);
        const sorted: number[] = [];
        for (const [place, rank] of order.entries()) {
          sorted[rank] = 100 - table.getUint32(16 + 24 * place + 8, true);
        }
        const expected = [...hashes.keys()].sort((a, b) => {
          const [[lowA, highA], [lowB, highB]] = [hashes[a]!, hashes[b]!];
          return highA - highB || lowA - lowB || a - b;
        });
        expect(sorted).to.deep.equal(expected);
      }),
    );
  });

  it("keeps the rows of outer directories while inner ones are written, also when it grows", () => {
    const rows = new GoodbyeRows();
    const hash = Uint32Array.of(1, 2);
    for (let i = 0; i < 3000; i++) rows.push(hash, i, 1);
    const inner = rows.count;
    for (let i = 0; i < 3000; i++) rows.push(hash, 3000 + i, 1);

    rows.writeTable(new ByteWriter(), inner, { goodbyeOffset: 6000, entryOffset: 0 });
    const writer = new ByteWriter();
    writer.write(new Uint8Array(6000));
    rows.writeTable(writer, 0, { goodbyeOffset: 6000, entryOffset: 0 });

    const archive = writer.take();
    const directory: PxarDirectory = {
      kind: "directory",
      name: new Uint8Array(0),
      nameOffset: 0,
      metadata: metadataOf({ mode: 0o40755 }),
      entryOffset: 0,
      contentOffset: 0,
      end: archive.length,
    };
    const table = openGoodbyeTable(residentBytes(archive), directory, Infinity).rowsByOffset();
    expect(table.length).to.equal(3000);
    expect([table.offset(0), table.offset(2999), table.offset(3000)]).to.deep.equal([
      0, 2999, 6000,
    ]);
  });
});
