import { expect } from "chai";

import { type KnownChunk } from "../../../src/chunks/chunk-stream.ts";
import { ReusePlanner, type ReuseTarget } from "../../../src/client/archive/reuse-planner.ts";
import { type PreviousTree } from "../../../src/client/archive/previous-tree.ts";
import { ROOT_PATH } from "../../../src/client/source/tree-path.ts";
import { type SourceEntry } from "../../../src/client/source/walk-tree.ts";
import { type ChunkIndex } from "../../../src/format/index/chunk-index.ts";
import { NO_XATTRS, type PxarMetadata } from "../../../src/format/pxar/metadata.ts";
import { type PxarFile } from "../../../src/format/pxar/node.ts";

describe("client/archive/reuse-planner", () => {
  it("takes over the unchanged tail and reads what shares its chunk with a changed file", () => {
    // spec metadata-change-detection.md §7.1
    const previous = files([
      ["A", 16, 1000],
      ["B", 1032, 2000],
      ["C", 3048, 500],
      ["D", 3564, 4000],
    ]);
    const run = plan(previous, [3048, 3564, 7596]);

    run.walk([
      ["A", 1000],
      ["B", 2100],
      ["C", 500],
      ["D", 4000],
    ]);

    expect(run.log).to.deep.equal([
      "start own",
      "content A at 16",
      "content B at 1032",
      "ref C at 3148",
      "ref D at 3664",
      "inject 1 2",
    ]);
    expect(run.target.payloadPosition).to.equal(7696);
    expect(run.planner.endsWithPrevious).to.equal(true);
  });

  it("gives the previous payload archive again when nothing changed", () => {
    // The tree of spec metadata-change-detection.md §7.2; the official client shifts everything by its own marker.
    const { previous, ends, now } = upstreamExample();
    const run = plan(previous, ends);

    run.walk(now);

    const references = run.log.filter((line) => line.startsWith("ref"));
    expect(references[0]).to.equal("ref f000 at 16");
    expect(references[99]).to.equal("ref f099 at 103810624");
    expect(run.log[0]).to.equal("start reused");
    expect(run.injected()).to.deep.equal(ends.map((_, i) => i));
    expect(run.target.payloadPosition).to.equal(104_859_232);
    expect(run.planner.endsWithPrevious).to.equal(true);
  });

  it("shifts references by the start marker when the archive had to begin with one", () => {
    // The numbers of spec metadata-change-detection.md §7.2, which begins with a marker of its own.
    const { previous, ends, now } = upstreamExample();
    const run = plan(previous, ends, { payloadStart: 16 });

    run.walk(now);

    const references = run.log.filter((line) => line.startsWith("ref"));
    expect(references.slice(0, 3)).to.deep.equal([
      "ref f000 at 32",
      "ref f001 at 1048624",
      "ref f002 at 2097216",
    ]);
    expect(references[99]).to.equal("ref f099 at 103810640");
    expect(run.target.payloadPosition).to.equal(104_859_248);
  });

  it("decides the same when only ten entries may wait", () => {
    const { previous, ends, now } = upstreamExample();
    const all = plan(previous, ends);
    const few = plan(previous, ends, { pendingMax: 10 });

    all.walk(now);
    few.walk(now);

    const references = (run: Run): string[] => run.log.filter((line) => line.startsWith("ref"));
    expect(references(few)).to.deep.equal(references(all));
    expect(few.injected()).to.deep.equal(all.injected());
  });

  it("takes over tiny files that wait in several batches within one chunk", () => {
    const previous = files(
      Array.from({ length: 40 }, (_, i) => [`f${String(i).padStart(2, "0")}`, 16 + 116 * i, 100]),
    );
    const run = plan(previous, [16 + 116 * 40 + 16], { pendingMax: 7 });

    run.walk([...previous.values()].map(({ name, size }) => [text(name), size]));

    expect(run.log.filter((line) => line.startsWith("content"))).to.deep.equal([]);
    expect(run.injected()).to.deep.equal([0]);
  });

  it("reads a small file whose chunk is mostly something else", () => {
    const previous = files([["only", 5000, 100]]);
    const run = plan(previous, [1_000_000]);

    run.walk([["only", 100]]);

    expect(run.log).to.deep.equal(["start own", "content only at 16"]);
  });

  it("does not take a chunk that begins where the run ends", () => {
    const previous = files([
      ["A", 16, 984],
      ["B", 1016, 984],
    ]);
    const run = plan(previous, [1016, 2032]);

    run.walk([
      ["A", 984],
      ["B", 5],
    ]);

    expect(run.log).to.deep.equal(["start reused", "ref A at 16", "inject 0", "content B at 1016"]);
    expect(run.planner.endsWithPrevious).to.equal(false);
  });

  it("writes a held-back chunk before content that comes after it", () => {
    const previous = files([
      ["A", 16, 984],
      ["B", 1016, 1000],
    ]);
    const run = plan(previous, [1016, 2100], { pendingMax: 1 });

    run.walk([
      ["A", 984],
      ["B", 1000],
      ["C", 7],
    ]);

    expect(run.log).to.deep.equal([
      "start reused",
      "ref A at 16",
      "inject 0",
      "ref B at 1016",
      "inject 1",
      "content C at 2100",
    ]);
  });

  it("does not accept references that go backwards, as old encoders could write", () => {
    const previous = files([
      ["A", 1016, 984],
      ["B", 16, 984],
    ]);
    const run = plan(previous, [1016, 2016]);

    run.walk([
      ["A", 984],
      ["B", 984],
    ]);

    expect(run.log).to.deep.equal(["start own", "ref A at 16", "inject 1", "content B at 1016"]);
  });

  it("does not accept a reference that lies behind the previous payload archive", () => {
    const previous = files([["A", 5000, 100]]);
    const run = plan(previous, [1016]);

    run.walk([["A", 100]]);

    expect(run.log).to.deep.equal(["start own", "content A at 16"]);
  });

  it("reads a file of which anything but the content changed", () => {
    const previous = files([["A", 16, 984]]);
    const run = plan(previous, [1016]);

    run.planner.enterDirectory(entry("", 0, 0o40755));
    run.planner.visitEntry(entry("A", 984, 0o100600));
    run.planner.leaveDirectory();

    expect(run.log).to.deep.equal(["start own", "content A at 16"]);
  });
});

type Listing = readonly (readonly [name: string, size: number])[];

interface Run {
  readonly planner: ReusePlanner;
  readonly target: FakeTarget;
  readonly log: string[];
  walk(listing: Listing): void;
  injected(): number[];
}

function plan(
  previous: ReadonlyMap<string, PxarFile>,
  ends: readonly number[],
  { payloadStart = 0, pendingMax = 512 } = {},
): Run {
  const target = new FakeTarget(payloadStart);
  const tree = {
    enterRoot: () => undefined,
    enter: () => undefined,
    leave: () => undefined,
    file: (name: Uint8Array) => previous.get(text(name)),
  } as unknown as PreviousTree;
  const planner = new ReusePlanner({ tree, payloadIndex: index(ends) }, target, { pendingMax });
  return {
    planner,
    target,
    log: target.log,
    walk(listing) {
      planner.enterDirectory(entry("", 0, 0o40755));
      for (const [name, size] of listing) planner.visitEntry(entry(name, size));
      planner.leaveDirectory();
    },
    injected: () =>
      target.log
        .filter((line) => line.startsWith("inject"))
        .flatMap((line) => line.split(" ").slice(1).map(Number)),
  };
}

class FakeTarget implements ReuseTarget {
  readonly log: string[] = [];
  #position: number;

  constructor(position: number) {
    this.#position = position;
  }

  get payloadPosition(): number {
    return this.#position;
  }

  enterDirectory(): void {
    // Directories are not what this is about.
  }

  leaveDirectory(): void {
    // Nor here.
  }

  visitEntry({ name, status }: SourceEntry): void {
    if (this.#position === 0) this.startPayload("own");
    this.log.push(`content ${text(name)} at ${this.#position}`);
    this.#position += 16 + status.size;
  }

  addReference({ name }: SourceEntry, offset: number): void {
    this.log.push(`ref ${text(name)} at ${offset}`);
  }

  startPayload(marker: "own" | "reused"): void {
    if (this.#position > 0) return;
    this.log.push(`start ${marker}`);
    if (marker === "own") this.#position = 16;
  }

  inject(chunks: readonly KnownChunk[]): void {
    this.log.push(["inject", ...chunks.map(({ digest }) => String(digest[0]))].join(" "));
    for (const { size } of chunks) this.#position += size;
  }
}

function upstreamExample(): {
  readonly previous: ReadonlyMap<string, PxarFile>;
  readonly ends: readonly number[];
  readonly now: Listing;
} {
  const size = 1024 * 1024;
  const list = Array.from({ length: 100 }, (_, i) => {
    return [`f${String(i).padStart(3, "0")}`, 16 + i * (size + 16), size] as const;
  });
  const ends = list.map((_, i) => 1_048_608 + i * (size + 16) + (i === 99 ? 16 : 0));
  return { previous: files(list), ends, now: list.map(([name]) => [name, size]) };
}

function files(
  list: readonly (readonly [name: string, offset: number, size: number])[],
): Map<string, PxarFile> {
  return new Map(
    list.map(([name, offset, size]) => [
      name,
      {
        kind: "file",
        name: Buffer.from(name),
        nameOffset: 1,
        metadata: metadata(0o100644),
        end: 0,
        size,
        payload: { archive: "payload", headerOffset: offset, offset: offset + 16 },
      },
    ]),
  );
}

function index(ends: readonly number[]): ChunkIndex {
  return {
    count: ends.length,
    size: ends.at(-1) ?? 0,
    digestBytesAt: (i: number) => new Uint8Array(32).fill(i),
    startOf: (i: number) => ends[i - 1] ?? 0,
    endOf: (i: number) => ends[i] ?? 0,
    findIndex: (offset: number) => ends.findIndex((end) => end > offset),
  } as unknown as ChunkIndex;
}

function entry(name: string, size: number, mode = 0o100644): SourceEntry {
  return {
    directory: ROOT_PATH,
    name: Buffer.from(name),
    metadata: metadata(mode),
    target: new Uint8Array(0),
    status: {
      mode,
      linkCount: 1,
      uid: 0,
      gid: 0,
      size,
      storedSize: size,
      mtimeSec: 0,
      mtimeNsec: 0,
      ctimeSec: 0,
      ctimeNsec: 0,
      device: 1,
      inode: 1n,
      deviceMajor: 0,
      deviceMinor: 0,
      attributes: 0,
    },
  };
}

function metadata(mode: number): PxarMetadata {
  return {
    mode,
    flags: 0,
    uid: 0,
    gid: 0,
    mtimeSec: 0,
    mtimeNanos: 0,
    xattrs: NO_XATTRS,
    acl: undefined,
    fcaps: undefined,
    quotaProjectId: undefined,
  };
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}
