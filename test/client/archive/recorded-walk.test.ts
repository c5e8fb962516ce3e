import fs from "node:fs";
import os from "node:os";
import path from "node:path";

import { expect } from "chai";

import { RecordedWalk } from "../../../src/client/archive/recorded-walk.ts";
import { walkSource } from "../../../src/client/archive/walk-source.ts";
import {
  createWalkStream,
  WalkReceiver,
  WalkSender,
} from "../../../src/client/archive/walk-stream.ts";
import { pathOf } from "../../../src/client/source/tree-path.ts";
import { type SourceEntry } from "../../../src/client/source/walk-tree.ts";

describe("client/archive/recorded-walk", () => {
  let root = "";
  beforeEach(() => {
    root = fs.mkdtempSync(path.join(os.tmpdir(), "amber-record-"));
  });
  afterEach(() => {
    fs.rmSync(root, { recursive: true });
  });

  /** Walks and replays in one thread, which works as long as all of it fits into the blocks. */
  function walkAndReplay(): { readonly visited: string[]; readonly entries: SourceEntry[] } {
    const { sending, receiving } = createWalkStream();
    const visited: string[] = [];
    const entries: SourceEntry[] = [];
    const note = (entry: SourceEntry, mark: string): void => {
      visited.push(`${Buffer.from(pathOf(entry.directory, entry.name)).toString()}${mark}`);
      entries.push(entry);
    };
    try {
      walkSource(
        {
          source: Buffer.from(root),
          mode: "data",
          excludes: [],
          lostAndFound: "pack",
          mounts: [],
          entriesMax: 100_000,
          oversizedAttributes: "fail",
        },
        new WalkSender(sending),
      );
      const walk = new RecordedWalk(new WalkReceiver(receiving), () => undefined);
      using handle = walk.openRoot();
      expect(fs.readlinkSync(`/proc/self/fd/${handle.fd}`)).to.equal(root);
      walk.replay({
        enterDirectory: (entry) => {
          note(entry, "(");
        },
        leaveDirectory: () => visited.push(")"),
        visitEntry: (entry) => {
          note(entry, "");
        },
      });
    } finally {
      sending.port.close();
      receiving.port.close();
    }
    return { visited, entries };
  }

  it("tells of directories and what is in them in the order of the walk", () => {
    fs.mkdirSync(path.join(root, "a/b"), { recursive: true });
    for (const name of ["a/b/x", "a/c", "d"]) fs.writeFileSync(path.join(root, name), name);

    const expected = ["(", "a(", "a/b(", "a/b/x", ")", "a/c", ")", "d", ")"];
    expect(walkAndReplay().visited).to.deep.equal(expected);
  });

  it("goes on from block to block, and keeps the names of earlier ones", () => {
    const names = Array.from({ length: 3000 }, (_, i) => `f${String(i).padStart(4, "0")}`);
    for (const name of names) fs.writeFileSync(path.join(root, name), "");

    const { visited, entries } = walkAndReplay();

    expect(visited).to.deep.equal(["(", ...names, ")"]);
    expect(Buffer.from(entries[1]?.name ?? []).toString()).to.equal("f0000");
  });
});
