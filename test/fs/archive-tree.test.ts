import { expect } from "chai";

import { PxarEncoder } from "../../src/format/pxar/encoder.ts";
import { type SnapshotKey } from "../../src/fs/fs-need.ts";
import { CHUNK_BYTES_MAX } from "../../src/format/limits.ts";
import { type ByteWriter } from "../../src/format/bytes/byte-writer.ts";
import { fromHex } from "../../src/format/bytes/hex.ts";
import { type Attributes, ROOT_INODE } from "../../src/fs/file-system.ts";
import { DrivenFileSystem } from "../support/driven-file-system.ts";
import { MemoryDatastore } from "../support/memory-datastore.ts";
import { memorySink, metadataOf, pxarFixture, pxarFixtureText } from "../support/pxar-fixtures.ts";
import { prng } from "../support/prng.ts";

const snapshot: SnapshotKey = { namespace: "", type: "host", id: "elsa", timeSec: 1_700_000_000 };

type Chunk = ReturnType<MemoryDatastore["addChunk"]>;

function archiveRoot(name: string): {
  readonly root: { kind: "archive"; snapshot: SnapshotKey; name: string };
} {
  return { root: { kind: "archive", snapshot, name } };
}

/** A mount of one archive of version 1. */
function mounted(fixture: string, chunkBytes = 1000): DrivenFileSystem {
  const datastore = new MemoryDatastore();
  datastore.addSnapshot(snapshot);
  datastore.addArchive(snapshot, "root.pxar.didx", pxarFixture(`v1/${fixture}.pxar`), chunkBytes);
  return new DrivenFileSystem(datastore, archiveRoot("root.pxar"));
}

type SplitArchive = Readonly<Record<"metadata" | "payload", Uint8Array>>;

const file = metadataOf({ mode: 0o100644 });
const directory = metadataOf({ mode: 0o40755 });

/** A split archive whose root holds what `fill` adds. */
function splitArchive(
  fill: (encoder: PxarEncoder, sinks: Record<keyof SplitArchive, ByteWriter>) => void,
): SplitArchive {
  const sinks = { metadata: memorySink(), payload: memorySink() };
  const encoder = new PxarEncoder(sinks);
  encoder.startRoot(directory);
  fill(encoder, sinks);
  encoder.endDirectory();
  encoder.finish();
  return { metadata: sinks.metadata.take(), payload: sinks.payload.take() };
}

/** Adds empty files with long names until there are so many MiB of metadata. */
function addFiles(encoder: PxarEncoder, metadata: ByteWriter, mebibytes: number): void {
  for (let i = 0; metadata.position < mebibytes * 2 ** 20; i++) {
    encoder.startFile(Buffer.from(String(i).padEnd(250, "x")), file, 0);
    encoder.endFile();
  }
}

/** One large file between two small ones. */
function largeFileArchive(content: Uint8Array): SplitArchive {
  return splitArchive((encoder, { payload }) => {
    for (const [name, bytes] of [
      ["a", Buffer.from("before")],
      ["large", content],
      ["z", Buffer.from("behind")],
    ] as const) {
      encoder.startFile(Buffer.from(name), file, bytes.length);
      payload.write(bytes);
      encoder.endFile();
    }
  });
}

/** So many MiB of metadata: a directory of many files, and a file with two names behind it. */
function longArchive(mebibytes: number): SplitArchive {
  return splitArchive((encoder, { metadata }) => {
    encoder.startDirectory(Buffer.from("d0"), directory);
    addFiles(encoder, metadata, mebibytes);
    encoder.endDirectory();
    const target = encoder.startFile(Buffer.from("first"), file, 0);
    encoder.endFile();
    encoder.addHardLink(Buffer.from("second"), Buffer.from("first"), target);
  });
}

/** A root with so many directories, each with 1 MiB of metadata. */
function wideArchive(count: number): SplitArchive {
  return splitArchive((encoder, { metadata }) => {
    for (let i = 0; i < count; i++) {
      encoder.startDirectory(Buffer.from(`d${i}`), directory);
      addFiles(encoder, metadata, i + 1);
      encoder.endDirectory();
    }
  });
}

/** A datastore with a split archive, cut into chunks of these lengths, and a mount of it. */
function mountedSplit(
  { metadata, payload }: SplitArchive,
  chunkBytes: Partial<Record<keyof SplitArchive, number>> = {},
): { datastore: MemoryDatastore; mount: DrivenFileSystem } {
  const datastore = new MemoryDatastore();
  datastore.addSnapshot(snapshot);
  datastore.addArchive(snapshot, "root.mpxar.didx", metadata, chunkBytes.metadata);
  datastore.addArchive(snapshot, "root.ppxar.didx", payload, chunkBytes.payload);
  return { datastore, mount: new DrivenFileSystem(datastore, archiveRoot("root.pxar")) };
}

/** The same with one large file between two small ones. */
function mountedLargeFile(
  content: Uint8Array,
  chunkBytes: number,
): ReturnType<typeof mountedSplit> & { payload: Uint8Array } {
  const archive = largeFileArchive(content);
  const { payload } = archive;
  return { ...mountedSplit(archive, { metadata: 100, payload: chunkBytes }), payload };
}

describe("fs/archive-tree", () => {
  it("lists the root directory of a mounted archive before anybody asks, as its chunks come, and only once", async () => {
    const archive = splitArchive((encoder) => {
      for (const name of ["a", "b", "c"]) {
        encoder.startDirectory(Buffer.from(name), directory);
        encoder.endDirectory();
      }
    });
    const { mount, datastore } = mountedSplit(archive, { metadata: 100 });

    let pieces = 0;
    while (await mount.run((fs) => fs.prepare())) pieces++;
    await mount.settled();
    const fetchedAhead = datastore.reads.length;
    const names = await mount.list("");
    const again = await mount.run((fs) => fs.prepare());

    expect(pieces).to.be.greaterThan(0);
    expect(names).to.deep.equal(["a", "b", "c"]);
    expect(datastore.reads.length).to.equal(fetchedAhead);
    expect(again).to.equal(false);
  });

  it("reads beginning and end at once of an archive that is asked for by name, and the beginning alone of one that is listed", async () => {
    const { datastore } = mountedSplit(wideArchive(1), { metadata: 64 * 1024 });
    const root = { kind: "snapshot", snapshot } as const;
    const readsAfter = async (
      look: (mount: DrivenFileSystem) => Promise<unknown>,
    ): Promise<number> => {
      const before = datastore.reads.length;
      const mount = new DrivenFileSystem(datastore, { root });
      await look(mount);
      await mount.settled();
      return datastore.reads.length - before;
    };

    const ofListing = await readsAfter(async (mount) => await mount.list(""));
    const ofLookups = await readsAfter(async (mount) => {
      await mount.stat("root.pxar");
      await mount.stat("root.pxar");
    });

    expect([ofListing, ofLookups]).to.deep.equal([1, 2]);
  });

  it("reads the next directory of a walk before it is asked for, and only that", async () => {
    const archive = splitArchive((encoder) => {
      for (const name of ["a", "b", "c"]) {
        encoder.startDirectory(Buffer.from(name), directory);
        encoder.endDirectory();
      }
    });
    const { mount } = mountedSplit(archive);
    const prepare = async (): Promise<boolean> => await mount.run((fs) => fs.prepare());

    await mount.list("");
    const afterRoot = await prepare();
    await mount.list("a");
    const afterFirst = [await prepare(), await prepare()];

    expect([afterRoot, ...afterFirst]).to.deep.equal([false, true, false]);
    expect(await mount.list("b")).to.deep.equal([]);
  });

  it("reads a large directory ahead in pieces, and only the beginning of one that is too large to be kept", async () => {
    const archive = splitArchive((encoder) => {
      for (const [name, files] of [
        ["a", 0],
        ["b", 1500],
        ["c", 20_000],
      ] as const) {
        encoder.startDirectory(Buffer.from(name), directory);
        for (let i = 0; i < files; i++) {
          encoder.startFile(Buffer.from(`file ${i}`), file, 0);
          encoder.endFile();
        }
        encoder.endDirectory();
      }
    });
    const { mount } = mountedSplit(archive, { metadata: CHUNK_BYTES_MAX });
    const pieces = async (): Promise<number> => {
      let count = 0;
      while (await mount.run((fs) => fs.prepare())) count++;
      return count;
    };
    await mount.list("");

    await mount.list("a");
    const ofB = await pieces();
    const inB = (await mount.list("b")).length;
    const ofC = await pieces();
    const inC = (await mount.list("c")).length;

    expect(ofB).to.be.greaterThan(2);
    expect(ofC).to.be.within(2, 2 * ofB);
    expect([inB, inC]).to.deep.equal([1500, 20_000]);
  });

  it("shows mode, owner, size, time and device numbers of every entry", async () => {
    const { source_entries_in_archive_order: expected } = JSON.parse(
      pxarFixtureText("v1/special.json"),
    ) as {
      source_entries_in_archive_order: {
        path: string;
        mode: string;
        uid: number;
        gid: number;
        mtime_secs: number;
        mtime_nanos: number;
        size?: number;
        major?: number;
        minor?: number;
      }[];
    };

    const found = await mounted("special").walk();

    for (const entry of expected.slice(1)) {
      const attributes = found.get(entry.path)!;
      expect(attributes).to.include({
        mode: Number(entry.mode),
        uid: entry.uid,
        gid: entry.gid,
        mtimeSec: entry.mtime_secs,
        mtimeNanos: entry.mtime_nanos,
        deviceMajor: entry.major ?? 0,
        deviceMinor: entry.minor ?? 0,
        size: entry.size ?? 0,
      });
    }
    expect(found.size).to.equal(expected.length - 1);
  });

  it("gives all names of a file one inode number and the right link count, the first one too", async () => {
    const found = await mounted("links").walk();

    const names = ["a/orig", "a/second"].map((path) => found.get(path)!);

    expect(new Set(names.map(({ ino }) => ino)).size).to.equal(1);
    expect(names.map(({ nlink }) => nlink)).to.deep.equal([4, 4]);
    expect(found.get("a/big")!.nlink).to.equal(2);
  });

  it("counts directories in the link count of a directory", async () => {
    const mount = mounted("goodbye");
    const found = await mount.walk();

    for (const [path, { kind, nlink }] of found) {
      if (kind !== "directory") continue;
      const inside = [...found].filter(
        ([other, attributes]) =>
          attributes.kind === "directory" &&
          other.startsWith(`${path}/`) &&
          !other.slice(path.length + 1).includes("/"),
      );
      expect(nlink).to.equal(2 + inside.length);
    }
    const inRoot = [...found].filter(
      ([path, { kind }]) => kind === "directory" && !path.includes("/"),
    );
    expect((await mount.stat("")).nlink).to.equal(2 + inRoot.length);
  });

  it("lists a long archive without reading the rest of it, and counts links when a file is asked for", async () => {
    const archive = longArchive(10);
    const chunkBytes = 1024 * 1024;
    const { mount } = mountedSplit(archive, { metadata: chunkBytes });
    const seen = (path: string, { nlink, isProvisional }: Attributes): unknown[] => [
      path,
      nlink,
      isProvisional === true,
    ];

    const folder = seen("d0", await mount.stat("d0"));
    const listed = await mount.run((fs) => fs.readDirectory(ROOT_INODE));
    await mount.settled();
    const chunksForListing = mount.needs.filter(({ kind }) => kind === "chunk").length;
    const named = seen("first", await mount.stat("first"));
    const counted = seen("d0", await mount.stat("d0"));

    expect(listed.entries.map(({ name }) => Buffer.from(name).toString())).to.deep.equal([
      "d0",
      "first",
      "second",
    ]);
    expect(archive.metadata.length / chunkBytes).to.be.greaterThan(9);
    expect(chunksForListing).to.be.lessThan(5);
    expect([folder, named, counted]).to.deep.equal([
      ["d0", 1, true],
      ["first", 2, false],
      ["d0", 2, false],
    ]);
  });

  it("asks for all places at once where the entries of a directory lie far apart", async () => {
    const { mount } = mountedSplit(wideArchive(10), { metadata: 100 * 1024 });
    await mount.run((fs) => fs.getAttributes(ROOT_INODE));
    await mount.settled();
    mount.needs.length = 0;

    const { entries } = await mount.run((fs) => fs.readDirectory(ROOT_INODE));

    const chunks = mount.needs.filter(({ kind }) => kind === "chunk");
    expect(entries).to.have.lengthOf(10);
    expect(chunks.filter(({ isAhead }) => isAhead)).to.have.lengthOf.at.least(8);
    expect(chunks.length).to.be.lessThan(2 * entries.length + 2);
  });

  it("gives an inode the same attributes by name, by listing and by number", async () => {
    const mount = mounted("mixed");

    for (const [path, listed] of await mount.walk()) {
      expect(await mount.stat(path)).to.deep.equal(listed);
      expect(await mount.run((fs) => fs.getAttributes(listed.ino))).to.deep.equal(listed);
    }
  });

  it("gives different entries different inode numbers, the same in another mount", async () => {
    const first = await mounted("nested").walk();
    const second = await mounted("nested", 5000).walk();

    const inodes = Array.from(first.values(), ({ ino }) => ino);

    expect(new Set(inodes).size).to.equal(first.size);
    expect(Array.from(second.values(), ({ ino }) => ino)).to.deep.equal(inodes);
  });

  it("shows targets of links, byte by byte", async () => {
    const mount = mounted("links");
    const { ino } = await mount.stat("sym-bytes");

    const target = await mount.run((fs) => fs.readLink(ino));

    expect(Buffer.from(target).toString("hex")).to.equal("fffe2f01636166e9");
  });

  it("shows extended attributes, capabilities and access control lists", async () => {
    const attributesOf = async (fixture: string, path: string): Promise<Map<string, string>> => {
      const mount = mounted(fixture);
      const { ino } = await mount.stat(path);
      const names = await mount.run((fs) => fs.listExtendedAttributes(ino));
      const values = new Map<string, string>();
      for (const name of names) {
        const value = await mount.run((fs) => fs.getExtendedAttribute(ino, name));
        values.set(Buffer.from(name).toString("latin1"), Buffer.from(value!).toString("hex"));
      }
      return values;
    };
    const acls = JSON.parse(pxarFixtureText("v1/acls.json")) as {
      source_entries_in_archive_order: { path: string; acl_raw_xattr?: Record<string, string> }[];
    };

    expect(Object.fromEntries(await attributesOf("xattrs", "cap-and-user"))).to.deep.equal({
      "user.x": "79",
      "security.capability": "0100000200002000000020000000000000000000",
    });
    for (const { path, acl_raw_xattr } of acls.source_entries_in_archive_order) {
      expect(Object.fromEntries(await attributesOf("acls", path))).to.deep.equal(
        acl_raw_xattr ?? {},
      );
    }
  });

  it("has no value for an attribute that is not there", async () => {
    const mount = mounted("xattrs");
    const { ino } = await mount.stat("cap");

    const value = await mount.run((fs) => fs.getExtendedAttribute(ino, Buffer.from("user.none")));

    expect(value).to.equal(undefined);
  });

  it("says ENOENT for a name that is not there and ENOTDIR below a file", async () => {
    const mount = mounted("links");

    expect(await rejectionOf(mount.stat("nothing"))).to.have.property("code", "ENOENT");
    expect(await rejectionOf(mount.stat("a/orig/below"))).to.have.property("code", "ENOTDIR");
  });

  it("reads content in place, across chunks, from any offset", async () => {
    const archive = pxarFixture("v1/files.pxar");
    const mount = mounted("files", 7777);
    const random = prng(1, 300_000);

    expect((await mount.read("random300000")).equals(random)).to.equal(true);
    expect(
      (await mount.read("random300000", 150_000, 10)).equals(random.subarray(150_000, 150_010)),
    ).to.equal(true);
    expect(
      (await mount.read("random300000", 299_995, 100)).equals(random.subarray(299_995)),
    ).to.equal(true);
    expect((await mount.read("random300000", 300_000, 100)).length).to.equal(0);
    expect((await mount.read("empty")).length).to.equal(0);
    expect(archive.length).to.be.greaterThan(600_000);
  });

  it("reads content from the payload archive of a split one", async () => {
    const content = prng(7, 1_000_000);
    const { mount } = mountedLargeFile(content, 64 * 1024);

    expect((await mount.read("large")).equals(content)).to.equal(true);
    expect((await mount.read("a")).toString()).to.equal("before");
    expect((await mount.read("z")).toString()).to.equal("behind");
  });

  it("finds holes of a file, which are not fetched and take no room", async () => {
    const holeStart = 1000;
    const content = new Uint8Array(CHUNK_BYTES_MAX + 3000);
    content.set(prng(7, holeStart));
    content.set(prng(8, 2000), CHUNK_BYTES_MAX + holeStart);
    const { metadata, payload } = largeFileArchive(content);
    const cut = Buffer.from(payload).indexOf(content.subarray(0, holeStart)) + holeStart;
    const datastore = new MemoryDatastore();
    datastore.addSnapshot(snapshot);
    datastore.addArchive(snapshot, "root.mpxar.didx", metadata);
    const [head, hole, tail] = [
      payload.subarray(0, cut),
      payload.subarray(cut, cut + CHUNK_BYTES_MAX),
      payload.subarray(cut + CHUNK_BYTES_MAX),
    ].map((bytes) => datastore.addChunk(bytes)) as [Chunk, Chunk, Chunk];
    datastore.addIndex(snapshot, "root.ppxar.didx", [head, hole, tail]);
    const mount = new DrivenFileSystem(datastore, archiveRoot("root.pxar"));
    const seek = async (offset: number, what: "data" | "hole"): Promise<number> =>
      await mount.run((fs) => fs.seek(ino, offset, what));

    const { ino, size, allocatedBytes } = await mount.stat("large");

    const holeEnd = holeStart + CHUNK_BYTES_MAX;
    expect([size, allocatedBytes]).to.deep.equal([content.length, 3000]);
    expect(await seek(0, "hole")).to.equal(holeStart);
    expect(await seek(holeStart, "data")).to.equal(holeEnd);
    expect(await seek(holeEnd, "hole")).to.equal(content.length);
    const across = await mount.readInode(ino, holeEnd - 5, 10);
    expect(across.equals(content.subarray(holeEnd - 5, holeEnd + 5))).to.equal(true);
    expect(datastore.reads).not.to.include(hole.digest);
  });

  it("refuses content whose header does not fit the entry", async () => {
    const archive = largeFileArchive(prng(7, 1000));
    archive.payload[16 + 16 + 6 + 8]! ^= 1; // The size in the header of "large".
    const { mount } = mountedSplit(archive);

    const error = await rejectionOf(mount.read("large"));

    expect(error).to.have.property("code", "EIO");
    expect(error.cause).to.have.property("code", "FORMAT_INVALID");
    expect((await mount.read("a")).toString()).to.equal("before");
  });

  it("answers EIO for the range of a missing chunk, naming it, and serves the rest", async () => {
    const content = prng(7, 1_000_000);
    const { datastore, mount, payload } = mountedLargeFile(content, 64 * 1024);
    const bad = datastore.addChunk(payload.subarray(5 * 65_536, 6 * 65_536)).digest;
    datastore.chunks.delete(bad);

    const error = await rejectionOf(mount.read("large", 330_000, 10_000));

    expect(error).to.have.property("code", "EIO");
    expect(error.message).to.include('"large"');
    expect((error.cause as Error).message)
      .to.include(bad)
      .and.include("root.ppxar.didx")
      .and.include("host/elsa");
    expect((await mount.read("large", 0, 65_536)).equals(content.subarray(0, 65_536))).to.equal(
      true,
    );
    expect((await mount.read("large", 400_000)).equals(content.subarray(400_000))).to.equal(true);
  });

  it("names a file that cannot be read by its path", async () => {
    const content = prng(7, 100_000);
    const archive = splitArchive((encoder, { payload }) => {
      for (const name of ["one", "two"]) {
        encoder.startDirectory(Buffer.from(name), directory);
        for (const inside of ["a", "b"]) {
          encoder.startFile(Buffer.from(inside), file, content.length);
          payload.write(content);
          encoder.endFile();
        }
        encoder.endDirectory();
      }
    });
    const { datastore, mount } = mountedSplit(archive, { metadata: 100, payload: 10_000 });
    datastore.chunks.clear();
    datastore.addArchive(snapshot, "root.mpxar.didx", archive.metadata, 100);

    const error = await rejectionOf(mount.read("two/b"));

    expect(error).to.have.property("code", "EIO");
    expect(error.message).to.include('"two/b"');
  });

  it("fetches ahead of a steady reader, more and more, and never for one who jumps", async () => {
    const content = prng(9, 8_000_000);
    const { mount } = mountedLargeFile(content, 100_000);
    const { ino } = await mount.stat("large");
    await mount.settled();

    mount.needs.length = 0;
    for (const offset of [5_000_000, 1_000_000, 3_000_000])
      await mount.readInode(ino, offset, 1000);
    const aheadOfJumps = mount.needs.filter(({ isAhead }) => isAhead).length;
    mount.needs.length = 0;
    for (let offset = 0; offset < content.length; offset += 50_000) {
      await mount.readInode(ino, offset, 50_000);
      await mount.settled();
    }
    const waits = mount.needs.filter(({ isAhead }) => !isAhead).length;

    expect(aheadOfJumps).to.equal(0);
    expect(waits).to.be.lessThan(5);
  });

  it("shows the archives of the specification", async () => {
    const { archives } = JSON.parse(pxarFixtureText("examples/pxar-vectors.json")) as {
      archives: { ex4: { metadata_hex: string; payload_hex: string } };
    };
    const datastore = new MemoryDatastore();
    datastore.addSnapshot(snapshot);
    datastore.addArchive(snapshot, "x.mpxar.didx", fromHex(archives.ex4.metadata_hex));
    datastore.addArchive(snapshot, "x.ppxar.didx", fromHex(archives.ex4.payload_hex));
    const mount = new DrivenFileSystem(datastore, archiveRoot("x.pxar"));

    expect([...(await mount.walk()).keys()]).to.deep.equal(["a", "b", "d", "d/l", "null", "p"]);
    expect((await mount.read("b")).toString()).to.equal("AAAA");
  });
});

async function rejectionOf(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was thrown");
}
