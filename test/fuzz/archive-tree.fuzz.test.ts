import { expect } from "chai";

import { NotResident } from "../../src/format/bytes/resident-source.ts";
import { FormatError } from "../../src/format/format-error.ts";
import { type FileSystem, ROOT_INODE } from "../../src/fs/file-system.ts";
import { FsError } from "../../src/fs/fs-error.ts";
import { DrivenFileSystem } from "../support/driven-file-system.ts";
import { MemoryDatastore } from "../support/memory-datastore.ts";
import { pxarFixture } from "../support/pxar-fixtures.ts";

const SEED = 0xf5;
const ROUNDS = 400;
const snapshot = { namespace: "", type: "host", id: "elsa", timeSec: 1 };
const originals = ["links", "special", "acls", "xattrs", "mixed", "no-meta"].map((name) =>
  pxarFixture(`v1/${name}.pxar`),
);

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

/** Everything that a program could ask of one inode. */
function askEverything(fileSystem: FileSystem, ino: number): void {
  fileSystem.getAttributes(ino);
  for (const name of fileSystem.listExtendedAttributes(ino)) {
    fileSystem.getExtendedAttribute(ino, name);
  }
  fileSystem.read(ino, 0, 4096);
}

describe("fuzz/archive-tree", function () {
  this.timeout(30_000);

  it(`answers everything about mutated archives with a value or an errno (seed ${SEED})`, async () => {
    const random = generator(SEED);
    let failures = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const bytes = originals[random(originals.length)]!.slice();
      for (let count = 1 + random(3); count > 0; count--) {
        bytes[random(bytes.length)] = random(256);
      }
      const datastore = new MemoryDatastore();
      datastore.addSnapshot(snapshot);
      datastore.addArchive(snapshot, "root.pxar.didx", bytes);
      const mount = new DrivenFileSystem(datastore, {
        root: { kind: "archive", snapshot, name: "root.pxar" },
      });
      const pending = [ROOT_INODE];
      let visited = 0;
      for (let ino = pending.pop(); ino !== undefined; ino = pending.pop()) {
        expect(++visited).to.be.lessThan(bytes.length);
        const at = ino;
        try {
          const { entries } = await mount.run((fs) => fs.readDirectory(at));
          for (const { attributes } of entries) {
            if (attributes.kind === "directory") pending.push(attributes.ino);
          }
          for (const { attributes } of entries) {
            await mount.run((fs) => {
              askEverything(fs, attributes.ino);
            });
          }
        } catch (error) {
          expect(error).not.to.be.instanceOf(NotResident);
          if (!(error instanceof FsError || error instanceof FormatError)) throw error;
          failures++;
        }
      }
    }
    expect(failures).to.be.greaterThan(0);
  });
});
