import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, lstatSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { added, AdoptedDatastore, changed, outOfPlace } from "../support/adopted-datastore.ts";
import { runAmber } from "../support/amber-program.ts";
import { fixtures } from "../support/fixtures.ts";
import { skipBecause } from "../support/skip-because.ts";

/** One entry of a tree that the genuine client restored. */
interface ExpectedEntry {
  readonly path: string;
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  /** As text, since it is more than a number of JavaScript holds. */
  readonly mtime_ns: string;
  readonly size?: number;
  readonly sha256?: string;
  readonly target?: string;
}

/** An archive of a tree in `expected.json`: one stream by its SHA-256, a split one entry by entry. */
interface ExpectedTree {
  readonly ns: string;
  readonly snapshot: string;
  readonly name: string;
  readonly sha256?: string;
  readonly restored_tree?: readonly ExpectedEntry[];
}

const KEY = join(fixtures, "crypt/known-key-none.json");
const trees = expectedTrees();

/** Every archive of a tree once; those with the same content count as one. */
function expectedTrees(): readonly ExpectedTree[] {
  const text = readFileSync(join(fixtures, "datastore-real/expected.json"), "utf8");
  const exact = text.replace(/("mtime_ns": )(\d+)/g, '$1"$2"');
  const snapshots = JSON.parse(exact) as readonly {
    readonly ns: string;
    readonly snapshot: string;
    readonly content: Readonly<Record<string, Omit<ExpectedTree, "ns" | "snapshot" | "name">>>;
  }[];
  const all = snapshots.flatMap(({ ns, snapshot, content }) =>
    Object.entries(content)
      .filter(([name]) => /\.m?pxar$/.test(name))
      .map(([name, what]) => ({ ns, snapshot, name: name.replace(".mpxar", ".pxar"), ...what })),
  );
  const seen = new Set<string>();
  return all.filter(({ sha256 }) => {
    if (sha256 === undefined) return true;
    const isNew = !seen.has(sha256);
    seen.add(sha256);
    return isNew;
  });
}

/**
 * SHA-256 of the archive that a restored tree gives when it is packed again: the same as that of the archive it came from
 * only if everything came back: content, modes, owners, times, xattrs, ACLs, flags, hard links, devices.
 */
function packedAgain(tree: string): string {
  const list = join(tree, ".pxarexclude-cli");
  const excluded: string[] = [];
  if (existsSync(list)) {
    // Packing makes it from the options; it was not in the tree.
    excluded.push(...readFileSync(list, "utf8").split("\n").filter(Boolean));
    spawnSync("touch", ["-r", tree, `${tree}.time`]);
    rmSync(list);
    spawnSync("touch", ["-r", `${tree}.time`, tree]);
  }
  const archive = `${tree}.pxar`;
  const options = excluded.flatMap((pattern) => ["--exclude", pattern]);
  const { status, stderr } = runAmber(["pxar", "create", archive, tree, ...options], {});
  expect(status, stderr).to.equal(0);
  const packed = readFileSync(archive);
  rmSync(archive);
  return createHash("sha256").update(packed).digest("hex");
}

/** A restored tree in the words of `expected.json`. */
function describedAs(root: string, wanted: readonly ExpectedEntry[]): readonly ExpectedEntry[] {
  return wanted.map(({ path, size, sha256, target }) => {
    const file = join(root, path);
    const stat = lstatSync(file, { bigint: true });
    return {
      path,
      mode: `0o${stat.mode.toString(8)}`,
      uid: Number(stat.uid),
      gid: Number(stat.gid),
      mtime_ns: String(stat.mtimeNs),
      ...(size === undefined ? {} : { size: Number(stat.size) }),
      ...(sha256 === undefined
        ? {}
        : { sha256: createHash("sha256").update(readFileSync(file)).digest("hex") }),
      ...(target === undefined ? {} : { target: readlinkSync(file) }),
    };
  });
}

describe("interop/adopted-trees", function () {
  this.timeout(240_000);
  let adopted: AdoptedDatastore;

  before(async function () {
    if (process.getuid?.() !== 0) skipBecause(this, "owners and devices need root");
    adopted = await AdoptedDatastore.of("datastore-real/store");
  });

  after(async () => {
    await adopted[Symbol.asyncDispose]();
  });

  const folderOf = ({ ns, snapshot, name }: ExpectedTree): string =>
    join(adopted.home, `${ns}-${snapshot}-${name}`.replaceAll("/", "-"));

  for (const tree of trees) {
    const { ns, snapshot, name, sha256, restored_tree: wanted } = tree;
    it(`gives ${snapshot} ${name} back through the server with all its metadata`, async () => {
      const folder = folderOf(tree);

      await adopted.amber("restore", snapshot, name, folder, "--ns", ns, "--keyfile", KEY);

      if (wanted) expect(describedAs(folder, wanted)).to.deep.equal(wanted);
      else expect(packedAgain(folder)).to.equal(sha256);
    });
  }

  it("takes new backups, prunes and collects, and leaves every byte of the genuine ones", async () => {
    const source = folderOf(trees.find(({ name }) => name === "acls.pxar") ?? expect.fail());
    const place = ["--ns", "own"];
    await adopted.amber("namespace", "create", "own");
    for (const time of ["1767225600", "1767225700", "1767225800"]) {
      const what = ["--backup-id", "web", "--backup-time", time];
      await adopted.amber("backup", `tree.pxar:${source}`, ...what, ...place);
    }

    await adopted.amber("prune", "host/web", "--keep-last", "1", ...place);
    await adopted.amber("garbage-collect");
    const restored = join(adopted.home, "restored");
    await adopted.amber("restore", "host/web", "tree.pxar", restored, ...place);
    const after = await adopted.giveBack();

    expect(packedAgain(restored)).to.equal(packedAgain(source));
    // Every collection writes its status.
    const different = changed(adopted.before, after).filter(
      (text) => !/^\.gc-status: (content|mtimeNs)$/.test(text),
    );
    expect(different).to.deep.equal([]);
    const left = added(adopted.before, after);
    expect(outOfPlace(left)).to.deep.equal([]);
    const snapshots = [...left.keys()].filter((path) => path.endsWith("Z"));
    expect(snapshots).to.deep.equal(["ns/own/host/web/2026-01-01T00:03:20Z"]);
  });
});
