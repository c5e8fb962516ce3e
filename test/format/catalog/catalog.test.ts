import { readFile } from "node:fs/promises";
import { expect } from "chai";
import fc from "fast-check";
import { ByteWriter } from "../../../src/format/bytes/byte-writer.ts";
import { fromHex, toHex } from "../../../src/format/bytes/hex.ts";
import { residentBytes } from "../../../src/format/bytes/resident-source.ts";
import { bareEntryKinds, type CatalogEntry } from "../../../src/format/catalog/catalog-entry.ts";
import { CatalogReader } from "../../../src/format/catalog/catalog-reader.ts";
import { CatalogWriter } from "../../../src/format/catalog/catalog-writer.ts";
import { createNativeProvider } from "../../../src/format/crypto/native-provider.ts";
import { thrown } from "../../support/thrown.ts";

interface Sample {
  readonly sha256: string;
  readonly entries: readonly { root?: string; attr?: string; path_hex?: string }[];
}

const provider = createNativeProvider();
const folder = new URL("../../../fixtures/catalog/", import.meta.url);
const name = (text: string) => new TextEncoder().encode(text);

interface Tree {
  readonly kind: string;
  readonly name: Uint8Array;
  readonly size: number;
  readonly mtime: bigint;
  readonly below: readonly Tree[];
}

/** Writes what a reader sees, in the same order. */
function copyDirectory(reader: CatalogReader, start: number, writer: CatalogWriter): void {
  for (const entry of reader.readDirectory(start)) {
    if (entry.kind === "directory") {
      writer.startDirectory(entry.name);
      copyDirectory(reader, entry.start, writer);
      writer.endDirectory();
    } else if (entry.kind === "file") writer.addFile(entry.name, entry.size, entry.mtimeSec);
    else writer.addBare(entry.name, entry.kind);
  }
}

/** The reference's debug text for an entry. */
function described(entry: CatalogEntry): string {
  if (entry.kind === "directory") return `Directory { start: ${entry.start} }`;
  if (entry.kind === "file") return `File { size: ${entry.size}, mtime: ${entry.mtimeSec} }`;
  if (entry.kind === "character-device") return "CharDevice";
  return entry.kind.replace(/(^|-)(\w)/g, (_, __, letter: string) => letter.toUpperCase());
}

function* walk(reader: CatalogReader, start: number, path: string): Generator<[string, string]> {
  for (const entry of reader.readDirectory(start)) {
    const below = `${path}2f${toHex(entry.name)}`;
    yield [below, described(entry)];
    if (entry.kind === "directory") yield* walk(reader, entry.start, below);
  }
}

/** The example of spec catalog.md §5. */
function documented(): Uint8Array {
  const sink = new ByteWriter();
  const writer = new CatalogWriter(sink);
  writer.startDirectory(name("root.pxar.didx"));
  writer.addFile(name("a"), 4, 1700000001n);
  writer.addBare(name("b"), "hardlink");
  writer.startDirectory(name("d"));
  writer.addBare(name("l"), "symlink");
  writer.endDirectory();
  writer.addBare(name("null"), "character-device");
  writer.addBare(name("p"), "fifo");
  writer.addFile(name("old"), 300, -2n);
  writer.endDirectory();
  writer.startDirectory(name("empty.pxar.didx"));
  writer.endDirectory();
  writer.finish();
  return sink.take();
}

describe("format/catalog", () => {
  it("reads the sample of the reference as the reference does, and rewrites it", async () => {
    const bytes = new Uint8Array(await readFile(new URL("sample.pcat1", folder)));
    const sample = JSON.parse(
      await readFile(new URL("sample.pcat1.json", folder), "utf8"),
    ) as Sample;
    const reader = new CatalogReader(residentBytes(bytes));

    const root = reader.root();

    expect(`Directory { start: ${root} }`).to.equal(sample.entries[0]?.root);
    expect([...walk(reader, root, "")]).to.deep.equal(
      sample.entries.slice(1).map((entry) => [entry.path_hex, entry.attr]),
    );
    const sink = new ByteWriter();
    const writer = new CatalogWriter(sink);
    copyDirectory(reader, root, writer);
    writer.finish();
    expect(toHex(provider.sha256(sink.view()))).to.equal(sample.sha256);
  });

  it("writes the documented example byte by byte", () => {
    expect(toHex(provider.sha256(documented()))).to.equal(
      "0918e7b13cbea47aa502133866d7a61adbf6adb7de117bc6f93cb05a32faa238",
    );
  });

  it("finds entries by path", () => {
    const reader = new CatalogReader(residentBytes(documented()));
    const find = (...path: string[]) => reader.find(path.map(name));

    expect(find("root.pxar.didx", "old")).to.deep.include({ size: 300, mtimeSec: -2n });
    expect(find("root.pxar.didx", "d", "l")).to.have.property("kind", "symlink");
    expect(find("empty.pxar.didx")).to.have.property("kind", "directory");
    expect(find("root.pxar.didx", "missing")).to.equal(undefined);
    expect(find("root.pxar.didx", "a", "b")).to.equal(undefined);
    expect(find("missing", "a", "b")).to.equal(undefined);
  });

  it("starts at the sink's position", () => {
    const sink = new ByteWriter();
    sink.write(new Uint8Array(100));
    const writer = new CatalogWriter(sink);
    writer.addBare(name("x"), "socket");
    writer.finish();

    const reader = new CatalogReader(residentBytes(sink.take().subarray(100)));

    expect(reader.readDirectory(reader.root())).to.have.length(1);
  });

  it("reads any tree that it wrote", () => {
    const leaf = {
      name: fc
        .uint8Array({ minLength: 1, maxLength: 20 })
        .map((bytes) =>
          bytes.map((byte) => (byte === 0 || byte === 0x2f || byte === 0x2e ? 1 : byte)),
        ),
      size: fc.maxSafeNat(),
      mtime: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    };
    const tree: fc.Arbitrary<Tree> = fc.letrec<{ tree: Tree }>((tie) => ({
      tree: fc.oneof(
        { depthSize: "small", withCrossShrink: true },
        fc.record({
          ...leaf,
          kind: fc.constantFrom("file", ...bareEntryKinds),
          below: fc.constant<Tree[]>([]),
        }),
        fc.record({
          ...leaf,
          kind: fc.constant("directory"),
          below: fc.array(tie("tree"), { maxLength: 5 }),
        }),
      ),
    })).tree;
    const write = (writer: CatalogWriter, node: Tree): void => {
      if (node.kind === "directory") {
        writer.startDirectory(node.name);
        for (const child of node.below) write(writer, child);
        writer.endDirectory();
      } else if (node.kind === "file") writer.addFile(node.name, node.size, node.mtime);
      else
        writer.addBare(
          node.name,
          bareEntryKinds.find((kind) => kind === node.kind)!,
        );
    };
    const compare = (reader: CatalogReader, start: number, nodes: readonly Tree[]): void => {
      const entries = reader.readDirectory(start);
      expect(entries.length).to.equal(nodes.length);
      for (const [i, entry] of entries.entries()) {
        const node = nodes[i]!;
        expect(entry.kind).to.equal(node.kind);
        expect(toHex(entry.name)).to.equal(toHex(node.name));
        if (entry.kind === "file") {
          expect([entry.size, entry.mtimeSec]).to.deep.equal([node.size, node.mtime]);
        }
        if (entry.kind === "directory") compare(reader, entry.start, node.below);
      }
    };
    fc.assert(
      fc.property(fc.array(tree, { maxLength: 6 }), (nodes) => {
        const sink = new ByteWriter();
        const writer = new CatalogWriter(sink);
        for (const node of nodes) write(writer, node);
        writer.finish();
        const reader = new CatalogReader(residentBytes(sink.take()));

        compare(reader, reader.root(), nodes);
      }),
    );
  });

  it("rejects each kind of damage with its own code", () => {
    const codeOf = (change: (bytes: Uint8Array) => Uint8Array): string => {
      const reader = new CatalogReader(residentBytes(change(documented())));
      return (thrown(() => [...walk(reader, reader.root(), "")]) as { code: string }).code;
    };
    const setting = (offset: number, value: number) => (bytes: Uint8Array) =>
      bytes.fill(value, offset, offset + 1);

    expect(codeOf((bytes) => bytes.subarray(0, 15))).to.equal("FORMAT_TRUNCATED");
    expect(codeOf(setting(0, 0))).to.equal("FORMAT_BAD_MAGIC");
    expect(codeOf(setting(0x58, 0x60))).to.equal("FORMAT_OUT_OF_RANGE"); // root behind the blocks
    expect(codeOf(setting(0x58, 0x07))).to.equal("FORMAT_OUT_OF_RANGE"); // root in the magic
    expect(codeOf((bytes) => bytes.fill(0xff, 0x58))).to.equal("FORMAT_OUT_OF_RANGE");
    expect(codeOf(setting(0x33, 0x00))).to.equal("FORMAT_TRUNCATED"); // table of no bytes
    expect(codeOf(setting(0x33, 0x25))).to.equal("FORMAT_TRUNCATED"); // table runs into the tail
    expect(codeOf(setting(0x34, 0x01))).to.equal("FORMAT_INVALID"); // fewer entries than bytes
    expect(codeOf(setting(0x34, 0x03))).to.equal("FORMAT_TRUNCATED"); // more entries than bytes
    expect(codeOf(setting(0x35, 0x78))).to.equal("FORMAT_INVALID"); // unknown type
    expect(codeOf(setting(0x36, 0x7f))).to.equal("FORMAT_TRUNCATED"); // name runs out of the table
    expect(codeOf(setting(0x37, 0x2f))).to.equal("FORMAT_INVALID"); // slash in a name
    expect(codeOf(setting(0x45, 0x00))).to.equal("FORMAT_OUT_OF_RANGE"); // directory refers to itself
    expect(codeOf(setting(0x45, 0x2c))).to.equal("FORMAT_OUT_OF_RANGE"); // and before the first block
  });

  it("does not allocate for a table that it declares and does not have", () => {
    const bytes = fromHex("91fd60f9c46758d5" + "ffffffffffffff0f" + "0800000000000000");
    const reader = new CatalogReader(residentBytes(bytes));

    expect(thrown(() => reader.readDirectory(reader.root()))).to.have.property(
      "code",
      "FORMAT_OUT_OF_RANGE",
    );
  });

  it("refuses names that are no path components, and unbalanced directories", () => {
    const writer = new CatalogWriter(new ByteWriter());

    for (const bad of ["", ".", "..", "a/b", "a\0", "x".repeat(4096)]) {
      expect(() => {
        writer.startDirectory(name(bad));
      }).to.throw(RangeError);
    }
    expect(() => {
      writer.endDirectory();
    }).to.throw(TypeError);
    writer.startDirectory(name("a"));
    expect(() => {
      writer.finish();
    }).to.throw(TypeError);
    writer.endDirectory();
    writer.finish();
    expect(() => {
      writer.addBare(name("a"), "fifo");
    }).to.throw(TypeError);
  });
});
