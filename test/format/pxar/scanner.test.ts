import { expect } from "chai";

import {
  NotResident,
  residentBytes,
  type ResidentSource,
} from "../../../src/format/bytes/resident-source.ts";
import { PxarDecoder } from "../../../src/format/pxar/decoder.ts";
import { PxarScanner } from "../../../src/format/pxar/scanner.ts";
import { pxarFixture, pxarFixtureNames } from "../../support/pxar-fixtures.ts";
import { thrown } from "../../support/thrown.ts";

/** What a scan tells, as text. */
function scanned(source: ResidentSource): { told: string[]; scanner: PxarScanner } {
  const told: string[] = [];
  const scanner = new PxarScanner(source, {
    leaf: (nameOffset, hasAttributes) => told.push(`leaf ${nameOffset} ${hasAttributes}`),
    hardLink: (targetNameOffset) => told.push(`link to ${targetNameOffset}`),
    directoryStart: (hasAttributes) => told.push(`directory ${hasAttributes}`),
    directoryEnd: (end) => told.push(`end ${end}`),
  });
  return { told, scanner };
}

/** The same from what the decoder finds. */
function decoded(bytes: Uint8Array): string[] {
  const decoder = new PxarDecoder(residentBytes(bytes));
  return Array.from(decoder, (step) => {
    if (step.kind === "directory-end") return `end ${decoder.offset}`;
    const { node } = step;
    if (node.kind === "hardlink") return `link to ${node.targetNameOffset}`;
    const { xattrs, acl, fcaps } = node.metadata;
    const hasAttributes = xattrs.length > 0 || acl !== undefined || fcaps !== undefined;
    return node.kind === "directory"
      ? `directory ${hasAttributes}`
      : `leaf ${node.nameOffset} ${hasAttributes}`;
  });
}

const archives = [
  ...pxarFixtureNames().map((name) => `v1/${name}.pxar`),
  "v2/split.mpxar",
  "v2/split-prelude.mpxar",
  "internals/entry-v1.pxar",
  "internals/quota-projid.pxar",
];

describe("format/pxar/scanner", () => {
  for (const name of archives) {
    it(`finds in ${name} what the decoder finds`, () => {
      const bytes = pxarFixture(name);
      const { told, scanner } = scanned(residentBytes(bytes));

      scanner.run();

      expect(told).to.deep.equal(decoded(bytes));
    });
  }

  it("goes on where it was interrupted, and tells of nothing twice", () => {
    const bytes = pxarFixture("v1/mixed.pxar");
    const resident = new Set<number>();
    const { told, scanner } = scanned({
      size: bytes.length,
      read: (offset, size) => {
        for (let page = offset >> 9; page <= (offset + size - 1) >> 9; page++) {
          // eslint-disable-next-line @typescript-eslint/only-throw-error -- a miss is no failure and carries no stack
          if (!resident.has(page)) throw new NotResident(page);
        }
        return bytes.subarray(offset, offset + size);
      },
    });

    let interruptions = 0;
    for (;;) {
      const miss = thrownOrNothing(() => {
        scanner.run();
      });
      if (!(miss instanceof NotResident)) break;
      interruptions++;
      resident.add(miss.need as number);
    }

    expect(interruptions).to.be.greaterThan(3);
    expect(told).to.deep.equal(decoded(bytes));
  });

  it("fails for an archive that is cut off, has bytes behind its root or begins with a file", () => {
    const bytes = pxarFixture("v1/mixed.pxar");
    const longer = new Uint8Array(bytes.length + 8);
    longer.set(bytes);

    for (const wrong of [bytes.subarray(0, 400), longer, bytes.subarray(56)]) {
      const error = thrown(() => {
        scanned(residentBytes(wrong)).scanner.run();
      });
      expect(error)
        .to.have.property("code")
        .that.matches(/^FORMAT_/);
    }
  });
});

function thrownOrNothing(work: () => void): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    return error;
  }
}
