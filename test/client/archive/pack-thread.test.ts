import fs from "node:fs";
import os from "node:os";
import path from "node:path";

import { expect } from "chai";

import { type Cut } from "../../../src/chunks/chunk-cutter.ts";
import { packCounterFields } from "../../../src/client/archive/pack-counter.ts";
import { PackThread } from "../../../src/client/archive/pack-thread.ts";
import { SharedCounters } from "../../../src/client/shared-counters.ts";
import { SourceError } from "../../../src/client/source/source-error.ts";
import { residentBytes } from "../../../src/format/bytes/resident-source.ts";
import { CatalogReader } from "../../../src/format/catalog/catalog-reader.ts";
import { PxarDecoder } from "../../../src/format/pxar/decoder.ts";
import { PxarTree } from "../../../src/format/pxar/tree-reader.ts";
import { type MemoryStore } from "../../support/memory-upload.ts";
import { packDirectory } from "../../support/pack-directory.ts";
import { pxarFixture } from "../../support/pxar-fixtures.ts";
import { rawArchive } from "../../support/raw-archive.ts";
import { rejection } from "../../support/rejection.ts";
import { restoreRaw } from "../../support/restore-packed.ts";
import { skipBecause } from "../../support/skip-because.ts";

describe("client/archive/pack-thread", function () {
  this.timeout(30_000);
  let root = "";
  beforeEach(() => {
    root = fs.mkdtempSync(path.join(os.tmpdir(), "amber-pack-"));
  });
  afterEach(() => {
    fs.rmSync(root, { recursive: true });
  });

  const request = (): Parameters<PackThread["pack"]>[0] => ({
    source: Buffer.from(root),
    mode: "legacy",
    catalogName: "root.pxar.didx",
    chunkBytesAverage: 64 * 1024,
    excludes: [],
    lostAndFound: "pack",
    mounts: [],
    entriesMax: 1000,
    oversizedAttributes: "fail",
    counters: new SharedCounters(packCounterFields).memory,
    previous: undefined,
  });

  it("writes archives that the sequential rules accept, with references in order", async () => {
    for (let i = 0; i < 30; i++) fs.writeFileSync(path.join(root, `f${i}`), `content ${i}`);
    const store: MemoryStore = new Map();
    const first = await packDirectory(root, store, { mode: "data" });
    fs.writeFileSync(path.join(root, "f15"), "changed");
    const second = await packDirectory(root, store, { mode: "metadata", previous: first });

    for (const { archive, payload } of [first, second]) {
      const steps = [
        ...new PxarDecoder(residentBytes(archive.content()), residentBytes(payload.content())),
      ];
      expect(steps.filter(({ kind }) => kind === "entry")).to.have.length(31);
    }
  });

  it("records the patterns of the command line in the prelude of split archives", async () => {
    fs.writeFileSync(path.join(root, "a.tmp"), "");
    const choices = { excludes: ["*.tmp"], lostAndFound: "skip" } as const;

    const packed = await packDirectory(root, new Map(), { mode: "data", ...choices });

    const { prelude } = new PxarTree(residentBytes(packed.archive.content())).header();
    const text = Buffer.from(prelude ?? []).toString();
    expect(text).to.equal('{"exclude-patterns":"*.tmp\\nlost+found\\n"}');
  });

  it("records them at the end of the root of unsplit archives, in place of a file of that name", async () => {
    fs.writeFileSync(path.join(root, ".pxarexclude-cli"), "from a restore");
    fs.writeFileSync(path.join(root, "z"), "");

    const packed = await packDirectory(root, new Map(), { mode: "legacy", excludes: ["*.tmp"] });

    const tree = new PxarTree(residentBytes(packed.archive.content()));
    const names = tree.children(tree.root()).map(({ name }) => Buffer.from(name).toString());
    expect(names).to.deep.equal(["z", ".pxarexclude-cli"]);
  });

  it("keeps a file of that name when there are no patterns", async () => {
    fs.writeFileSync(path.join(root, ".pxarexclude-cli"), "from a restore");

    const packed = await packDirectory(root, new Map(), { mode: "legacy" });

    const tree = new PxarTree(residentBytes(packed.archive.content()));
    expect(tree.children(tree.root())).to.have.length(1);
  });

  it("makes the archive of the official program again, with its patterns", async function () {
    if (process.getuid?.() !== 0) skipBecause(this, "needs root");
    // Excluded files are not in the archive, so packing what is in it with the same patterns gives it again.
    const bytes = pxarFixture("v1/exclude-cli-only.pxar");
    const target = path.join(root, "restored");
    await restoreRaw({ archive: rawArchive(bytes) }, target);
    fs.rmSync(path.join(target, ".pxarexclude-cli"));
    fs.utimesSync(target, 0, 0);

    const packed = await packDirectory(target, new Map(), {
      mode: "legacy",
      excludes: ["b*", "/d/x"],
    });

    const tail = (archive: Uint8Array): Uint8Array => archive.subarray(56); // The root's time was changed.
    expect(Buffer.compare(tail(packed.archive.content()), tail(bytes))).to.equal(0);
  });

  it("lists every entry of unsplit archives in the catalogue", async () => {
    fs.mkdirSync(path.join(root, "d"));
    fs.writeFileSync(path.join(root, "d/f"), "12345");
    fs.linkSync(path.join(root, "d/f"), path.join(root, "h"));
    fs.symlinkSync("f", path.join(root, "l"));

    const packed = await packDirectory(root, new Map(), { mode: "legacy" });

    const reader = new CatalogReader(residentBytes(packed.catalog.content()));
    const lines: string[] = [];
    const list = (start: number, prefix: string): void => {
      for (const entry of reader.readDirectory(start)) {
        const name = `${prefix}/${Buffer.from(entry.name).toString()}`;
        lines.push(`${entry.kind} ${name}`);
        if (entry.kind === "directory") list(entry.start, name);
      }
    };
    list(reader.root(), "");
    expect(lines).to.deep.equal([
      "directory /test.pxar.didx",
      "directory /test.pxar.didx/d",
      "file /test.pxar.didx/d/f",
      "hardlink /test.pxar.didx/h",
      "symlink /test.pxar.didx/l",
    ]);
  });

  it("says that a source cannot be opened", async () => {
    await using thread = PackThread.start();
    const nowhere = { ...request(), source: Buffer.from(path.join(root, "nowhere")) };

    const error = await rejection(
      thread.pack(nowhere, { consumers: {}, onProblem: () => undefined }),
    );

    expect(error).to.be.instanceOf(SourceError).with.property("code", "SOURCE_UNREADABLE");
    expect((error as Error).cause).to.be.instanceOf(Error);
  });

  it("ends a thread that waits for slots when its consumer fails", async () => {
    for (let i = 0; i < 20; i++) {
      fs.writeFileSync(path.join(root, `f${i}`), Buffer.alloc(300_000, i));
    }
    await using thread = PackThread.start();
    const failing = async (cuts: AsyncIterable<Cut>): Promise<void> => {
      for await (const cut of cuts) {
        if (cut.streamOffset > 0) throw new Error("the server is gone");
      }
    };

    const error = await rejection(
      thread.pack(request(), { consumers: { archive: failing }, onProblem: () => undefined }),
    );

    expect(error).to.have.property("message", "the server is gone");
    const again = await rejection(
      thread.pack(request(), { consumers: {}, onProblem: () => undefined }),
    );
    expect(again).to.equal(error);
  });

  it("fails with the reason it is stopped with", async () => {
    for (let i = 0; i < 20; i++) {
      fs.writeFileSync(path.join(root, `f${i}`), Buffer.alloc(300_000, i));
    }
    await using thread = PackThread.start();
    const reason = new Error("interrupted");
    const stopping = async (cuts: AsyncIterable<Cut>): Promise<void> => {
      for await (const { streamOffset } of cuts) if (streamOffset >= 0) thread.stop(reason);
    };

    const error = await rejection(
      thread.pack(request(), { consumers: { archive: stopping }, onProblem: () => undefined }),
    );

    expect(error).to.equal(reason);
  });
});
