import fs from "node:fs";
import os from "node:os";
import path from "node:path";

import { expect } from "chai";

import { decodeBlob } from "../../src/format/chunk/data-blob.ts";
import { createNativeProvider } from "../../src/format/crypto/native-provider.ts";
import { indexCsum } from "../../src/format/index/chunk-index.ts";
import { parseDynamicIndex } from "../../src/format/index/dynamic-index.ts";
import { CHUNK_BYTES_MAX } from "../../src/format/limits.ts";
import { describeTree } from "../support/describe-tree.ts";
import { type MemoryStore, MemoryUpload } from "../support/memory-upload.ts";
import { packDirectory, type Packed } from "../support/pack-directory.ts";
import { restorePacked } from "../support/restore-packed.ts";
import { skipBecause } from "../support/skip-because.ts";

const store = new URL("../../fixtures/datastore-real/store/", import.meta.url);
const provider = createNativeProvider();

interface RestoredEntry {
  readonly path: string;
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  readonly mtime_ns: number;
  readonly size?: number;
  readonly sha256?: string;
  readonly target?: string;
}

interface ExpectedSnapshot {
  readonly dir: string;
  readonly content: Readonly<Record<string, { readonly restored_tree?: readonly RestoredEntry[] }>>;
}

// Snapshots that the official client 4.1.1 made with its change detection modes (fixtures/README.md).
describe("interop, split archives of the official client", function () {
  this.timeout(30_000);
  const all = JSON.parse(
    fs.readFileSync(new URL("../expected.json", store), "utf8"),
  ) as ExpectedSnapshot[];
  const snapshots = all.filter(({ dir }) => /^host\/v4(data|meta)\//.test(dir));
  let base = "";
  beforeEach(() => {
    base = fs.mkdtempSync(path.join(os.tmpdir(), "amber-split-"));
  });
  afterEach(() => {
    fs.rmSync(base, { recursive: true });
  });

  it("are there", () => {
    expect(snapshots).to.have.length(3);
  });

  for (const { dir, content } of snapshots) {
    it(`restores ${dir} as the official client does`, async function () {
      if (process.getuid?.() !== 0) skipBecause(this, "needs root");
      const target = path.join(base, "back");

      const problems = await restorePacked(await open(dir, new Map()), target);

      expect(problems).to.deep.equal([]);
      const tree = describeTree(target);
      for (const entry of content["tiny.mpxar"]?.restored_tree ?? []) {
        const line = tree.get(`/${entry.path}`);
        expect(line, entry.path).to.include(lineOf(entry));
        if (entry.sha256 !== undefined) expect(line).to.include(entry.sha256);
        if (entry.target !== undefined) expect(line).to.include(`to ${entry.target}`);
      }
    });

    it(`takes ${dir} over whole when nothing changed since`, async function () {
      if (process.getuid?.() !== 0) skipBecause(this, "needs root");
      const target = path.join(base, "back");
      const chunks: MemoryStore = new Map();
      const previous = await open(dir, chunks);
      await restorePacked(previous, target);

      const chunkBytesAverage = 4 * 1024 * 1024;
      const again = await packDirectory(target, chunks, {
        mode: "metadata",
        previous,
        chunkBytesAverage,
      });

      expect(again.counts).to.include({ readBytes: 0 });
      expect(again.payload.csum()).to.equal(previous.payload.csum());
      // References and own content differ in an informational field (spec pxar.md §5).
      expect(again.archive.content().length).to.equal(previous.archive.content().length);
    });
  }

  it("makes the archives of the official client from the same tree", async function () {
    if (process.getuid?.() !== 0) skipBecause(this, "needs root");
    const target = path.join(base, "back");
    const official = await open("host/v4data/2024-06-05T14:24:36Z", new Map());
    await restorePacked(official, target);

    const chunkBytesAverage = 4 * 1024 * 1024;
    const ours = await packDirectory(target, new Map(), { mode: "data", chunkBytesAverage });

    expect(ours.archive.csum()).to.equal(official.archive.csum());
    expect(ours.payload.csum()).to.equal(official.payload.csum());
  });
});

/** A snapshot of the fixtures in the form of one that was packed here; its chunks are added to `chunks`. */
async function open(dir: string, chunks: MemoryStore): Promise<Packed> {
  const upload = async (name: string): Promise<MemoryUpload> => {
    const index = parseDynamicIndex(fs.readFileSync(new URL(`${dir}/${name}`, store)));
    const result = new MemoryUpload(chunks);
    for (let i = 0; i < index.count; i++) {
      const digest = index.digestAt(i);
      const blob = fs.readFileSync(new URL(`.chunks/${digest.slice(0, 4)}/${digest}`, store));
      const size = decodeBlob(provider, blob, { sizeMax: CHUNK_BYTES_MAX, what: digest }).length;
      chunks.set(digest, { blob, size });
      await result.add({ digest, size });
    }
    expect(result.csum()).to.equal(indexCsum(provider, index));
    return result;
  };
  return {
    archive: await upload("tiny.mpxar.didx"),
    payload: await upload("tiny.ppxar.didx"),
    catalog: new MemoryUpload(chunks),
    problems: [],
    counts: { entries: 0, files: 0, readBytes: 0, reusedFiles: 0, reusedBytes: 0 },
  };
}

function lineOf({ mode, uid, gid }: RestoredEntry): string {
  return `mode ${mode.slice(2)} owner ${uid}:${gid}`;
}
