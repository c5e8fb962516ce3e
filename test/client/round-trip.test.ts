import fs from "node:fs";
import os from "node:os";
import path from "node:path";

import { expect } from "chai";

import { describeTree } from "../support/describe-tree.ts";
import { makeOddTree, removeOddTree } from "../support/odd-tree.ts";
import { type MemoryStore } from "../support/memory-upload.ts";
import { packDirectory } from "../support/pack-directory.ts";
import { pxarFixture, pxarFixtureNames } from "../support/pxar-fixtures.ts";
import { rawArchive } from "../support/raw-archive.ts";
import { restorePacked, restoreRaw } from "../support/restore-packed.ts";
import { skipBecause } from "../support/skip-because.ts";

const isRoot = process.getuid?.() === 0;

describe("client, a tree into an archive and back", function () {
  this.timeout(60_000);
  // On a disk where there is one: attributes come in the order of the file system, and a tmpfs has another one.
  const parent = fs.existsSync("/var/tmp") ? "/var/tmp" : os.tmpdir();
  const base = fs.mkdtempSync(path.join(parent, "amber-round-"));
  const source = path.join(base, "source");
  let unsupported: readonly string[] = [];
  before(() => {
    unsupported = makeOddTree(source);
  });
  afterEach(() => {
    for (const name of fs.readdirSync(base)) {
      if (name !== "source") removeOddTree(path.join(base, name));
    }
  });
  after(() => {
    removeOddTree(base);
  });

  for (const mode of ["legacy", "data"] as const) {
    it(`brings back every kind of entry and metadata (${mode})`, async () => {
      const packed = await packDirectory(source, new Map(), { mode });

      const problems = await restorePacked(packed, path.join(base, "back"));

      expect(packed.problems).to.deep.equal([]);
      if (isRoot) expect(problems).to.deep.equal([]);
      expectSameTrees(source, path.join(base, "back"));
      if (unsupported.length > 0) console.log(`      without ${unsupported.join(", ")}`);
    });
  }

  it("restores holes as holes, also when they cross chunks", async () => {
    const packed = await packDirectory(source, new Map(), { mode: "data" });

    await restorePacked(packed, path.join(base, "back"));

    const { size, blocks } = fs.statSync(path.join(base, "back/sizes/sparse"));
    expect(size).to.equal(30 * 1024 * 1024 + 123);
    expect(blocks * 512).to.be.below(200_000);
  });

  it("gives the same archives again when nothing changed, without reading a file", async () => {
    const store: MemoryStore = new Map();
    const first = await packDirectory(source, store, { mode: "data" });

    const second = await packDirectory(source, store, { mode: "metadata", previous: first });

    expect(second.counts).to.include({ readBytes: 0, reusedFiles: first.counts.files });
    expect(second.archive.csum()).to.equal(first.archive.csum());
    expect(second.payload.csum()).to.equal(first.payload.csum());
    expect(second.archive.uploadedBytes + second.payload.uploadedBytes).to.equal(0);
  });

  it("restores a backup that was put together from old and new content", async () => {
    const store: MemoryStore = new Map();
    const changed = path.join(base, "changed");
    fs.mkdirSync(changed);
    for (let i = 0; i < 40; i++) {
      fs.writeFileSync(path.join(changed, `f${i}`), Buffer.alloc(20_000, `${i} and more`));
    }
    const first = await packDirectory(changed, store, { mode: "data" });
    fs.writeFileSync(path.join(changed, "f20"), "now it is another one");
    fs.rmSync(path.join(changed, "f30"));
    fs.writeFileSync(path.join(changed, "a-new-one"), "new");

    const second = await packDirectory(changed, store, { mode: "metadata", previous: first });

    await restorePacked(second, path.join(base, "back"));
    expectSameTrees(changed, path.join(base, "back"));
    expect(second.counts.reusedFiles).to.be.above(15);
    expect(second.counts.files).to.equal(40);
  });

  it("does not re-use a file of which only the value of an attribute changed", async function () {
    if (unsupported.some((what) => what.startsWith("user."))) {
      skipBecause(this, "this file system has no attributes of users");
    }
    const store: MemoryStore = new Map();
    const first = await packDirectory(source, store, { mode: "data" });
    const { setAttribute } = await import("../../src/linux/extended-attributes.ts");
    const file = fs.openSync(path.join(source, "attributes/trusted"), "r");
    setAttribute(file, Buffer.from("user.k"), Buffer.from("1"));
    const second = await packDirectory(source, store, { mode: "metadata", previous: first });
    setAttribute(file, Buffer.from("user.k"), Buffer.from("2"));
    fs.closeSync(file);

    const third = await packDirectory(source, store, { mode: "metadata", previous: second });

    await restorePacked(third, path.join(base, "back"));
    expectSameTrees(source, path.join(base, "back"));
  });

  // The real program made these archives; a restore and a backup of it must give every byte again.
  // Not those with patterns: the record of command line patterns would be packed as the ordinary file it has become, and
  // clients before 4.1.7 did not apply anchored patterns in sub-directories, which we do (spec pxar.md §9.2).
  for (const name of pxarFixtureNames().filter((one) => !one.startsWith("exclude-"))) {
    it(`restores and packs ${name}.pxar of the official program to the same bytes`, async function () {
      if (!isRoot) skipBecause(this, "needs root");
      const bytes = pxarFixture(`v1/${name}.pxar`);
      const target = path.join(base, name);
      const problems = await restoreRaw({ archive: rawArchive(bytes) }, target);
      if (problems.length > 0) {
        skipBecause(this, problems.map(({ kind, reason }) => `${kind}: ${reason}`).join(", "));
      }

      const packed = await packDirectory(target, new Map(), { mode: "legacy" });

      expect(packed.problems).to.deep.equal([]);
      expectSameBytes(packed.archive.content(), bytes);
    });
  }
});

function expectSameTrees(expected: string, actual: string): void {
  const wanted = describeTree(expected);
  const got = describeTree(actual);
  for (const [name, line] of wanted) expect(got.get(name), name).to.equal(line);
  expect([...got.keys()]).to.deep.equal([...wanted.keys()]);
}

function expectSameBytes(actual: Uint8Array, expected: Uint8Array): void {
  if (Buffer.compare(actual, expected) === 0) return;
  const at = expected.findIndex((byte, i) => actual[i] !== byte);
  const around = (bytes: Uint8Array): string =>
    Buffer.from(bytes.subarray(Math.max(0, at - 32), at + 32)).toString("hex");
  expect(around(actual), `at ${at} of ${expected.length}`).to.equal(around(expected));
  expect(actual.length).to.equal(expected.length);
}
