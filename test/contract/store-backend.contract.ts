import { expect } from "chai";

import { fromHex } from "../../src/format/bytes/hex.ts";
import { type Digest, parseDigest } from "../../src/format/chunk/digest.ts";
import { type ChunkEntry, type StoreBackend } from "../../src/server/store/store-backend.ts";
import { type FakeClock } from "../support/fake-clock.ts";

/** An empty storage for one test. */
export interface BackendUnderTest {
  readonly backend: StoreBackend;
  readonly clock: FakeClock;
}

const a: Digest = parseDigest("aa11".padEnd(64, "0"));
const b: Digest = parseDigest("bb22".padEnd(64, "0"));
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (found: Uint8Array | undefined): string | undefined =>
  found && new TextDecoder().decode(found);
const replace = { onExisting: "replace", durability: "none" } as const;

/** Declares what every {@link StoreBackend} must do. */
export function itIsAStoreBackend(make: () => Promise<BackendUnderTest>): void {
  let backend: StoreBackend;
  let clock: FakeClock;

  beforeEach(async () => {
    ({ backend, clock } = await make());
  });

  afterEach(async () => {
    await backend[Symbol.asyncDispose]();
  });

  const chunks = async (): Promise<ChunkEntry[]> => {
    const found: ChunkEntry[] = [];
    for await (const entry of backend.listChunks()) found.push(entry);
    return found;
  };
  const names = async (path: string): Promise<string[] | undefined> =>
    (await backend.listFolder(path))?.map((entry) => `${entry.kind} ${entry.name}`).sort();

  describe("chunks", () => {
    it("gives back what was written, whole and in part", async () => {
      await backend.writeChunk(a, bytes("amber"), "none");

      expect(text(await backend.readChunk(a))).to.equal("amber");
      expect(text(await backend.readChunkHead(a, 2))).to.equal("am");
      expect((await backend.statChunk(a))?.size).to.equal(5);
    });

    it("knows nothing of a chunk that was not written", async () => {
      expect(await backend.readChunk(b)).to.equal(undefined);
      expect(await backend.readChunkHead(b, 8)).to.equal(undefined);
      expect(await backend.statChunk(b)).to.equal(undefined);
      expect(await backend.touchChunk(b)).to.equal(false);
      expect(await backend.setChunkAside(b)).to.equal(false);
    });

    it("replaces a chunk, durably if wanted", async () => {
      await backend.writeChunk(a, bytes("long one"), "none");

      await backend.writeChunk(a, bytes("short"), "synced");

      expect(text(await backend.readChunk(a))).to.equal("short");
      expect(await chunks()).to.have.length(1);
    });

    it("marks a chunk as used at the clock's time", async () => {
      await backend.writeChunk(a, bytes("amber"), "none");
      clock.advance(1000);

      expect(await backend.touchChunk(a)).to.equal(true);

      expect((await backend.statChunk(a))?.usedAtSec).to.equal(clock.nowSec());
    });

    it("keeps a seal with a chunk until it is replaced", async () => {
      const seal = new Uint8Array(32).fill(7);
      await backend.writeChunk(a, bytes("amber"), "none");

      expect(await backend.readSeal(a)).to.equal(undefined);
      expect(await backend.sealChunk(a, seal)).to.equal(true);
      expect(await backend.readSeal(a)).to.deep.equal(seal);
      expect(text(await backend.readChunk(a))).to.equal("amber");
      await backend.writeChunk(a, bytes("other"), "none");
      expect(await backend.readSeal(a)).to.equal(undefined);
    });

    it("keeps no seal of a chunk that is not there", async () => {
      expect(await backend.sealChunk(b, new Uint8Array(32))).to.equal(false);
      expect(await backend.readSeal(b)).to.equal(undefined);
    });

    it("lists chunks in the order of their folders", async () => {
      await backend.writeChunk(b, bytes("b"), "none");
      await backend.writeChunk(a, bytes("a"), "none");

      expect(await chunks()).to.deep.equal([
        { digest: a, name: a, isBad: false },
        { digest: b, name: b, isBad: false },
      ]);
    });

    it("sets a corrupt chunk aside under the first free name, the tenth time over the last one", async () => {
      for (let i = 0; i < 11; i++) {
        await backend.writeChunk(a, bytes(`bad ${i}`), "none");
        expect(await backend.setChunkAside(a)).to.equal(true);
      }

      expect(await backend.statChunk(a)).to.equal(undefined);
      const found = await chunks();
      expect(found.map((entry) => entry.name).sort()).to.deep.equal(
        Array.from({ length: 10 }, (_, i) => `${a}.${i}.bad`),
      );
      expect(found.every((entry) => entry.isBad && entry.digest === a)).to.equal(true);
    });

    it("marks many chunks as used in one step and says which are not there", async () => {
      await backend.writeChunk(a, bytes("a"), "none");
      await backend.writeChunk(b, bytes("b"), "none");
      clock.advance(1000);
      const absent = parseDigest("cc33".padEnd(64, "0"));
      const digests = new Uint8Array(96);
      for (const [i, digest] of [b, absent, a].entries()) digests.set(fromHex(digest), 32 * i);

      expect(await backend.touchChunks(digests)).to.deep.equal([1]);

      expect((await backend.statChunk(a))?.usedAtSec).to.equal(clock.nowSec());
      expect((await backend.statChunk(b))?.usedAtSec).to.equal(clock.nowSec());
      expect(text(await backend.readChunk(a))).to.equal("a");
    });

    it("marks what was set aside of a chunk as used, and nothing else", async () => {
      await backend.writeChunk(a, bytes("bad"), "none");
      await backend.setChunkAside(a);
      await backend.writeChunk(a, bytes("good!"), "none");
      await backend.touchChunk(a);
      const before = clock.nowSec();
      clock.advance(1000);

      expect(await backend.touchBadChunks(a)).to.equal(1);
      expect(await backend.touchBadChunks(b)).to.equal(0);

      const found: (readonly [string, number])[] = [];
      for await (const entries of backend.surveyChunks()) {
        for (const { name, usedAtSec } of entries) found.push([name, usedAtSec]);
      }
      expect(found).to.have.deep.members([
        [a, before],
        [`${a}.0.bad`, clock.nowSec()],
      ]);
    });

    it("surveys what it lists, with sizes and times", async () => {
      await backend.writeChunk(b, bytes("bb"), "none");
      await backend.writeChunk(a, bytes("a"), "none");
      for (const digest of [a, b]) await backend.touchChunk(digest);

      const found = [];
      for await (const entries of backend.surveyChunks()) found.push(...entries);

      const usedAtSec = clock.nowSec();
      expect(found).to.deep.equal([
        { digest: a, name: a, isBad: false, size: 1, usedAtSec },
        { digest: b, name: b, isBad: false, size: 2, usedAtSec },
      ]);
    });

    it("removes what it listed, good and bad", async () => {
      await backend.writeChunk(a, bytes("bad"), "none");
      await backend.setChunkAside(a);
      await backend.writeChunk(a, bytes("good!"), "none");

      const stats = new Map<string, number | undefined>();
      for (const entry of await chunks()) {
        stats.set(entry.name, (await backend.statChunkObject(entry))?.size);
        expect(await backend.removeChunkObject(entry)).to.equal(true);
        expect(await backend.removeChunkObject(entry)).to.equal(false);
        expect(await backend.statChunkObject(entry)).to.equal(undefined);
      }

      expect([...stats]).to.have.deep.members([
        [a, 5],
        [`${a}.0.bad`, 3],
      ]);
      expect(await chunks()).to.deep.equal([]);
    });
  });

  describe("folders and files", () => {
    it("creates a folder once", async () => {
      expect(await backend.createFolder("host", "none")).to.equal(true);
      expect(await backend.createFolder("host", "none")).to.equal(false);
      expect(await names("host")).to.deep.equal([]);
    });

    it("creates no folder without its parent, unless asked to", async () => {
      let isRefused = false;
      await backend.createFolder("ns/x", "none").catch(() => (isRefused = true));
      await backend.createFolders("ns/a/host", "none");
      await backend.createFolders("ns/a/host", "none");

      expect(isRefused).to.equal(true);
      expect(await names("ns")).to.deep.equal(["folder a"]);
    });

    it("lists files and folders, and nothing for what is not there", async () => {
      await backend.createFolders("host/x", "none");
      await backend.writeFile("host/owner", bytes("me"), replace);

      expect(await names("host")).to.deep.equal(["file owner", "folder x"]);
      expect(await backend.listFolder("vm")).to.equal(undefined);
      expect(await backend.listFolder("host/owner")).to.equal(undefined);
    });

    it("replaces a file, or refuses to", async () => {
      await backend.createFolder("host", "none");

      expect(await backend.writeFile("host/owner", bytes("me"), replace)).to.equal(true);
      expect(await backend.writeFile("host/owner", bytes("you"), replace)).to.equal(true);
      const refused = await backend.writeFile("host/owner", bytes("him"), {
        onExisting: "refuse",
        durability: "none",
      });
      const fresh = await backend.writeFile("host/notes", bytes("n"), {
        onExisting: "refuse",
        durability: "synced",
      });

      expect([refused, fresh]).to.deep.equal([false, true]);
      expect(text(await backend.readFile("host/owner", 10))).to.equal("you");
      expect(await names("host")).to.deep.equal(["file notes", "file owner"]);
    });

    it("reads no file that is longer than the caller can take", async () => {
      await backend.createFolder("host", "none");
      await backend.writeFile("host/owner", bytes("123456"), replace);

      let isRefused = false;
      await backend.readFile("host/owner", 5).catch(() => (isRefused = true));

      expect(isRefused).to.equal(true);
      expect(text(await backend.readFile("host/owner", 6))).to.equal("123456");
      expect(await backend.readFile("host/none", 6)).to.equal(undefined);
    });

    it("reads an open file at any place", async () => {
      await backend.createFolder("host", "none");
      await backend.writeFile("host/x.blob", bytes("0123456789"), replace);

      await using file = await backend.openFile("host/x.blob");

      expect(file?.size).to.equal(10);
      expect(text(await file?.readAt(3, 4))).to.equal("3456");
      expect(text(await file?.readAt(8, 100))).to.equal("89");
      expect(text(await file?.readAt(10, 1))).to.equal("");
      expect(await backend.openFile("host/y.blob")).to.equal(undefined);
    });

    it("reads an open chunk into memory that is given, as far as there are bytes", async () => {
      await backend.writeChunk(a, bytes("0123456789"), "none");
      const targets = [3, 0, 4, 20].map((size) => new Uint8Array(size));

      await using file = await backend.openChunk(a);
      const count = await file?.readInto(targets);

      expect([file?.size, count]).to.deep.equal([10, 10]);
      expect(targets.map(text)).to.deep.equal(["012", "", "3456", "789".padEnd(20, "\0")]);
      expect(await file?.readInto([new Uint8Array(4)])).to.equal(4);
      expect(text(await file?.readAt(8, 100))).to.equal("89");
      expect(await backend.openChunk(b)).to.equal(undefined);
    });

    it("shows a staged file only once it is published", async () => {
      await backend.createFolder("host", "none");
      await using staged = await backend.stageFile("host/root.pxar.didx");
      await staged.writeAt(4, bytes("body"));
      await staged.writeAt(0, bytes("head"));
      const before = await names("host");

      const readBack = text(await staged.readAt(2, 4));
      await staged.publish(9, "synced");

      expect(before?.some((name) => name.endsWith(".didx"))).to.equal(false);
      expect(readBack).to.equal("adbo");
      expect(text(await backend.readFile("host/root.pxar.didx", 100))).to.equal("headbody\0");
      expect(await names("host")).to.deep.equal(["file root.pxar.didx"]);
    });

    it("leaves nothing of a staged file that is not published", async () => {
      await backend.createFolder("host", "none");
      const staged = await backend.stageFile("host/disk.img.fidx");
      await staged.writeAt(0, bytes("x"));

      await staged[Symbol.asyncDispose]();

      expect(await names("host")).to.deep.equal([]);
    });

    it("renames a file over another", async () => {
      await backend.createFolder("host", "none");
      await backend.writeFile("host/new", bytes("new"), replace);
      await backend.writeFile("host/old", bytes("old"), replace);

      await backend.renameFile("host/new", "host/old", "synced");

      expect(text(await backend.readFile("host/old", 10))).to.equal("new");
      expect(await names("host")).to.deep.equal(["file old"]);
    });

    it("lets two folders change their names", async () => {
      await backend.createFolders("host/a", "none");
      await backend.createFolders("host/.b", "none");
      await backend.writeFile("host/a/one", bytes("1"), replace);
      await backend.writeFile("host/.b/two", bytes("2"), replace);

      expect(await backend.exchangeFolders("host/a", "host/.b", "synced")).to.equal(true);

      expect(await names("host/a")).to.deep.equal(["file two"]);
      expect(await names("host/.b")).to.deep.equal(["file one"]);
      expect(text(await backend.readFile("host/a/two", 10))).to.equal("2");
    });

    it("removes files and folders, empty or not", async () => {
      await backend.createFolders("host/x/y", "none");
      await backend.writeFile("host/x/file", bytes("1"), replace);

      expect(await backend.removeEmptyFolder("host/x")).to.equal(false);
      expect(await backend.removeEmptyFolder("host/x/y")).to.equal(true);
      expect(await backend.removeEmptyFolder("host/x/y")).to.equal(false);
      expect(await backend.removeFile("host/x/file")).to.equal(true);
      expect(await backend.removeFile("host/x/file")).to.equal(false);
      await backend.createFolders("host/x/y/z", "none");
      await backend.removeFolder("host/x");
      await backend.removeFolder("host/x");

      expect(await names("host")).to.deep.equal([]);
    });
  });

  it("is there, can be locked and synced, and knows its room", async () => {
    await backend.assertPresent();
    await backend.syncEverything();

    expect(await backend.setLock("shared")).to.equal(true);
    expect(await backend.setLock("exclusive")).to.equal(true);
    expect(await backend.setLock("none")).to.equal(true);
    const { totalBytes, usedBytes, availableBytes } = await backend.space();
    expect(totalBytes).to.be.at.least(usedBytes);
    expect(availableBytes).to.be.at.least(0);
  });
}
