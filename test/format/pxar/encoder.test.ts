import { expect } from "chai";

import { ByteWriter } from "../../../src/format/bytes/byte-writer.ts";
import { fromHex, toHex } from "../../../src/format/bytes/hex.ts";
import { residentBytes } from "../../../src/format/bytes/resident-source.ts";
import { pxarAclOf } from "../../../src/format/pxar/posix-acl.ts";
import { PxarEncoder } from "../../../src/format/pxar/encoder.ts";
import { NO_XATTRS, type PxarMetadata } from "../../../src/format/pxar/metadata.ts";
import { PxarTree } from "../../../src/format/pxar/tree-reader.ts";
import {
  encodeTree,
  memorySink,
  metadataOf,
  pxarFixture,
  pxarFixtureNames,
  pxarFixtureText,
} from "../../support/pxar-fixtures.ts";

interface SourceEntry {
  path: string;
  path_hex: string;
  type: string;
  mode: string;
  uid: number;
  gid: number;
  mtime_secs: number;
  mtime_nanos: number;
  size?: number;
  content_hex?: string;
  target_hex?: string;
  hardlink_to_hex?: string;
  major?: number;
  minor?: number;
  xattrs?: Record<string, string>;
  fcaps_hex?: string;
  acl_raw_xattr?: Record<string, string>;
  chattr?: string;
}

interface Fixture {
  source_entries_in_archive_order: SourceEntry[];
  items: { off: number; type: string; full_size: number; name_hex?: string; flags?: string }[];
  archived_paths_hex: string[];
  pxar_create_options: string[];
}

const chattrBits: Record<string, number> = {
  a: 0x10000,
  A: 0x20000,
  c: 0x40000,
  C: 0x80000,
  d: 0x100000,
  D: 0x200000,
  i: 0x400000,
  S: 0x800000,
};

function metadataOfSource(entry: SourceEntry, flags: number): PxarMetadata {
  const acl = entry.acl_raw_xattr
    ? pxarAclOf({
        access: optionalHex(entry.acl_raw_xattr["system.posix_acl_access"]),
        defaults: optionalHex(entry.acl_raw_xattr["system.posix_acl_default"]),
      })
    : undefined;
  return {
    mode: Number(entry.mode),
    flags,
    uid: entry.uid,
    gid: entry.gid,
    mtimeSec: entry.mtime_secs,
    mtimeNanos: entry.mtime_nanos,
    xattrs: entry.xattrs
      ? Object.entries(entry.xattrs).map(([name, value]) => ({
          name: nameOfText(name),
          value: fromHex(value),
        }))
      : NO_XATTRS,
    acl,
    fcaps: optionalHex(entry.fcaps_hex),
    quotaProjectId: undefined,
  };
}

/** Undoes Python's "surrogateescape": a byte that is not UTF-8 is written as a lone surrogate. */
function nameOfText(text: string): Uint8Array {
  return Buffer.concat(
    Array.from(text, (letter) => {
      const code = letter.codePointAt(0) ?? 0;
      return code >= 0xdc80 && code <= 0xdcff ? Buffer.from([code - 0xdc00]) : Buffer.from(letter);
    }),
  );
}

/** Puts attributes in the order in which the kernel listed them, which only the archive remembers. */
function inArchiveOrder(metadata: PxarMetadata, rest: Uint8Array): PxarMetadata {
  const places = new Map(
    metadata.xattrs.map((xattr) => [
      xattr,
      Buffer.from(rest).indexOf(Buffer.concat([xattr.name, Buffer.of(0)])),
    ]),
  );
  const xattrs = metadata.xattrs.toSorted((a, b) => places.get(a)! - places.get(b)!);
  return { ...metadata, xattrs };
}

function optionalHex(text: string | undefined): Uint8Array | undefined {
  return text === undefined ? undefined : fromHex(text);
}

/** Encodes the described source tree, taking from the archive only what the description does not say. */
function encodeDescription(fixture: Fixture, original: Uint8Array): Uint8Array {
  const sink = memorySink();
  const encoder = new PxarEncoder({ metadata: sink });
  const payloads = fixture.items.filter((item) => item.type === "PXAR_PAYLOAD");
  const open: string[] = [];
  const offsets = new Map<string, number>();
  const keep = new Set(fixture.archived_paths_hex);
  let payloadIndex = 0;
  for (const entry of fixture.source_entries_in_archive_order) {
    if (entry.path_hex === "") {
      encoder.startRoot(metadataOfSource(entry, 0));
      continue;
    }
    if (!keep.has(entry.path_hex)) continue;
    const path = Buffer.from(entry.path_hex, "hex").toString("latin1");
    const slash = path.lastIndexOf("/");
    const parent = slash < 0 ? "" : path.slice(0, slash);
    while (open.length > 0 && open.at(-1) !== parent) {
      encoder.endDirectory();
      open.pop();
    }
    const name = Buffer.from(path.slice(slash + 1), "latin1");
    const flags = Array.from(entry.chattr ?? "").reduce(
      (sum, letter) => sum | (chattrBits[letter] ?? 0),
      0,
    );
    const metadata = inArchiveOrder(
      metadataOfSource(entry, flags),
      original.subarray(sink.position),
    );
    switch (entry.type) {
      case "dir":
        encoder.startDirectory(name, metadata);
        open.push(path);
        break;
      case "file": {
        const item = payloads[payloadIndex++]!;
        const content = original.subarray(item.off + 16, item.off + item.full_size);
        expect(content.length).to.equal(entry.size);
        offsets.set(entry.path_hex, encoder.startFile(name, metadata, content.length));
        sink.write(content);
        encoder.endFile();
        break;
      }
      case "hardlink": {
        const target = entry.hardlink_to_hex!;
        encoder.addHardLink(name, fromHex(target), offsets.get(target)!);
        break;
      }
      case "symlink":
        encoder.addSymlink(name, metadata, fromHex(entry.target_hex!));
        break;
      case "blockdev":
      case "chardev":
        encoder.addDevice(name, metadata, { major: entry.major!, minor: entry.minor! });
        break;
      case "fifo":
        encoder.addFifo(name, metadata);
        break;
      case "socket":
        encoder.addSocket(name, metadata);
        break;
      default:
        throw new Error(entry.type);
    }
  }
  while (open.length > 0) {
    encoder.endDirectory();
    open.pop();
  }
  const cliHex = toHex(Buffer.from(".pxarexclude-cli"));
  if (keep.has(cliHex) && !offsets.has(cliHex)) {
    const item = payloads[payloadIndex]!;
    const content = original.subarray(item.off + 16, item.off + item.full_size);
    encoder.startFile(
      Buffer.from(".pxarexclude-cli"),
      metadataOf({ mode: 0o100600 }),
      content.length,
    );
    sink.write(content);
    encoder.endFile();
  }
  encoder.endDirectory();
  encoder.finish();
  return sink.take();
}

describe("format/pxar/encoder", () => {
  for (const name of pxarFixtureNames()) {
    it(`encodes the described source of ${name} to the bytes of the official program`, () => {
      const original = pxarFixture(`v1/${name}.pxar`);
      const fixture = JSON.parse(pxarFixtureText(`v1/${name}.json`)) as Fixture;
      if (fixture.pxar_create_options.includes("--no-xattrs")) {
        for (const entry of fixture.source_entries_in_archive_order) {
          delete entry.xattrs;
          delete entry.acl_raw_xattr;
          delete entry.fcaps_hex;
        }
      }

      const encoded = encodeDescription(fixture, original);

      expect(firstDifference(encoded, original)).to.equal(undefined);
    });
  }

  for (const name of ["split", "split-prelude"]) {
    it(`encodes ${name} to the bytes of the official encoder, in both archives`, () => {
      const metadata = pxarFixture(`v2/${name}.mpxar`);
      const payload = pxarFixture(`v2/${name}.ppxar`);
      const tree = new PxarTree(residentBytes(metadata));
      const metadataSink = memorySink();
      const payloadSink = memorySink();

      encodeTree(
        tree,
        new PxarEncoder({
          metadata: metadataSink,
          payload: payloadSink,
          prelude: tree.header().prelude,
        }),
        ({ payload: place, size }) => {
          payloadSink.write(payload.subarray(place.offset, place.offset + size));
        },
      );

      expect(firstDifference(metadataSink.take(), metadata)).to.equal(undefined);
      expect(firstDifference(payloadSink.take(), payload)).to.equal(undefined);
    });
  }

  it("encodes a reference to re-used payload as the specification's example 3 does", () => {
    const { archives } = JSON.parse(pxarFixtureText("examples/pxar-vectors.json")) as {
      archives: { ex3: { metadata_hex: string; payload_hex: string } };
    };
    const metadata = memorySink();
    const payload = memorySink();
    const encoder = new PxarEncoder({
      metadata,
      payload,
      prelude: Buffer.from('{"exclude-patterns":"*.tmp\\n"}'),
    });
    const file = (mtimeSec: number): PxarMetadata => metadataOf({ mode: 0o100644, mtimeSec });

    encoder.startRoot(metadataOf({ mode: 0o40755, mtimeSec: 1700000000 }));
    encoder.startFile(Buffer.from("e"), file(1700000001), 0);
    encoder.endFile();
    encoder.startFile(Buffer.from("f"), file(1700000002), 3);
    payload.write(Buffer.from("FFF"));
    encoder.endFile();
    encoder.addFileReference(Buffer.from("r"), file(1700000003), {
      payloadOffset: 0x1000,
      size: 10,
    });
    encoder.endDirectory();
    encoder.finish();

    expect(toHex(metadata.view())).to.equal(archives.ex3.metadata_hex);
    expect(toHex(payload.view())).to.equal(archives.ex3.payload_hex);
  });

  it("leaves out the payload markers that re-used chunks bring along", () => {
    const metadata = memorySink();
    const payload = memorySink();
    const encoder = new PxarEncoder({ metadata, payload, payloadStartMarker: "omit" });

    encoder.startRoot(metadataOf({ mode: 0o40755 }));
    encoder.addFileReference(Buffer.from("r"), metadataOf({ mode: 0o100644 }), {
      payloadOffset: 16,
      size: 10,
    });
    encoder.endDirectory();
    encoder.finish("omit");

    expect(payload.position).to.equal(0);
  });

  it("refuses a payload reference that does not lie behind the one before", () => {
    const encoder = new PxarEncoder({ metadata: memorySink(), payload: memorySink() });
    encoder.startRoot(metadataOf({ mode: 0o40755 }));
    const metadata = metadataOf({ mode: 0o100644 });
    encoder.addFileReference(Buffer.from("a"), metadata, { payloadOffset: 100, size: 0 });

    expect(() =>
      encoder.addFileReference(Buffer.from("b"), metadata, { payloadOffset: 100, size: 0 }),
    ).to.throw("payload offsets must increase");
  });

  it("refuses an entry name that contains a slash", () => {
    const encoder = new PxarEncoder({ metadata: memorySink() });
    encoder.startRoot(metadataOf({ mode: 0o40755 }));

    expect(() => encoder.addFifo(Buffer.from("a/b"), metadataOf({ mode: 0o10600 }))).to.throw();
  });

  it("refuses to end a file of which less was written than announced", () => {
    const metadata = new ByteWriter();
    const encoder = new PxarEncoder({ metadata });
    encoder.startRoot(metadataOf({ mode: 0o40755 }));
    encoder.startFile(Buffer.from("a"), metadataOf({ mode: 0o100644 }), 5);
    metadata.write(new Uint8Array(4));

    expect(() => {
      encoder.endFile();
    }).to.throw("content and announced size differ");
  });
});

function firstDifference(a: Uint8Array, b: Uint8Array): number | undefined {
  for (let i = 0; i < Math.max(a.length, b.length); i++) if (a[i] !== b[i]) return i;
  return undefined;
}
