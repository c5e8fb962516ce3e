import { expect } from "chai";

import { fromHex } from "../../../src/format/bytes/hex.ts";
import { filenameHash } from "../../../src/format/pxar/filename-hash.ts";
import { pxarFixtureText } from "../../support/pxar-fixtures.ts";

function hashHex(name: Uint8Array): string {
  const halves = new Uint32Array(2);
  filenameHash(name, halves);
  return [halves[1], halves[0]].map((half) => half!.toString(16).padStart(8, "0")).join("");
}

describe("format/pxar/filename-hash", () => {
  it("hashes every recorded name as the official program does", () => {
    const rows = JSON.parse(pxarFixtureText("internals/filename-hashes.json")) as {
      hash: string;
      name_hex: string;
    }[];

    const hashes = rows.map(({ name_hex }) => hashHex(fromHex(name_hex)));

    expect(hashes).to.deep.equal(rows.map(({ hash }) => hash));
  });

  it("hashes the names of the specification", () => {
    const { filename_hashes: expected } = JSON.parse(
      pxarFixtureText("examples/pxar-vectors.json"),
    ) as { filename_hashes: Record<string, string> };

    for (const [name, hash] of Object.entries(expected)) {
      expect(`0x${hashHex(Buffer.from(name))}`).to.equal(hash);
    }
  });
});
