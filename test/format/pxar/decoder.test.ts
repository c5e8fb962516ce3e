import { expect } from "chai";

import { fromHex } from "../../../src/format/bytes/hex.ts";
import {
  NotResident,
  residentBytes,
  type ResidentSource,
} from "../../../src/format/bytes/resident-source.ts";
import { FormatError } from "../../../src/format/format-error.ts";
import { PxarDecoder } from "../../../src/format/pxar/decoder.ts";
import { type PxarNode } from "../../../src/format/pxar/node.ts";
import { PxarTree } from "../../../src/format/pxar/tree-reader.ts";
import {
  aclDebugText,
  kindDebugText,
  pxarFixture,
  pxarFixtureNames,
  pxarFixtureText,
  walkTree,
} from "../../support/pxar-fixtures.ts";

interface Found {
  path: string;
  node: PxarNode;
}

function decodeAll(decoder: PxarDecoder): Found[] {
  const found: Found[] = [];
  const names: string[] = [];
  for (const step of decoder) {
    if (step.kind === "directory-end") {
      names.pop();
      continue;
    }
    const name = Buffer.from(step.node.name).toString("latin1");
    const path = names.length === 0 ? "/" : `/${[...names.slice(1), name].join("/")}`;
    found.push({ path, node: step.node });
    if (step.node.kind === "directory") names.push(name);
  }
  expect(names).to.deep.equal([]);
  return found;
}

const withoutEnd = (found: Iterable<Found>): unknown[] =>
  Array.from(found, ({ path, node }) => ({
    path,
    node: node.kind === "directory" ? { ...node, end: 0 } : node,
  }));

/** Renders what the reference prints of an entry with `{:?}`. */
function entryDebugText({ path, node }: Found): string {
  if (node.kind === "hardlink") throw new Error("not in these fixtures");
  const { metadata } = node;
  const bytes = (list: Uint8Array): string => `[${list.join(", ")}]`;
  const xattrs = metadata.xattrs.map(
    ({ name, value }) =>
      `XAttr { data: ${bytes(Uint8Array.of(...name, 0, ...value))}, name_len: ${name.length} }`,
  );
  const acl = metadata.acl
    ? aclDebugText(metadata.acl)
    : "Acl { users: [], groups: [], group_obj: None, default: None, default_users: [], default_groups: [] }";
  const fcaps = metadata.fcaps ? `Some(FCaps { data: ${bytes(metadata.fcaps)} })` : "None";
  const quota =
    metadata.quotaProjectId === undefined
      ? "None"
      : `Some(QuotaProjectId { projid: ${metadata.quotaProjectId} })`;
  return `Entry { path: "${path}", metadata: Metadata { stat: Stat { mode: ${metadata.mode}, flags: ${metadata.flags}, uid: ${metadata.uid}, gid: ${metadata.gid}, mtime: StatxTimestamp { secs: ${metadata.mtimeSec}, nanos: ${metadata.mtimeNanos}, _zero: 0 } }, xattrs: [${xattrs.join(", ")}], acl: ${acl}, fcaps: ${fcaps}, quota_project_id: ${quota} }, kind: ${kindDebugText(node, false)} }`;
}

describe("format/pxar/decoder", () => {
  for (const name of pxarFixtureNames()) {
    it(`finds in ${name} what the tree reader finds`, () => {
      const bytes = pxarFixture(`v1/${name}.pxar`);

      const found = decodeAll(new PxarDecoder(residentBytes(bytes)));

      expect(withoutEnd(found)).to.deep.equal(
        withoutEnd(walkTree(new PxarTree(residentBytes(bytes)))),
      );
    });
  }

  for (const name of ["split", "split-prelude"]) {
    it(`decodes ${name} and agrees with its payload archive`, () => {
      const bytes = pxarFixture(`v2/${name}.mpxar`);
      const payload = residentBytes(pxarFixture(`v2/${name}.ppxar`));

      const found = decodeAll(new PxarDecoder(residentBytes(bytes), payload));

      expect(withoutEnd(found)).to.deep.equal(
        withoutEnd(walkTree(new PxarTree(residentBytes(bytes)))),
      );
    });
  }

  it("decodes the unsplit form of a split archive to the same names", () => {
    const expected = JSON.parse(pxarFixtureText("v2/unified-v1.json")) as { path_hex: string }[];

    const found = decodeAll(new PxarDecoder(residentBytes(pxarFixture("v2/unified-v1.pxar"))));

    expect(found.map(({ path }) => Buffer.from(path, "latin1").toString("hex"))).to.deep.equal(
      expected.map(({ path_hex }) => path_hex),
    );
  });

  for (const name of ["entry-v1", "quota-projid"]) {
    it(`decodes ${name} as the official decoder does`, () => {
      const expected = JSON.parse(pxarFixtureText(`internals/${name}.pxar.json`)) as {
        debug: string;
      }[];

      const found = decodeAll(
        new PxarDecoder(residentBytes(pxarFixture(`internals/${name}.pxar`))),
      );

      expect(found.map(entryDebugText)).to.deep.equal(expected.map(({ debug }) => debug));
    });
  }

  it("goes on where it was when bytes arrive only piece by piece", () => {
    const bytes = pxarFixture("v1/mixed.pxar");
    let resident = 0;
    const source: ResidentSource = {
      size: bytes.length,
      read(offset, size) {
        // eslint-disable-next-line @typescript-eslint/only-throw-error -- the signal of restartable sources
        if (offset + size > resident) throw new NotResident(offset + size);
        return bytes.subarray(offset, offset + size);
      },
    };
    const decoder = new PxarDecoder(source);
    const names: string[] = [];

    for (let done = false; !done;) {
      try {
        const step = decoder.next();
        done = step === undefined;
        if (step?.kind === "entry") names.push(Buffer.from(step.node.name).toString("latin1"));
      } catch (error) {
        if (!(error instanceof NotResident)) throw error;
        resident = error.need as number;
      }
    }

    const whole = decodeAll(new PxarDecoder(residentBytes(bytes)));
    expect(names).to.deep.equal(whole.map(({ node }) => Buffer.from(node.name).toString("latin1")));
  });

  it("refuses a payload reference that goes back", () => {
    const { archives } = JSON.parse(pxarFixtureText("examples/pxar-vectors.json")) as {
      archives: { ex3: { metadata_hex: string; payload_hex: string } };
    };
    const metadata = fromHex(archives.ex3.metadata_hex);
    metadata[0x142] = 0x10; // The reference of "f" now names the payload of "e".

    const decoder = new PxarDecoder(
      residentBytes(metadata),
      residentBytes(fromHex(archives.ex3.payload_hex)),
    );

    expect(() => decodeAll(decoder)).to.throw(FormatError, "goes back");
  });

  it("refuses bytes behind the root", () => {
    const bytes = Uint8Array.of(...pxarFixture("v1/empty-root.pxar"), 0);

    expect(() => decodeAll(new PxarDecoder(residentBytes(bytes)))).to.throw(FormatError);
  });

  it("refuses an archive of version 3", () => {
    const bytes = pxarFixture("v2/split.mpxar");
    bytes[16] = 3;

    expect(() => new PxarDecoder(residentBytes(bytes)).header())
      .to.throw(FormatError)
      .with.property("code", "FORMAT_UNSUPPORTED");
  });
});
