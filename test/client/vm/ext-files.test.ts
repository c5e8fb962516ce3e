import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { ExtFiles } from "../../../src/client/vm/ext-files.ts";
import { type TreeEntry } from "../../../src/client/vm/file-tree.ts";
import { linkTarget } from "../../../src/client/vm/link-target.ts";
import { rejection } from "../../support/rejection.ts";
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
      const links = { short: "a file", lines: 'two\nlines "quoted"', long: "l".repeat(200) };
      const fill = (source: string): void => {
        for (const [name, target] of Object.entries(links)) symlinkSync(target, join(source, name));
        writeFileSync(join(source, "a file"), "content");
      };
      const image = imageOf(folder.path, fill, type);
      const files = new ExtFiles(image, 0);

      const read: Record<string, string> = {};
      for (const entry of await files.list(files.root)) {
        if (entry.kind !== "directory") read[entry.name] = await textOf(files, entry);
      }

      expect(read).to.deep.equal({ ...links, "a file": "content" });
    });
  }

  it("does not walk a directory that lies in itself", async () => {
    await using folder = await tempDir();
    const image = imageOf(folder.path, (source) => {
      mkdirSync(join(source, "d"));
    });
    execFileSync("debugfs", ["-w", "-R", "link <2> d/loop", image], { stdio: "ignore" });
    const files = new ExtFiles(image, 0);

    const directory = named(await files.list(files.root), "d");
    const loop = named(await files.list(directory), "loop");
    const error = await rejection(files.list(loop));

    expect(error).to.include({ code: "VM_TOOL_FAILED" });
    expect(String(error)).to.include("it lies in itself");
  });

  it("fails when the program that reads is ended in the middle", async () => {
    await using folder = await tempDir();
    const image = imageOf(folder.path, (source) => {
      writeFileSync(join(source, "file"), "content");
    });
    const files = new ExtFiles(image, 0);
    const file = named(await files.list(files.root), "file");
    const bin = join(folder.path, "bin");
    mkdirSync(bin);
    writeFileSync(join(bin, "debugfs"), "#!/bin/sh\nprintf cont\nkill -SEGV $$\n", { mode: 0o755 });
    const { PATH } = process.env;
    process.env["PATH"] = `${bin}:${PATH ?? ""}`;
    try {
      const error = await rejection(textOf(files, file));

      expect(error).to.include({ code: "VM_TOOL_FAILED" });
    } finally {
      process.env["PATH"] = PATH;
    }
  });

  it("takes no link whose target is longer than any can be", async () => {
    await using folder = await tempDir();
    const image = imageOf(folder.path, (source) => {
      symlinkSync("l".repeat(200), join(source, "link"));
    });
    execFileSync("debugfs", ["-w", "-R", "sif link size 68719476736", image], { stdio: "ignore" });
    const files = new ExtFiles(image, 0);
    const link = named(await files.list(files.root), "link");

    const error = await rejection(linkTarget(files, link, "/link"));

    expect(error).to.include({ code: "RESTORE_FAILED" });
  });
});

function imageOf(folder: string, fill: (source: string) => void, type = "ext4"): string {
  const source = join(folder, "source");
  mkdirSync(source);
  fill(source);
  const image = join(folder, "image");
  execFileSync("truncate", ["-s", "8M", image]);
  execFileSync("mke2fs", ["-q", "-t", type, "-d", source, image]);
  return image;
}

function named(entries: readonly TreeEntry[], name: string): TreeEntry {
  const entry = entries.find((each) => each.name === name);
  if (!entry) throw new Error(`there is no ${name}`);
  return entry;
}

async function textOf(files: ExtFiles, entry: TreeEntry): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of files.read(entry)) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}
