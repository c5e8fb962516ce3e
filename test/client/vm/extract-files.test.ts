import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { extractFiles } from "../../../src/client/vm/extract-files.ts";
import { type FileTree, type TreeEntry } from "../../../src/client/vm/file-tree.ts";
import { rejection } from "../../support/rejection.ts";
import { tempDir } from "../../support/temp-dir.ts";

const root: TreeEntry = { name: "", kind: "directory", size: 0, mode: 0o755 };

/** A directory of files with these contents; `undefined` fails after its first bytes. */
function treeOf(contents: Readonly<Record<string, string | undefined>>): FileTree {
  return {
    root,
    list: async () =>
      await Promise.resolve(
        Object.keys(contents).map(
          (name) => ({ name, kind: "file", size: 5, mode: 0o640 }) as const,
        ),
      ),
    async *read({ name }) {
      yield await Promise.resolve(Buffer.from(contents[name] ?? "begun"));
      if (contents[name] === undefined) throw new Error("the disk is damaged");
    },
  };
}

describe("client/vm/extract-files", () => {
  it("leaves nothing of a file whose content ends too early, and keeps the others", async () => {
    await using folder = await tempDir();
    const target = join(folder.path, "out");

    const error = await rejection(extractFiles(treeOf({ a: "whole", b: undefined }), root, target));

    expect(error).to.have.property("message", "the disk is damaged");
    expect(await readdir(target)).to.deep.equal(["a"]);
    expect(await readFile(join(target, "a"), "utf8")).to.equal("whole");
  });

  it("overwrites nothing", async () => {
    await using folder = await tempDir();
    await writeFile(join(folder.path, "out"), "mine");
    const file: TreeEntry = { name: "a", kind: "file", size: 5, mode: 0o640 };

    const error = await rejection(
      extractFiles(treeOf({ a: "other" }), file, join(folder.path, "out")),
    );

    expect(error).to.have.property("code", "RESTORE_EXISTS");
    expect(await readFile(join(folder.path, "out"), "utf8")).to.equal("mine");
  });
});
