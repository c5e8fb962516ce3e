import fs from "node:fs";
import os from "node:os";
import path from "node:path";

import { expect } from "chai";

import { ListedExcludes } from "../../../src/client/source/listed-excludes.ts";
import { SourceFiles } from "../../../src/client/source/source-files.ts";
import { type SourceEntry, walkTree } from "../../../src/client/source/walk-tree.ts";
import { DirectoryHandle } from "../../../src/linux/directory-handle.ts";
import { setAttribute } from "../../../src/linux/extended-attributes.ts";
import { SystemError } from "../../../src/linux/system-error.ts";
import { thrown } from "../../support/thrown.ts";

describe("client/source/source-files", () => {
  let root = "";
  beforeEach(() => {
    root = fs.mkdtempSync(path.join(os.tmpdir(), "amber-files-"));
  });
  afterEach(() => {
    fs.rmSync(root, { recursive: true });
  });

  /** Walks the tree, changes it, and then opens the files in the order of the walk. */
  function openAfter(
    change: () => void,
    use: (open: (name: string) => SourceEntry | undefined, files: SourceFiles) => void,
  ): void {
    using handle = DirectoryHandle.openPath(Buffer.from(root));
    const entries = new Map<string, SourceEntry>();
    const report = (): void => undefined;
    walkTree(
      handle,
      {
        excludes: new ListedExcludes([]),
        devices: "all",
        entriesMax: 1000,
        oversizedAttributes: "fail",
        report,
      },
      {
        enterDirectory: () => undefined,
        leaveDirectory: () => undefined,
        visitEntry: (entry) => entries.set(Buffer.from(entry.name).toString(), entry),
      },
    );
    change();
    using files = new SourceFiles(handle, { oversizedAttributes: "fail", report });
    use((name) => {
      const file = files.open(entries.get(name)!);
      if (!file) return undefined;
      const content = fs.readFileSync(file.fd, "utf8");
      fs.closeSync(file.fd);
      expect(content).to.equal(name);
      return file.entry;
    }, files);
  }

  it("opens files wherever they lie, and leaves no descriptor behind", () => {
    fs.mkdirSync(path.join(root, "a/b/c"), { recursive: true });
    fs.mkdirSync(path.join(root, "d"));
    for (const name of ["a/1", "a/b/2", "a/b/c/3", "a/b/4", "d/5", "6"]) {
      fs.writeFileSync(path.join(root, name), path.basename(name));
    }
    const before = fs.readdirSync("/proc/self/fd").length;

    openAfter(
      () => undefined,
      (open) => {
        for (const name of ["1", "3", "2", "4", "5", "6", "3"]) open(name);
      },
    );

    expect(fs.readdirSync("/proc/self/fd").length).to.equal(before);
  });

  it("reads attributes again when anything about the file has changed since the walk", () => {
    fs.writeFileSync(path.join(root, "a"), "a");
    fs.writeFileSync(path.join(root, "b"), "b");

    openAfter(
      () => {
        const fd = fs.openSync(path.join(root, "a"), "r+");
        setAttribute(fd, Buffer.from("user.late"), Buffer.from("x"));
        fs.closeSync(fd);
      },
      (open) => {
        const names = open("a")?.metadata.xattrs.map(({ name }) => Buffer.from(name).toString());
        expect(names).to.deep.equal(["user.late"]);
        expect(open("b")?.metadata.xattrs).to.deep.equal([]);
      },
    );
  });

  it("never follows a symbolic link that took the place of a directory", () => {
    fs.mkdirSync(path.join(root, "d"));
    fs.writeFileSync(path.join(root, "d/x"), "x");
    fs.mkdirSync(path.join(root, "z"));
    fs.writeFileSync(path.join(root, "z/y"), "y");

    openAfter(
      () => {
        fs.renameSync(path.join(root, "d"), path.join(root, "moved"));
        fs.symlinkSync("moved", path.join(root, "d"));
      },
      (open) => {
        const error = thrown(() => open("x"));
        expect(error).to.be.instanceOf(SystemError).with.property("code", "ENOTDIR");
        expect(open("y")).to.have.property("status");
      },
    );
  });
});
