import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

import { expect } from "chai";

import { ListedExcludes } from "../../../src/client/source/listed-excludes.ts";
import { SourceError } from "../../../src/client/source/source-error.ts";
import { type SourceProblem } from "../../../src/client/source/source-problem.ts";
import { pathOf } from "../../../src/client/source/tree-path.ts";
import { type WalkOptions, walkTree } from "../../../src/client/source/walk-tree.ts";
import { parseExcludeArgument } from "../../../src/format/patterns/exclude-record.ts";
import { DirectoryHandle } from "../../../src/linux/directory-handle.ts";
import { statusOfPath } from "../../../src/linux/file-status.ts";
import { thrown } from "../../support/thrown.ts";
import { skipBecause } from "../../support/skip-because.ts";

describe("client/source/walk-tree", () => {
  let root = "";
  beforeEach(() => {
    root = fs.mkdtempSync(path.join(os.tmpdir(), "amber-walk-"));
  });
  afterEach(() => {
    fs.rmSync(root, { recursive: true });
  });

  function make(...files: readonly string[]): void {
    for (const file of files) {
      fs.mkdirSync(path.join(root, path.dirname(file)), { recursive: true });
      if (file.endsWith("/")) fs.mkdirSync(path.join(root, file), { recursive: true });
      else fs.writeFileSync(path.join(root, file), file);
    }
  }

  /** Paths in the order of the walk; `)` where a directory ends. */
  function walk(
    choices: Partial<WalkOptions> & { readonly patterns?: readonly string[] } = {},
    onVisit: (name: string) => void = () => undefined,
  ): { readonly visited: string[]; readonly problems: string[] } {
    const { patterns = [], ...options } = choices;
    const visited: string[] = [];
    const problems: string[] = [];
    using handle = DirectoryHandle.openPath(Buffer.from(root));
    walkTree(
      handle,
      {
        excludes: new ListedExcludes(
          patterns.map((text) => parseExcludeArgument(Buffer.from(text), () => undefined)),
        ),
        devices: new Set(),
        entriesMax: 1000,
        oversizedAttributes: "fail",
        report: ({ kind, path: where }: SourceProblem) => {
          problems.push(`${kind} ${Buffer.from(where).toString("latin1")}`);
        },
        ...options,
      },
      {
        enterDirectory: ({ directory, name }) => {
          visited.push(`${Buffer.from(pathOf(directory, name)).toString("latin1")}(`);
        },
        leaveDirectory: () => visited.push(")"),
        visitEntry: ({ directory, name }) => {
          const text = Buffer.from(pathOf(directory, name)).toString("latin1");
          visited.push(text);
          onVisit(text);
        },
      },
    );
    return { visited, problems };
  }

  it("goes depth first in the order of the names' bytes", () => {
    make("b", "B", "a/x", "a.b", "a-c", "é", "z/");

    const { visited } = walk();

    const last = Buffer.from("é").toString("latin1");
    const expected = ["(", "B", "a(", "a/x", ")", "a-c", "a.b", "b", "z(", ")", last, ")"];
    expect(visited).to.deep.equal(expected);
  });

  it("keeps names that are not UTF-8", () => {
    const name = Buffer.from([0xff, 0x41]);
    fs.writeFileSync(Buffer.concat([Buffer.from(`${root}/`), name]), "");

    expect(walk().visited).to.deep.equal(["(", "\u00ffA", ")"]);
  });

  it("leaves out what patterns match, and what is below it", () => {
    make("keep", "a.o", "d/b.o", "d/keep", "tmp/x/y", "e/tmp");

    const { visited } = walk({ patterns: ["*.o", "/tmp"] });

    expect(visited).to.deep.equal(["(", "d(", "d/keep", ")", "e(", "e/tmp", ")", "keep", ")"]);
  });

  it("applies .pxarexclude files to their directory only, and keeps the files", () => {
    make("a/x", "a/y", "b/x", "c");
    fs.writeFileSync(path.join(root, "a/.pxarexclude"), "# comment\nx\n\n/y\n");
    fs.writeFileSync(path.join(root, ".pxarexclude"), "/c\n");

    const { visited, problems } = walk();

    const expected = ["(", ".pxarexclude", "a(", "a/.pxarexclude", ")", "b(", "b/x", ")", ")"];
    expect(visited).to.deep.equal(expected);
    expect(problems).to.deep.equal([]);
  });

  it("reports patterns it cannot use and goes on", () => {
    make("x");
    fs.writeFileSync(path.join(root, ".pxarexclude"), "bad\\\nx\n");

    const { visited, problems } = walk();

    expect(visited).to.deep.equal(["(", ".pxarexclude", ")"]);
    expect(problems).to.deep.equal(["ignored "]);
  });

  it("reports what vanishes during the walk", () => {
    make("a", "b", "c");

    const { visited, problems } = walk({}, (name) => {
      if (name === "a") fs.rmSync(path.join(root, "b"));
    });

    expect(visited).to.deep.equal(["(", "a", "c", ")"]);
    expect(problems).to.deep.equal(["vanished b"]);
  });

  it("reports directories that cannot be opened and leaves them out", function () {
    if (process.getuid?.() !== 0) skipBecause(this, "needs root");
    make("a/x", "b");
    fs.chmodSync(path.join(root, "a"), 0o700);
    fs.chmodSync(root, 0o755);
    process.setegid?.(65_534);
    process.seteuid?.(65_534);
    try {
      const { visited, problems } = walk();
      expect(visited).to.deep.equal(["(", "b", ")"]);
      expect(problems).to.deep.equal(["unreadable a"]);
    } finally {
      process.seteuid?.(0);
      process.setegid?.(0);
    }
  });

  it("counts the entries of the directories on its path", () => {
    make("a/1", "a/2", "b/1", "b/2", "c");

    expect(walk({ entriesMax: 5 }).visited).to.have.length(11);
    const error = thrown(() => walk({ entriesMax: 4 }));

    expect(error).to.be.instanceOf(SourceError).with.property("code", "SOURCE_ENTRIES_MAX");
  });

  it("does not enter the kernel's file systems, not even as the root", () => {
    root = "/proc/self/fdinfo";
    const error = thrown(() => walk());
    root = fs.mkdtempSync(path.join(os.tmpdir(), "amber-walk-"));

    expect(error).to.be.instanceOf(SourceError).with.property("code", "SOURCE_VIRTUAL");
  });

  it("visits mount points as empty unless their device was chosen", function () {
    make("m/", "n/");
    try {
      for (const name of ["m", "n"]) {
        execFileSync("mount", ["-t", "tmpfs", "none", path.join(root, name)], { stdio: "ignore" });
        fs.writeFileSync(path.join(root, name, "inside"), "x");
      }
    } catch {
      skipBecause(this, "cannot mount here");
    }
    try {
      const device = statusOfPath(Buffer.from(path.join(root, "n"))).device;

      expect(walk().visited).to.deep.equal(["(", "m(", ")", "n(", ")", ")"]);
      expect(walk({ devices: new Set([device]) }).visited).to.include("n/inside");
      expect(walk({ devices: new Set([device]) }).visited).to.not.include("m/inside");
      expect(walk({ devices: "all" }).visited).to.include.members(["m/inside", "n/inside"]);
    } finally {
      for (const name of ["m", "n"]) execFileSync("umount", [path.join(root, name)]);
    }
  });
});
