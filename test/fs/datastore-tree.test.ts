import { createHash } from "node:crypto";

import { expect } from "chai";

import { type Attributes, ROOT_INODE } from "../../src/fs/file-system.ts";
import { type SnapshotKey } from "../../src/fs/fs-need.ts";
import { type MountRoot } from "../../src/fs/datastore-tree.ts";
import { chunkDigest } from "../../src/format/chunk/digest.ts";
import { createNativeProvider } from "../../src/format/crypto/native-provider.ts";
import { CHUNK_BYTES_MAX, FIXED_CHUNK_BYTES } from "../../src/format/limits.ts";
import { PLAIN_ZERO_CHUNKS, zeroChunkNames } from "../../src/fs/zero-chunks.ts";
import { DrivenFileSystem } from "../support/driven-file-system.ts";
import { knownKey } from "../support/known-key.ts";
import { MemoryDatastore } from "../support/memory-datastore.ts";
import { pxarFixture } from "../support/pxar-fixtures.ts";
import { prng } from "../support/prng.ts";
import { rejection } from "../support/rejection.ts";

const DAY = 86_400;
const first: SnapshotKey = { namespace: "", type: "host", id: "elsa", timeSec: 1_700_000_000 };
const second: SnapshotKey = { ...first, timeSec: first.timeSec + DAY };
const running: SnapshotKey = { ...first, timeSec: first.timeSec + 2 * DAY };
const machine: SnapshotKey = { ...first, type: "vm", id: "100" };
const nested: SnapshotKey = { ...first, namespace: "team/sub", type: "ct", id: "7" };

const image = new Uint8Array(3 * FIXED_CHUNK_BYTES + 1000);
image.set(prng(3, 5000), FIXED_CHUNK_BYTES + 100);
image.fill(7, 3 * FIXED_CHUNK_BYTES);

function datastore(): MemoryDatastore {
  const store = new MemoryDatastore();
  for (const key of [first, second, machine, nested]) store.addSnapshot(key);
  store.addSnapshot(running, false);
  store.addArchive(first, "root.pxar.didx", pxarFixture("v1/mixed.pxar"));
  store.addArchive(first, "catalog.pcat1.didx", Buffer.from("catalogue"));
  store.addArchive(second, "root.mpxar.didx", pxarFixture("v2/split.mpxar"));
  store.addArchive(second, "root.ppxar.didx", pxarFixture("v2/split.ppxar"));
  store.addArchive(machine, "drive-scsi0.img.fidx", image);
  store.addBlob(machine, "qemu-server.conf.blob", Buffer.from("memory: 2048\n"));
  store.addArchive(nested, "root.pxar.didx", pxarFixture("v1/links.pxar"));
  return store;
}

describe("fs/datastore-tree", () => {
  it("shows namespaces, types, groups, snapshots and archives as directories", async () => {
    const mount = new DrivenFileSystem(datastore(), {});

    expect(await mount.list("")).to.deep.equal(["host", "vm", "ns"]);
    expect(await mount.list("host")).to.deep.equal(["elsa"]);
    expect(await mount.list("host/elsa")).to.deep.equal([
      "2023-11-14T22:13:20Z",
      "2023-11-15T22:13:20Z",
      "latest",
    ]);
    expect(await mount.list("host/elsa/2023-11-14T22:13:20Z")).to.deep.equal([
      "catalog.pcat1",
      "index.json",
      "root.pxar",
    ]);
    expect(await mount.list("host/elsa/2023-11-15T22:13:20Z/root.pxar")).to.include.members([
      "a-empty",
      "dir",
      "pipe",
    ]);
    expect(await mount.list("ns/team/ns/sub/ct/7/2023-11-14T22:13:20Z/root.pxar")).to.include("a");
    expect(await mount.list("ns/team")).to.deep.equal(["ns"]);
  });

  it("links latest to the newest finished snapshot, and to a newer one when it comes", async () => {
    const store = datastore();
    const mount = new DrivenFileSystem(store, {});
    const target = async (): Promise<string> => {
      const { ino } = await mount.stat("host/elsa/latest");
      return Buffer.from(await mount.run((fs) => fs.readLink(ino))).toString();
    };
    const before = await mount.stat("host/elsa/latest");

    expect(await target()).to.equal("2023-11-15T22:13:20Z");
    expect(before.timeoutMs).to.be.greaterThan(0);
  });

  it("finds the groups of a type without asking for namespaces", async () => {
    const mount = new DrivenFileSystem(datastore(), {});

    const { kind } = await mount.stat("vm/100");
    const asked = mount.needs.map((need) => need.kind);
    const missing = await rejection(mount.stat("vm2"));

    expect([kind, asked]).to.deep.equal(["directory", ["groups"]]);
    expect(missing).to.have.property("code", "ENOENT");
    expect(mount.needs.map((need) => need.kind)).to.include("namespaces");
  });

  it("does not ask for what was known when it was mounted", async () => {
    const known = [
      {
        need: { kind: "groups", namespace: "" },
        answer: [
          { type: "host", id: "elsa" },
          { type: "ct", id: "gone" },
        ],
      },
    ] as const;
    const mount = new DrivenFileSystem(datastore(), { known });

    const types = await mount.list("");

    expect(types).to.deep.equal(["ct", "host", "ns"]);
    expect(mount.needs.map(({ kind }) => kind)).not.to.include("groups");
  });

  for (const [what, root, path] of [
    [
      "a namespace",
      { kind: "namespace", namespace: "team/sub" },
      "ct/7/2023-11-14T22:13:20Z/root.pxar/a/orig",
    ],
    ["a group", { kind: "group", group: nested }, "2023-11-14T22:13:20Z/root.pxar/a/orig"],
    ["a snapshot", { kind: "snapshot", snapshot: nested }, "root.pxar/a/orig"],
    ["an archive", { kind: "archive", snapshot: nested, name: "root.pxar" }, "a/orig"],
  ] as const) {
    it(`mounts ${what} as the root`, async () => {
      const mount = new DrivenFileSystem(datastore(), { root });

      expect((await mount.read(path)).toString()).to.equal("hardlinked content\n");
      expect((await mount.stat("")).ino).to.equal(ROOT_INODE);
    });
  }

  it("shows an image as a file of its exact size and content, holes included", async () => {
    const mount = new DrivenFileSystem(datastore(), {
      root: { kind: "snapshot", snapshot: machine },
    });
    const { ino, size } = await mount.stat("drive-scsi0.img");

    const content = await mount.readInode(ino, 0, size);

    expect(size).to.equal(image.length);
    expect(content.equals(image)).to.equal(true);
    const seek = async (offset: number, what: "data" | "hole"): Promise<number> =>
      await mount.run((fs) => fs.seek(ino, offset, what));
    expect(await seek(0, "data")).to.equal(FIXED_CHUNK_BYTES);
    expect(await seek(0, "hole")).to.equal(0);
    expect(await seek(FIXED_CHUNK_BYTES, "hole")).to.equal(2 * FIXED_CHUNK_BYTES);
    expect(await seek(2 * FIXED_CHUNK_BYTES, "data")).to.equal(3 * FIXED_CHUNK_BYTES);
    expect(await seek(3 * FIXED_CHUNK_BYTES, "hole")).to.equal(image.length);
    expect(await rejection(seek(image.length, "data"))).to.have.property("code", "ENXIO");
  });

  it("does not fetch chunks of zeros", async () => {
    const store = datastore();
    const mount = new DrivenFileSystem(store, { root: { kind: "snapshot", snapshot: machine } });

    await mount.read("drive-scsi0.img", 0, image.length);

    expect(store.reads).not.to.include(PLAIN_ZERO_CHUNKS[0]!.digest);
    for (const { size, digest } of PLAIN_ZERO_CHUNKS) {
      expect(createHash("sha256").update(new Uint8Array(size)).digest("hex")).to.equal(digest);
    }
    expect(PLAIN_ZERO_CHUNKS.map(({ size }) => size)).to.deep.equal([
      FIXED_CHUNK_BYTES,
      CHUNK_BYTES_MAX,
    ]);
  });

  it("counts the room that an image takes without its holes, once somebody asks for it", async () => {
    const store = datastore();
    const mount = new DrivenFileSystem(store, { root: { kind: "snapshot", snapshot: machine } });
    const listed = async (): Promise<Attributes> => (await mount.walk()).get("drive-scsi0.img")!;

    const before = await listed();
    const asked = await mount.stat("drive-scsi0.img");
    const after = await listed();

    const allocatedBytes = image.length - 2 * FIXED_CHUNK_BYTES;
    expect(before).to.include({ size: image.length, timeoutMs: 0 });
    expect(asked).to.include({ size: image.length, allocatedBytes });
    expect(after).to.deep.equal(asked);
  });

  it("shows an image whose index is damaged, without holes", async () => {
    const store = datastore();
    store.addIndexFile(machine, "drive-scsi0.img.fidx", new Uint8Array(5000), image.length);
    const mount = new DrivenFileSystem(store, { root: { kind: "snapshot", snapshot: machine } });

    const attributes = await mount.stat("drive-scsi0.img");

    expect(attributes).to.include({ size: image.length, allocatedBytes: image.length });
  });

  it("knows the zeros of an encrypted image by the key", async () => {
    const provider = createNativeProvider();
    const zeros = new Uint8Array(FIXED_CHUNK_BYTES);
    const digest = chunkDigest(provider, zeros, knownKey);
    const data = prng(5, FIXED_CHUNK_BYTES);
    const mountWith = (key: typeof knownKey | undefined): [DrivenFileSystem, MemoryDatastore] => {
      const store = new MemoryDatastore();
      store.addSnapshot(machine);
      const entries = [{ digest, size: zeros.length }, store.addChunk(data)];
      store.addIndex(machine, "drive.img.fidx", entries, FIXED_CHUNK_BYTES);
      const root = { kind: "snapshot", snapshot: machine } as const;
      return [
        new DrivenFileSystem(store, { root, zeroChunks: zeroChunkNames(provider, key) }),
        store,
      ];
    };
    const [mount, store] = mountWith(knownKey);
    const [stranger] = mountWith(undefined);

    const { ino, allocatedBytes } = await mount.stat("drive.img");
    const start = await mount.run((fs) => fs.seek(ino, 0, "data"));
    const content = await mount.read("drive.img", FIXED_CHUNK_BYTES - 5, 10);
    const strange = await stranger.stat("drive.img");

    expect([start, allocatedBytes]).to.deep.equal([FIXED_CHUNK_BYTES, FIXED_CHUNK_BYTES]);
    expect([...content]).to.deep.equal([0, 0, 0, 0, 0, ...data.subarray(0, 5)]);
    expect(store.reads).not.to.include(digest);
    expect(strange.allocatedBytes).to.equal(2 * FIXED_CHUNK_BYTES);
  });

  it("shows blobs and the manifest decoded, with the size of what is read", async () => {
    const mount = new DrivenFileSystem(datastore(), {
      root: { kind: "snapshot", snapshot: machine },
    });

    const { size } = await mount.stat("qemu-server.conf");

    expect((await mount.read("qemu-server.conf")).toString()).to.equal("memory: 2048\n");
    expect(size).to.equal(13);
    expect((await mount.read("index.json")).toString()).to.include('"backup-id":"100"');
  });

  it("shows an archive that cannot be opened as a closed directory beside the others", async () => {
    const store = datastore();
    store.beforeCall = (what) => {
      if (what !== "index root.mpxar.didx") return;
      throw Object.assign(new Error("it is encrypted"), { code: "FORMAT_KEY_REQUIRED" });
    };
    const mount = new DrivenFileSystem(store, { root: { kind: "snapshot", snapshot: second } });

    const listed = await mount.list("");
    const { mode, ino } = await mount.stat("root.pxar");
    const error = await rejection(mount.run((fs) => fs.readDirectory(ino)));

    expect(listed).to.deep.equal(["index.json", "root.pxar"]);
    expect(mode).to.equal(0o40000);
    expect(error).to.have.property("code", "EACCES");
  });

  it("keeps working when a server goes away and comes back", async () => {
    const store = datastore();
    const mount = new DrivenFileSystem(store, { root: { kind: "snapshot", snapshot: second } });
    await mount.list("root.pxar");
    let isAway = true;
    store.beforeCall = () => {
      if (isAway) throw new Error("connection refused");
    };

    const error = await rejection(mount.read("root.pxar/dir/inner"));
    isAway = false;
    const { ino } = await mount.stat("root.pxar/b-text70000");
    const failing = await rejection(mount.readInode(ino));

    expect(error).to.have.property("code", "EIO");
    // A failure is remembered for a moment; a chunk of another archive is not concerned.
    expect(failing).to.have.property("code", "EIO");
  });

  it("opens a session anew that broke, without anybody noticing", async () => {
    const store = datastore();
    const mount = new DrivenFileSystem(store, { root: { kind: "snapshot", snapshot: second } });
    await mount.list("root.pxar");
    let failures = 1;
    store.beforeCall = (what) => {
      if (what.startsWith("chunk") && failures-- > 0) throw new Error("connection reset");
    };

    const content = await mount.read("root.pxar/b-text70000");

    expect(content.length).to.equal(70_000);
    expect(store.opened).to.equal(2);
    expect(store.open).to.equal(1);
  });

  it("closes snapshots that were not used for long, and all of them in the end", async () => {
    const store = new MemoryDatastore();
    for (let day = 0; day < 20; day++) {
      const key = { ...first, timeSec: first.timeSec + day * DAY };
      store.addSnapshot(key);
      store.addArchive(key, "root.pxar.didx", pxarFixture("v1/links.pxar"));
    }
    const mount = new DrivenFileSystem(store, {});

    const count = (await mount.walk()).size;
    const open = store.open;
    await mount.resolver[Symbol.asyncDispose]();

    expect(count).to.be.greaterThan(20 * 10);
    expect(store.opened).to.equal(20);
    expect(open).to.be.lessThan(10);
    expect(store.open).to.equal(0);
  });

  it("gives everything another inode number, the same in every mount", async () => {
    const inodes = async (): Promise<number[]> => {
      const found = await new DrivenFileSystem(datastore(), {}).walk();
      const single = [...found].filter(
        ([, { nlink, kind }]) => kind === "directory" || nlink === 1,
      );
      return single.map(([, { ino }]) => ino);
    };

    const found = await inodes();

    expect(new Set(found).size).to.equal(found.length);
    expect(found.every(Number.isSafeInteger)).to.equal(true);
    expect(await inodes()).to.deep.equal(found);
  });

  it("forgets virtual nodes when the kernel does, and finds them again by name", async () => {
    const mount = new DrivenFileSystem(datastore(), {});
    const { ino } = await mount.stat("host");

    mount.fileSystem.forget(ino, 1);

    expect(await rejection(mount.run((fs) => fs.getAttributes(ino)))).to.have.property(
      "code",
      "ESTALE",
    );
    expect((await mount.stat("host")).ino).to.equal(ino);
  });

  it("says ENOENT for an archive that the snapshot does not have", async () => {
    const mount = new DrivenFileSystem(datastore(), {
      root: { kind: "archive", snapshot: first, name: "none.pxar" },
    });

    expect(await rejection(mount.stat(""))).to.have.property("code", "ENOENT");
  });

  describe("knowing that there are no extended attributes", () => {
    const plain = { snapshot: first, name: "root.pxar" };
    const lacks = async (
      archives: Readonly<Record<string, Uint8Array>>,
      root: MountRoot,
      walks = true,
    ): Promise<boolean> => {
      const store = new MemoryDatastore();
      store.addSnapshot(first);
      for (const [name, bytes] of Object.entries(archives)) store.addArchive(first, name, bytes);
      const mount = new DrivenFileSystem(store, { root });
      if (walks) await mount.walk();
      return await mount.run((fs) => fs.lacksExtendedAttributes());
    };
    const without = pxarFixture("v1/links.pxar");
    const archive = { kind: "archive", ...plain } as const;
    const snapshot = { kind: "snapshot", snapshot: first } as const;

    it("knows it of an archive that has none, and of a snapshot of such archives", async () => {
      const two = {
        "root.pxar.didx": without,
        "nested.pxar.didx": pxarFixture("v1/nested.pxar"),
        "drive.img.fidx": Buffer.from("image"),
      };

      expect(await lacks({ "root.pxar.didx": without }, archive)).to.equal(true);
      expect(await lacks(two, snapshot)).to.equal(true);
    });

    for (const name of ["xattrs", "acls", "mixed"]) {
      it(`never says so of an archive that has some (${name})`, async () => {
        const bytes = pxarFixture(`v1/${name}.pxar`);

        expect(await lacks({ "root.pxar.didx": bytes }, archive)).to.equal(false);
        expect(await lacks({ "a.pxar.didx": without, "root.pxar.didx": bytes }, snapshot)).to.equal(
          false,
        );
      });
    }

    it("does not say so before all archives were read to their ends, nor of what may change", async () => {
      const archives = { "root.pxar.didx": without };

      expect(await lacks(archives, archive, false)).to.equal(false);
      expect(await lacks(archives, snapshot, false)).to.equal(false);
      expect(await lacks(archives, { kind: "group", group: first })).to.equal(false);
      expect(await lacks(archives, { kind: "namespace", namespace: "" })).to.equal(false);
    });

    it("does not say so of an archive that is damaged somewhere", async () => {
      const damaged = without.slice();
      const at = Buffer.from(damaged).indexOf("second");
      damaged.fill(0xff, at - 16, at - 8); // Type of the item that has this name.

      expect(at).to.be.greaterThan(0);
      expect(await lacks({ "root.pxar.didx": damaged }, archive, false)).to.equal(false);
      const store = new MemoryDatastore();
      store.addSnapshot(first);
      store.addArchive(first, "root.pxar.didx", damaged);
      const mount = new DrivenFileSystem(store, { root: archive });
      await mount.stat("");
      expect(mount.fileSystem.lacksExtendedAttributes()).to.equal(false);
    });
  });
});
