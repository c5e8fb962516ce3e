import { expect } from "chai";

import { residentBytes } from "../../src/format/bytes/resident-source.ts";
import { FormatError } from "../../src/format/format-error.ts";
import { PxarDecoder } from "../../src/format/pxar/decoder.ts";
import { PxarScanner } from "../../src/format/pxar/scanner.ts";
import { PxarTree } from "../../src/format/pxar/tree-reader.ts";
import { pxarFixture, walkTree } from "../support/pxar-fixtures.ts";

const SEED = 0x5eed;
const ROUNDS_MAX = 4000;
const TIME_MS = 4000;

const originals = [
  "v1/special.pxar",
  "v1/acls.pxar",
  "v1/xattrs.pxar",
  "v1/nested.pxar",
  "v1/names.pxar",
  "v1/no-meta.pxar",
  "v2/split-prelude.mpxar",
  "internals/entry-v1.pxar",
  "internals/quota-projid.pxar",
].map(pxarFixture);

/** Marsaglia's xorshift: a small generator whose sequence the seed fixes. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const interesting = [0, 1, 15, 16, 17, 24, 40, 0x7f, 0x80, 0xff];

function mutated(random: (below: number) => number): Uint8Array {
  const bytes = originals[random(originals.length)]!.slice();
  for (let count = 1 + random(4); count > 0; count--) {
    const at = random(bytes.length);
    switch (random(4)) {
      case 0:
        bytes[at]! ^= 1 << random(8);
        break;
      case 1:
        bytes[at] = interesting[random(interesting.length)]!;
        break;
      case 2:
        bytes.copyWithin(at, random(bytes.length), random(bytes.length));
        break;
      default:
        bytes.fill(random(2) * 255, at, at + 8);
    }
  }
  return random(5) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes;
}

/** Runs `decode` and accepts a value or a FormatError. */
function isTame(decode: () => void): boolean {
  try {
    decode();
    return true;
  } catch (error) {
    if (error instanceof FormatError) return false;
    throw error;
  }
}

describe("fuzz/pxar", () => {
  it(`decodes mutated archives to a value or a FormatError (seed ${SEED})`, () => {
    const random = generator(SEED);
    const start = performance.now();
    let values = 0;
    let rounds = 0;

    while (rounds < ROUNDS_MAX && performance.now() - start < TIME_MS) {
      const bytes = mutated(random);
      rounds++;
      let steps = 0;
      const isWhole = isTame(() => {
        const decoder = new PxarDecoder(residentBytes(bytes));
        while (decoder.next()) steps++;
      });
      // Every entry costs at least a FILENAME item, every directory end a table: work is bounded by the input.
      expect(steps).to.be.at.most(bytes.length / 16);
      if (isWhole) values++;
    }

    expect(rounds).to.be.greaterThan(500);
    expect(values).to.be.greaterThan(0).and.lessThan(rounds);
  });

  it(`scans mutated archives to an end or a FormatError, and finds all attributes of what is whole (seed ${SEED})`, () => {
    const random = generator(SEED + 3);
    let ends = 0;
    let rounds = 0;

    for (; rounds < 1500; rounds++) {
      const bytes = mutated(random);
      let steps = 0;
      let found = 0;
      const isScanned = isTame(() => {
        const note = (hasAttributes: boolean): void => {
          steps++;
          if (hasAttributes) found++;
        };
        new PxarScanner(residentBytes(bytes), {
          leaf: (_, hasAttributes) => {
            note(hasAttributes);
          },
          hardLink: () => steps++,
          directoryStart: note,
          directoryEnd: () => steps++,
        }).run();
      });
      expect(steps).to.be.at.most(bytes.length / 16);
      if (isScanned) ends++;
      let expected = 0;
      const isWhole = isTame(() => {
        for (const step of new PxarDecoder(residentBytes(bytes))) {
          if (step.kind === "directory-end" || step.node.kind === "hardlink") continue;
          const { xattrs, acl, fcaps } = step.node.metadata;
          if (xattrs.length > 0 || acl || fcaps) expected++;
        }
      });
      if (isWhole) expect([isScanned, found]).to.deep.equal([true, expected]);
    }

    expect(ends).to.be.greaterThan(0).and.lessThan(rounds);
  });

  it(`walks and searches mutated archives to a value or a FormatError (seed ${SEED})`, () => {
    const random = generator(SEED + 1);
    const start = performance.now();
    let values = 0;
    let rounds = 0;

    while (rounds < ROUNDS_MAX && performance.now() - start < TIME_MS) {
      const bytes = mutated(random);
      rounds++;
      let nodes = 0;
      const isWhole = isTame(() => {
        const tree = new PxarTree(residentBytes(bytes));
        for (const { node } of walkTree(tree)) {
          nodes++;
          if (node.kind === "hardlink") tree.resolveHardLink(node);
          if (node.kind === "directory") tree.lookup(node, Buffer.from("inner"));
        }
      });
      expect(nodes).to.be.at.most(bytes.length / 16);
      if (isWhole) values++;
    }

    expect(rounds).to.be.greaterThan(500);
    expect(values).to.be.greaterThan(0).and.lessThan(rounds);
  });

  it("reads only inside the source, whatever the offsets in the archive are", () => {
    const random = generator(SEED + 2);

    for (let round = 0; round < 1500; round++) {
      const bytes = mutated(random);
      const tree = new PxarTree({
        size: bytes.length,
        read(offset, size) {
          if (offset < 0 || size < 0 || offset + size > bytes.length) {
            throw new RangeError(`${size} bytes at ${offset}`);
          }
          return bytes.subarray(offset, offset + size);
        },
      });
      isTame(() => {
        Array.from(walkTree(tree));
      });
    }
  });
});
