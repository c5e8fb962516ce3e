import fs from "node:fs";
import os from "node:os";
import path from "node:path";

import { expect } from "chai";

import { ContentCopier } from "../../../src/client/archive/content-copier.ts";
import { packCounterFields } from "../../../src/client/archive/pack-counter.ts";
import { type PayloadStream } from "../../../src/client/archive/payload-stream.ts";
import { TreeEncoder } from "../../../src/client/archive/tree-encoder.ts";
import { SharedCounters } from "../../../src/client/shared-counters.ts";
import { type SourceProblem } from "../../../src/client/source/source-problem.ts";
import { SourceFiles } from "../../../src/client/source/source-files.ts";
import { ROOT_PATH } from "../../../src/client/source/tree-path.ts";
import { type SourceEntry } from "../../../src/client/source/walk-tree.ts";
import { ByteWriter } from "../../../src/format/bytes/byte-writer.ts";
import { residentBytes } from "../../../src/format/bytes/resident-source.ts";
import { PxarEncoder } from "../../../src/format/pxar/encoder.ts";
import { type PxarNode } from "../../../src/format/pxar/node.ts";
import { PxarTree } from "../../../src/format/pxar/tree-reader.ts";
import { DirectoryHandle } from "../../../src/linux/directory-handle.ts";
import { statusAt } from "../../../src/linux/file-status.ts";
import { metadataOf } from "../../support/pxar-fixtures.ts";
import { skipBecause } from "../../support/skip-because.ts";

describe("client/archive/tree-encoder", () => {
  let root = "";
  beforeEach(() => {
    root = fs.mkdtempSync(path.join(os.tmpdir(), "amber-encode-"));
  });
  afterEach(() => {
    fs.rmSync(root, { recursive: true });
  });

  /** Lists entries first, then changes the tree, then encodes them. */
  function encode(
    names: readonly string[],
    change: () => void,
  ): { readonly nodes: readonly PxarNode[]; readonly problems: readonly SourceProblem[] } {
    using handle = DirectoryHandle.openPath(Buffer.from(root));
    const entries = names.map((name) => entryOf(handle, Buffer.from(name)));
    change();
    const sink = new DirectSink();
    const encoder = new PxarEncoder({ metadata: sink });
    const problems: SourceProblem[] = [];
    const report = (problem: SourceProblem): void => {
      problems.push(problem);
    };
    using files = new SourceFiles(handle, { oversizedAttributes: "fail", report });
    const tree = new TreeEncoder({
      files,
      encoder,
      payload: sink,
      copier: new ContentCopier(),
      counters: new SharedCounters(packCounterFields),
      report,
    });
    tree.enterDirectory(entryOf(handle, Buffer.from(".")));
    for (const entry of entries) tree.visitEntry(entry);
    tree.leaveDirectory();
    tree.finishRoot();
    encoder.finish();
    const archive = new PxarTree(residentBytes(sink.take()));
    return { nodes: archive.children(archive.root()), problems };
  }

  it(`leaves out and reports what has vanished or become something else`, () => {
    for (const name of ["a", "b", "c", "d"]) fs.writeFileSync(path.join(root, name), name);
    const change = (): void => {
      for (const name of ["b", "c"]) fs.rmSync(path.join(root, name));
      fs.symlinkSync("/etc/passwd", path.join(root, "c"));
    };

    const { nodes, problems } = encode(["a", "b", "c", "d"], change);

    expect(nodes.map(({ name }) => Buffer.from(name).toString())).to.deep.equal(["a", "d"]);
    expect(problems.map(({ kind }) => kind)).to.deep.equal(["vanished", "vanished"]);
  });

  it(`archives one state of a file that was replaced after it was listed`, () => {
    fs.writeFileSync(path.join(root, "a"), "old");
    const change = (): void => {
      fs.writeFileSync(path.join(root, "new"), "a longer one");
      fs.utimesSync(path.join(root, "new"), 1000, 1000);
      fs.renameSync(path.join(root, "new"), path.join(root, "a"));
    };

    const { nodes, problems } = encode(["a"], change);

    const [node] = nodes;
    expect(node?.kind === "file" && [node.size, node.metadata.mtimeSec]).to.deep.equal([12, 1000]);
    expect(problems).to.deep.equal([]);
  });

  it("reports a file that the user may not read", function () {
    if (process.getuid?.() !== 0) skipBecause(this, "needs root");
    fs.chmodSync(root, 0o755);
    fs.writeFileSync(path.join(root, "secret"), "x", { mode: 0o600 });
    fs.writeFileSync(path.join(root, "public"), "x", { mode: 0o644 });
    process.seteuid?.(65_534);
    try {
      const { nodes, problems } = encode(["public", "secret"], () => undefined);

      expect(nodes).to.have.length(1);
      expect(problems[0]).to.include({ kind: "unreadable", reason: "EACCES: left out" });
    } finally {
      process.seteuid?.(0);
    }
  });

  it("stores a file with several names once, under the first that could be read", () => {
    fs.writeFileSync(path.join(root, "a"), "shared");
    for (const name of ["b", "c"]) fs.linkSync(path.join(root, "a"), path.join(root, name));

    const { nodes } = encode(["a", "b", "c"], () => undefined);
    const withoutFirst = encode(["a", "b", "c"], () => {
      fs.rmSync(path.join(root, "a"));
    });

    expect(nodes.map(({ kind }) => kind)).to.deep.equal(["file", "hardlink", "hardlink"]);
    expect(withoutFirst.nodes.map(({ kind }) => kind)).to.deep.equal(["file", "hardlink"]);
  });
});

function entryOf(handle: DirectoryHandle, name: Uint8Array): SourceEntry {
  const status = statusAt(handle.fd, name);
  const { mode, uid, gid, mtimeSec, mtimeNsec } = status;
  const metadata = metadataOf({ mode, uid, gid, mtimeSec, mtimeNanos: mtimeNsec });
  return { directory: ROOT_PATH, name, status, metadata, target: new Uint8Array(0) };
}

class DirectSink extends ByteWriter implements PayloadStream {
  readonly #space = new Uint8Array(65_536);

  reserve(size: number): Uint8Array {
    return this.#space.subarray(0, size);
  }

  commit(size: number): void {
    this.write(this.#space.subarray(0, size));
  }

  inject(): void {
    throw new Error("nothing is injected here");
  }
}
