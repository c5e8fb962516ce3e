import { expect } from "chai";
import fc from "fast-check";
import { fromHex } from "../../../src/format/bytes/hex.ts";
import { residentBytes } from "../../../src/format/bytes/resident-source.ts";
import { FormatError } from "../../../src/format/format-error.ts";
import { type MatchEntry, MatchList } from "../../../src/format/patterns/match-list.ts";
import { EXCLUDE_FILE_NAME, parseExcludeFile } from "../../../src/format/patterns/exclude-file.ts";
import {
  excludeRecordPrelude,
  excludeRecordText,
  parseExcludeArgument,
} from "../../../src/format/patterns/exclude-record.ts";
import { type PxarDirectory } from "../../../src/format/pxar/node.ts";
import { PxarTree } from "../../../src/format/pxar/tree-reader.ts";
import { pxarFixture, pxarFixtureText } from "../../support/pxar-fixtures.ts";
import { thrown } from "../../support/thrown.ts";

const ignore = (): void => undefined;

function parse(
  content: string,
  directory = "",
): { entries: MatchEntry[]; problems: string[]; record: string } {
  const problems: string[] = [];
  const entries = parseExcludeFile(
    { content: Buffer.from(content), directory: Buffer.from(directory) },
    (reason) => problems.push(reason),
  );
  return { entries, problems, record: new TextDecoder().decode(excludeRecordText(entries)) };
}

function isExcluded(entries: Iterable<MatchEntry>, path: string): boolean {
  const list = new MatchList();
  list.add(entries);
  return list.verdict(Buffer.from(path), "other") === "exclude";
}

/** Content of every file of an archive with one of these names, by its path. */
function filesOf(archive: Uint8Array, names: readonly string[]): Map<string, Uint8Array> {
  const tree = new PxarTree(residentBytes(archive));
  const found = new Map<string, Uint8Array>();
  const collect = (directory: PxarDirectory, path: string): void => {
    for (const node of tree.children(directory)) {
      const name = new TextDecoder().decode(node.name);
      if (node.kind === "directory") collect(node, `${path}${name}/`);
      if (node.kind === "file" && names.includes(name)) {
        const { offset } = node.payload;
        found.set(path + name, archive.subarray(offset, offset + node.size));
      }
    }
  };
  collect(tree.root(), "");
  return found;
}

interface ExcludeCase {
  readonly pxar_create_options: readonly string[];
  readonly archived_paths_hex: readonly string[];
  readonly source_entries_in_archive_order: readonly {
    readonly path_hex: string;
    readonly type: string;
  }[];
}

/** Paths that are left when a walk over the source applies the arguments and the exclude files on its way. */
function walk(golden: ExcludeCase, excludeFiles: ReadonlyMap<string, Uint8Array>): string[] {
  const list = new MatchList();
  const args = golden.pxar_create_options.filter((word) => word !== "--exclude");
  list.add(args.map((text) => parseExcludeArgument(Buffer.from(text), ignore)));
  const open: { path: string; size: number }[] = [];
  const kept: string[] = [];
  for (const entry of golden.source_entries_in_archive_order) {
    const path = Buffer.from(fromHex(entry.path_hex)).toString();
    while (open.length > 0 && !path.startsWith(open.at(-1)?.path ?? "")) {
      list.truncate(open.pop()?.size ?? 0);
    }
    const parent = path.includes("/") ? path.slice(0, path.lastIndexOf("/") + 1) : "";
    if (path !== "" && (open.at(-1)?.path ?? "") !== parent) continue; // Its directory was left out.
    const kind = entry.type === "dir" ? "directory" : "other";
    if (path !== "" && list.verdict(Buffer.from(`/${path}`), kind) === "exclude") continue;
    kept.push(path);
    if (kind === "other") continue;
    const inside = path === "" ? "" : `${path}/`;
    open.push({ path: inside, size: list.size });
    const content = excludeFiles.get(inside + EXCLUDE_FILE_NAME);
    if (content) list.add(parseExcludeFile({ content, directory: Buffer.from(path) }, ignore));
  }
  return kept;
}

describe("format/patterns/exclude-file", () => {
  for (const name of ["exclude-file", "exclude-cli", "exclude-cli-only"]) {
    it(`leaves out of the tree of ${name} what the reference leaves out`, () => {
      const golden = JSON.parse(pxarFixtureText(`v1/${name}.json`)) as ExcludeCase;
      const files = filesOf(pxarFixture(`v1/${name}.pxar`), [EXCLUDE_FILE_NAME]);

      const kept = walk(golden, files);

      const expected = new Set(
        golden.archived_paths_hex.map((path) => Buffer.from(fromHex(path)).toString()),
      );
      expected.delete(".pxarexclude-cli"); // Made up by the client; it is no entry of the source.
      if (expected.delete("sub3/y")) {
        // The one difference: sub3/.pxarexclude has the lines "!/x.tmp" and "/y", which match nothing in the client
        // that made the archive (versions before 4.1.7), although it is documented that they should.
        expected.add("sub3/x.tmp");
      }
      expect(kept.sort()).to.deep.equal([...expected].sort());
    });
  }

  for (const name of ["exclude-cli", "exclude-cli-only"]) {
    it(`records the arguments of ${name} as the reference does`, () => {
      const golden = JSON.parse(pxarFixtureText(`v1/${name}.json`)) as ExcludeCase;
      const args = golden.pxar_create_options.filter((word) => word !== "--exclude");
      const files = filesOf(pxarFixture(`v1/${name}.pxar`), [".pxarexclude-cli"]);

      const text = excludeRecordText(
        args.map((arg) => parseExcludeArgument(Buffer.from(arg), ignore)),
      );

      expect(Buffer.from(text)).to.deep.equal(Buffer.from(files.get(".pxarexclude-cli") ?? []));
    });
  }

  it("writes the record as compact JSON for a prelude", () => {
    const { entries } = parse('*.tmp\n!/a "b"\ncache/\n');

    expect(new TextDecoder().decode(excludeRecordPrelude(entries))).to.equal(
      '{"exclude-patterns":"*.tmp\\n!/a \\"b\\"\\ncache/\\n"}',
    );
  });

  it("skips empty lines and comments and trims white space", () => {
    const { record, problems } = parse("\n# no\n \t*.tmp \r\n\f\n\\#yes\nlast");

    expect(record).to.equal("*.tmp\n\\#yes\nlast\n");
    expect(problems).to.deep.equal([]);
  });

  it("anchors lines that start with a slash at the directory of the file", () => {
    const { entries } = parse("/*.log\n!/keep.log\n", "var/data");

    expect(isExcluded(entries, "/var/data/a.log")).to.equal(true);
    expect(isExcluded(entries, "/var/data/keep.log")).to.equal(false);
    expect(isExcluded(entries, "/var/data/x/a.log")).to.equal(false);
    expect(isExcluded(entries, "/x/var/data/a.log")).to.equal(false);
  });

  it("takes the directory's name literally, whatever is in it", () => {
    const { entries } = parse("/a", "[x]*?\\b");

    expect(isExcluded(entries, "/[x]*?\\b/a")).to.equal(true);
    expect(isExcluded(entries, "/xyz/b/a")).to.equal(false);
  });

  it("ignores a line that cannot be parsed, and says so", () => {
    const { record, problems } = parse("good\nbad[\n");

    expect(record).to.equal("good\n");
    expect(problems).to.have.lengthOf(1);
  });

  it("normalises lines that name no path as they are, and says so", () => {
    const { record, problems } = parse("./a\n!/b/../c//d/\nx/./y\n..\n/e/\n");

    expect(record).to.equal("a\n!/c/d/\nx/y\n/e/\n");
    expect(problems).to.have.lengthOf(4);
  });

  it("refuses an argument that cannot be parsed", () => {
    for (const text of ["a\\", "", "./"]) {
      expect(thrown(() => parseExcludeArgument(Buffer.from(text), ignore))).to.be.instanceOf(
        FormatError,
      );
    }
  });

  it("refuses a file with too many bytes or patterns", () => {
    for (const content of [new Uint8Array(1024 * 1024 + 1), Buffer.from("a\n".repeat(10_001))]) {
      const error = thrown(() => parseExcludeFile({ content, directory: Buffer.of() }, ignore));

      expect(error).to.be.instanceOf(FormatError).with.property("code", "FORMAT_OUT_OF_RANGE");
    }
  });

  it("gives entries for any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 20 }), (a, b) => {
        const directory = b.map((byte) => (byte === 0 ? 1 : byte));
        for (const { pattern, reach } of parseExcludeFile({ content: a, directory }, ignore)) {
          pattern.matches(a, reach);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
