import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { extractPlace } from "../../../src/cli/vm/extract-place.ts";
import { type FileTree, type TreeEntry } from "../../../src/client/vm/file-tree.ts";
import { rejection } from "../../support/rejection.ts";
import { tempDir } from "../../support/temp-dir.ts";

const BYTES = 300_000;

const entry: TreeEntry = { name: "file", kind: "file", size: BYTES, mode: 0o644 };

/** A file whose second half is damaged, perhaps. */
function treeOf(isDamaged: boolean): FileTree {
  return {
    root: entry,
    list: async () => await Promise.resolve([]),
    read: async function* () {
      yield await Promise.resolve(new Uint8Array(BYTES / 2));
      if (isDamaged) throw new Error("damaged");
      yield new Uint8Array(BYTES / 2);
    },
  };
}

describe("cli/vm/extract-place", () => {
  for (const format of ["tar", "zip"] as const) {
    it(`leaves no ${format} file behind that is cut short`, async () => {
      await using folder = await tempDir();

      const place = { kind: "entry", tree: treeOf(true), entry } as const;
      const error = await rejection(extractPlace(place, folder.path, format));

      expect(String(error)).to.contain("damaged");
      expect(readdirSync(folder.path)).to.deep.equal([]);
    });

    it(`gives a whole ${format} file its name, and replaces none`, async () => {
      await using folder = await tempDir();
      const taken = join(folder.path, "taken");
      writeFileSync(taken, "precious");

      const place = { kind: "entry", tree: treeOf(false), entry } as const;
      const { bytes } = await extractPlace(place, folder.path, format);
      const error = await rejection(extractPlace(place, taken, format));

      expect(readdirSync(folder.path)).to.have.members([`file.${format}`, "taken"]);
      expect(readFileSync(join(folder.path, `file.${format}`)).length).to.equal(bytes);
      expect(error).to.have.property("code", "RESTORE_EXISTS");
      expect(readFileSync(taken, "utf8")).to.equal("precious");
    });
  }
});
