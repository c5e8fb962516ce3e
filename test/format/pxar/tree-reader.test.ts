import { expect } from "chai";

import { fromHex, toHex } from "../../../src/format/bytes/hex.ts";
import {
  NotResident,
  residentBytes,
  type ResidentSource,
} from "../../../src/format/bytes/resident-source.ts";
import { FormatError } from "../../../src/format/format-error.ts";
import { PxarEncoder } from "../../../src/format/pxar/encoder.ts";
import { type PxarNode } from "../../../src/format/pxar/node.ts";
import { checkPayloadHeader, PxarTree } from "../../../src/format/pxar/tree-reader.ts";
import {
  aclDebugText,
  countingSource,
  encodeTree,
  kindDebugText,
  memorySink,
  pxarFixture,
  pxarFixtureNames,
  pxarFixtureText,
  walkTree,
} from "../../support/pxar-fixtures.ts";

interface Decoded {
  acl: string | null;
  fcaps: string | null;
  flags: string;
  gid: number;
  uid: number;
  kind: string;
  mode: string;
  nanos: number;
  secs: number;
  path_hex: string;
  quota: number | null;
  xattrs: [string, string][];
}

function decodedLike(path: string, node: PxarNode): Decoded {
  const metadata = node.kind === "hardlink" ? undefined : node.metadata;
  return {
    acl: metadata?.acl ? aclDebugText(metadata.acl) : null,
    fcaps: metadata?.fcaps ? toHex(metadata.fcaps) : null,
    flags: `0x${(metadata?.flags ?? 0).toString(16)}`,
    gid: metadata?.gid ?? 0,
    kind: kindDebugText(node, false),
    mode: (metadata?.mode ?? 0).toString(8),
    nanos: metadata?.mtimeNanos ?? 0,
    path_hex: toHex(Buffer.from(path, "latin1")),
    quota: null,
    secs: metadata?.mtimeSec ?? 0,
    uid: metadata?.uid ?? 0,
    xattrs: (metadata?.xattrs ?? []).map(({ name, value }) => [toHex(name), toHex(value)]),
  };
}

describe("format/pxar/tree-reader", () => {
  for (const name of pxarFixtureNames()) {
    it(`reads in ${name} what the official decoder reads`, () => {
      const expected = pxarFixtureText(`decoded/${name}.pxar.decoded.jsonl`)
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Decoded);
      const tree = new PxarTree(residentBytes(pxarFixture(`v1/${name}.pxar`)));

      const found = [...walkTree(tree)].map(({ path, node }) => decodedLike(path, node));

      expect(found).to.deep.equal(expected);
    });

    it(`encodes the tree of ${name} to the same bytes again`, () => {
      const original = pxarFixture(`v1/${name}.pxar`);
      const sink = memorySink();

      encodeTree(
        new PxarTree(residentBytes(original)),
        new PxarEncoder({ metadata: sink }),
        (file) => {
          sink.write(original.subarray(file.payload.offset, file.payload.offset + file.size));
        },
      );

      expect(Buffer.compare(sink.view(), original)).to.equal(0);
    });

    it(`finds by name in ${name} every entry that a scan finds`, () => {
      const tree = new PxarTree(residentBytes(pxarFixture(`v1/${name}.pxar`)));
      const directories = [...walkTree(tree)].map(({ node }) => node);

      for (const directory of directories) {
        if (directory.kind !== "directory") continue;
        for (const child of tree.children(directory)) {
          expect(tree.lookup(directory, child.name)).to.deep.equal(child);
        }
        expect(tree.lookup(directory, Buffer.from("no such name"))).to.equal(undefined);
      }
    });
  }

  for (const name of ["split", "split-prelude"]) {
    it(`reads in ${name} what the official decoder reads`, () => {
      const expected = (
        JSON.parse(pxarFixtureText(`v2/${name}.json`)) as {
          kind: string;
          mode: string;
          path_hex: string;
          secs: number;
        }[]
      ).filter((entry) => !/^(Version|Prelude)/.test(entry.kind));
      const tree = new PxarTree(residentBytes(pxarFixture(`v2/${name}.mpxar`)));

      const found = [...walkTree(tree)].map(({ path, node }) => ({
        kind: kindDebugText(node, true),
        mode: node.kind === "hardlink" ? "0" : node.metadata.mode.toString(8),
        path_hex: toHex(Buffer.from(path, "latin1")),
        secs: node.kind === "hardlink" ? 0 : node.metadata.mtimeSec,
      }));

      expect(found).to.deep.equal(expected);
    });
  }

  it("reads version and prelude", () => {
    const tree = new PxarTree(residentBytes(pxarFixture("v2/split-prelude.mpxar")));

    const { version, prelude } = tree.header();

    expect(version).to.equal(2);
    expect(Buffer.from(prelude!).toString()).to.equal("*.tmp\n/cache\n");
  });

  it("accepts the payload header of every file of a split archive, and no other size", () => {
    const payload = pxarFixture("v2/split.ppxar");
    const tree = new PxarTree(residentBytes(pxarFixture("v2/split.mpxar")));

    for (const { node } of walkTree(tree)) {
      if (node.kind !== "file") continue;
      const header = payload.subarray(node.payload.headerOffset, node.payload.offset);
      checkPayloadHeader(header, node.size);
      expect(() => {
        checkPayloadHeader(header, node.size + 1);
      }).to.throw(FormatError);
    }
  });

  it("reads the examples of the specification", () => {
    const { archives } = JSON.parse(pxarFixtureText("examples/pxar-vectors.json")) as {
      archives: Record<string, { metadata_hex: string }>;
    };

    const paths = Object.values(archives).map(({ metadata_hex }) =>
      [...walkTree(new PxarTree(residentBytes(fromHex(metadata_hex))))].map(({ path }) => path),
    );

    expect(paths).to.deep.equal([
      ["/", "/hello.txt"],
      ["/", "/a", "/b", "/d", "/d/l", "/null", "/p"],
      ["/", "/e", "/f", "/r"],
      ["/", "/a", "/b", "/d", "/d/l", "/null", "/p"],
    ]);
  });

  it("resolves a hard link to its file", () => {
    const tree = new PxarTree(residentBytes(pxarFixture("v1/links.pxar")));
    const nodes = new Map([...walkTree(tree)].map(({ path, node }) => [path, node]));
    const link = nodes.get("/b/big-link")!;

    const target = tree.resolveHardLink(link as PxarNode & { kind: "hardlink" });

    expect(target).to.deep.equal(nodes.get("/a/big"));
  });

  it("lists a directory of large files without touching their content", () => {
    const bytes = pxarFixture("v1/files.pxar");
    const source = countingSource(bytes);
    const tree = new PxarTree(source);

    const count = tree.children(tree.root()).length;

    expect(count).to.be.greaterThan(8);
    expect(source.readBytes).to.be.lessThan(count * 4096 + 3 * 4096);
    expect(source.readBytes).to.be.lessThan(bytes.length / 10);
  });

  it("lists a directory whose entries lie in more chunks than are in memory at once", () => {
    const bytes = pxarFixture("v1/files.pxar");
    const resident: number[] = [];
    const source: ResidentSource = {
      size: bytes.length,
      read(offset, size) {
        for (let i = Math.floor(offset / 8192); i * 8192 < offset + size; i++) {
          // eslint-disable-next-line @typescript-eslint/only-throw-error -- the signal of restartable sources
          if (!resident.includes(i)) throw new NotResident(i);
        }
        return bytes.subarray(offset, offset + size);
      },
    };
    const whenResident = <Result>(action: () => Result): Result => {
      for (let tries = 0; tries < 20; tries++) {
        try {
          return action();
        } catch (error) {
          if (!(error instanceof NotResident)) throw error;
          resident.push(error.need as number);
          if (resident.length > 3) resident.shift();
        }
      }
      throw new Error("an operation needs more than is in memory");
    };
    const tree = new PxarTree(source);

    const listing = whenResident(() => tree.list(tree.root()));
    const names: Uint8Array[] = [];
    for (let batch = whenResident(() => listing.next()); batch;) {
      names.push(...batch.map(({ name }) => name));
      batch = whenResident(() => listing.next());
    }

    const whole = new PxarTree(residentBytes(bytes));
    expect(names).to.deep.equal(whole.children(whole.root()).map(({ name }) => name));
  });

  it("reads attributes longer than a window", () => {
    const tree = new PxarTree(residentBytes(pxarFixture("v1/xattrs.pxar")));

    const sizes = tree
      .children(tree.root())
      .flatMap((node) => (node.kind === "file" ? node.metadata.xattrs : []))
      .map(({ value }) => value.length);

    expect(Math.max(...sizes)).to.equal(3000);
  });
});
