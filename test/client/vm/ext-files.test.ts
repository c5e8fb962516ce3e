import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { ExtFiles } from "../../../src/client/vm/ext-files.ts";
import { type TreeEntry } from "../../../src/client/vm/file-tree.ts";
import { skipBecause } from "../../support/skip-because.ts";
import { tempDir } from "../../support/temp-dir.ts";

describe("client/vm/ext-files", function () {
  this.timeout(60_000);

  before(function () {
    if (spawnSync("debugfs", ["-V"]).error) skipBecause(this, "no debugfs (e2fsprogs)");
  });

  for (const type of ["ext2", "ext4"]) {
    it(`reads links of ${type}, wherever their targets lie, and files`, async () => {
      await using folder = await tempDir();
      const source = join(folder.path, "source");
      mkdirSync(source);
      const links = { short: "a file", lines: 'two\nlines "quoted"', long: "l".repeat(200) };
      for (const [name, target] of Object.entries(links)) symlinkSync(target, join(source, name));
      writeFileSync(join(source, "a file"), "content");
      const image = join(folder.path, "image");
      execFileSync("truncate", ["-s", "8M", image]);
      execFileSync("mke2fs", ["-q", "-t", type, "-d", source, image]);
      const files = new ExtFiles(image, 0);

      const read: Record<string, string> = {};
      for (const entry of await files.list(files.root)) {
        if (entry.kind !== "directory") read[entry.name] = await textOf(files, entry);
      }

      expect(read).to.deep.equal({ ...links, "a file": "content" });
    });
  }
});

async function textOf(files: ExtFiles, entry: TreeEntry): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of files.read(entry)) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}
