import { readFile } from "node:fs/promises";
import { expect } from "chai";
import fc from "fast-check";
import { ByteReader } from "../../../src/format/bytes/byte-reader.ts";
import { ByteWriter } from "../../../src/format/bytes/byte-writer.ts";
import { fromHex, toHex } from "../../../src/format/bytes/hex.ts";
import {
  readSvarint,
  readVarint,
  writeSvarint,
  writeVarint,
} from "../../../src/format/catalog/varint.ts";
import { thrown } from "../../support/thrown.ts";

const vectors = JSON.parse(
  await readFile(new URL("../../../fixtures/catalog/varints.json", import.meta.url), "utf8"),
) as { hex: string; u64?: string; i64?: string }[];

const reader = (hex: string) => new ByteReader(fromHex(hex), "number");

function written(write: (writer: ByteWriter) => void): string {
  const writer = new ByteWriter(1);
  write(writer);
  return toHex(writer.take());
}

describe("format/catalog/varint", () => {
  for (const { hex, u64, i64 } of vectors) {
    it(`reads and writes ${u64 ?? i64} as ${hex}, like the reference`, () => {
      if (i64 !== undefined) {
        expect(readSvarint(reader(hex))).to.equal(BigInt(i64));
        expect(
          written((writer) => {
            writeSvarint(writer, BigInt(i64));
          }),
        ).to.equal(hex);
      } else if (Number.isSafeInteger(Number(u64))) {
        expect(readVarint(reader(hex))).to.equal(Number(u64));
        expect(
          written((writer) => {
            writeVarint(writer, Number(u64));
          }),
        ).to.equal(hex);
      } else {
        expect(thrown(() => readVarint(reader(hex)))).to.have.property(
          "code",
          "FORMAT_OUT_OF_RANGE",
        );
      }
    });
  }

  it("reads back what it wrote, and no byte more", () => {
    fc.assert(
      fc.property(
        fc.maxSafeNat(),
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        (u, i) => {
          const bytes = reader(
            written((writer) => {
              writeVarint(writer, u);
              writeSvarint(writer, i);
            }),
          );

          expect(readVarint(bytes)).to.equal(u);
          expect(readSvarint(bytes)).to.equal(i);
          expect(bytes.remaining).to.equal(0);
        },
      ),
    );
  });

  it("accepts longer forms than needed", () => {
    expect(readVarint(reader("818000"))).to.equal(1);
    expect(readSvarint(reader("8000"))).to.equal(0n);
  });

  it("rejects numbers that do not end, are cut off or too large", () => {
    const code = (action: () => unknown) => (thrown(action) as { code: string }).code;

    expect(code(() => readVarint(reader("80")))).to.equal("FORMAT_TRUNCATED");
    expect(code(() => readVarint(reader("80".repeat(10) + "01")))).to.equal("FORMAT_INVALID");
    expect(code(() => readSvarint(reader("81")))).to.equal("FORMAT_TRUNCATED");
    expect(code(() => readSvarint(reader("80".repeat(11) + "01")))).to.equal("FORMAT_INVALID");
    expect(code(() => readSvarint(reader("80".repeat(9) + "01")))).to.equal("FORMAT_OUT_OF_RANGE");
    expect(code(() => readSvarint(reader("81" + "80".repeat(8) + "8100")))).to.equal(
      "FORMAT_OUT_OF_RANGE",
    );
  });
});
