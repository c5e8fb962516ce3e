import { expect } from "chai";

import { encodeBlob } from "../../../src/format/chunk/data-blob.ts";
import {
  CLIENT_LOG_NAME,
  MANIFEST_NAME,
  parseArchiveName,
} from "../../../src/format/snapshot/archive-name.ts";
import { parseAuthId } from "../../../src/format/snapshot/auth-id.ts";
import { parseNamespace, rootNamespace } from "../../../src/format/snapshot/namespace.ts";
import { type Datastore } from "../../../src/server/store/datastore.ts";
import { MemoryBackend } from "../../../src/server/store/memory-backend.ts";
import { type StoreBackend } from "../../../src/server/store/store-backend.ts";
import { StoreError, type StoreErrorCode } from "../../../src/server/store/store-error.ts";
import { newVerifyMemory } from "../../../src/server/store/verify-memory.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import {
  begin,
  chunkOf,
  codec,
  datastoreOn,
  makeBackup,
  snapshotAt,
} from "../../support/make-backup.ts";
import { prng } from "../../support/prng.ts";
import { rejection } from "../../support/rejection.ts";

const content = prng(1, 1000);
const first = snapshotAt(0);

async function expectCode(promise: Promise<unknown>, code: StoreErrorCode): Promise<void> {
  expect(await rejection(promise))
    .to.be.instanceOf(StoreError)
    .with.property("code", code);
}

describe("server/store/datastore", () => {
  let backend: StoreBackend;
  let store: Datastore;

  beforeEach(() => {
    const clock = new FakeClock();
    backend = new MemoryBackend(clock);
    store = datastoreOn(backend, clock);
  });

  const folders = async (path: string): Promise<string[] | undefined> =>
    (await backend.listFolder(path))?.map((entry) => entry.name).sort();

  describe("namespaces", () => {
    it("are created one level at a time", async () => {
      await expectCode(store.createNamespace(parseNamespace("a/b")), "STORE_NAMESPACE_MISSING");
      await store.createNamespace(parseNamespace("a"));
      await store.createNamespace(parseNamespace("a/b"));
      await expectCode(store.createNamespace(parseNamespace("a/b")), "STORE_ALREADY_EXISTS");
      await expectCode(store.createNamespace(rootNamespace), "STORE_ALREADY_EXISTS");

      expect(await store.listNamespaces(rootNamespace, { depthMax: 7 })).to.deep.equal([
        "",
        "a",
        "a/b",
      ]);
    });

    it("are removed when empty, with those below", async () => {
      await store.createNamespace(parseNamespace("a"));
      await store.createNamespace(parseNamespace("a/b"));

      await store.removeNamespace(parseNamespace("a"), "empty");

      expect(await store.hasNamespace(parseNamespace("a"))).to.equal(false);
      expect(await folders("")).to.deep.equal([]);
      await expectCode(
        store.removeNamespace(parseNamespace("a"), "empty"),
        "STORE_NAMESPACE_MISSING",
      );
    });

    it("with groups are removed only if that is wanted; the root never is", async () => {
      const namespace = parseNamespace("a");
      await store.createNamespace(namespace);
      await (await begin(store, first, namespace)).abort();

      await expectCode(store.removeNamespace(namespace, "empty"), "STORE_NOT_EMPTY");
      const stats = await store.removeNamespace(namespace, "groups");

      expect(stats).to.include({ removedGroups: 1, removedSnapshots: 0 });
      expect(await store.hasNamespace(namespace)).to.equal(false);
      await expectCode(store.removeNamespace(rootNamespace, "groups"), "STORE_NOT_EMPTY");
    });
  });

  describe("groups", () => {
    it("change their owner, but not during a backup", async () => {
      await makeBackup(store, first, content);
      const owner = parseAuthId("other@pbs!token");

      await store.changeOwner(rootNamespace, first, owner);
      await using target = await store.beginBackup({
        namespace: rootNamespace,
        snapshot: snapshotAt(1),
        authId: owner,
        ownerCheck: "enforced",
      });

      expect(await store.readOwner(rootNamespace, target.snapshot)).to.equal(owner);
      await expectCode(store.changeOwner(rootNamespace, first, owner), "STORE_LOCKED");
      const other = snapshotAt(0, "vm/9");
      await expectCode(store.changeOwner(rootNamespace, other, owner), "STORE_GROUP_MISSING");
    });

    it("read their owner's file leniently and refuse nonsense", async () => {
      const options = { onExisting: "replace", durability: "none" } as const;
      const encode = new TextEncoder();
      await backend.createFolders("host/a", "none");
      await expectCode(store.readOwner(rootNamespace, first), "STORE_GROUP_MISSING");
      await backend.writeFile("host/a/owner", encode.encode(" me@pbs \nmore\n"), options);

      expect(await store.readOwner(rootNamespace, first)).to.equal("me@pbs");
      await backend.writeFile("host/a/owner", encode.encode("\n"), options);
      await expectCode(store.readOwner(rootNamespace, first), "STORE_UNREADABLE");
    });

    it("have notes", async () => {
      await makeBackup(store, first, content);

      const before = await store.readGroupNotes(rootNamespace, first);
      await store.writeGroupNotes(rootNamespace, first, "zwei\nZeilen ü");

      expect(before).to.equal("");
      expect(await store.readGroupNotes(rootNamespace, first)).to.equal("zwei\nZeilen ü");
      const other = snapshotAt(0, "vm/9");
      await expectCode(store.writeGroupNotes(rootNamespace, other, ""), "STORE_GROUP_MISSING");
    });

    it("are removed with all their snapshots, except protected ones", async () => {
      for (const second of [0, 1, 2]) await makeBackup(store, snapshotAt(second), content);
      await store.setProtected(rootNamespace, snapshotAt(1), "protected");

      const partly = await store.forgetGroup(rootNamespace, first);
      const left = await store.listSnapshots(rootNamespace, first);
      await store.setProtected(rootNamespace, snapshotAt(1), "unprotected");
      const wholly = await store.forgetGroup(rootNamespace, first);

      expect(partly).to.deep.equal({
        removedGroups: 0,
        removedSnapshots: 2,
        protectedSnapshots: 1,
      });
      expect(left).to.deep.equal([snapshotAt(1)]);
      expect(wholly).to.include({ removedGroups: 1, removedSnapshots: 1 });
      expect(await store.listGroups(rootNamespace)).to.deep.equal([]);
      await expectCode(store.forgetGroup(rootNamespace, first), "STORE_GROUP_MISSING");
    });

    it("pass over folders whose names mean nothing", async () => {
      for (const path of ["host/-bad", "host/ok/nonsense", "host/ok/2024-02-30T00:00:00Z", "x/y"]) {
        await backend.createFolders(path, "none");
      }

      expect(await store.listGroups(rootNamespace)).to.deep.equal([{ type: "host", id: "ok" }]);
      expect(await store.listSnapshots(rootNamespace, snapshotAt(0, "host/ok"))).to.deep.equal([]);
    });
  });

  describe("snapshots", () => {
    it("have notes and a verify state that leave everything else as it is", async () => {
      await makeBackup(store, first, content);
      const before = await store.readManifest(rootNamespace, first);
      const state = { upid: "UPID:x", state: "ok" } as const;

      await Promise.all([
        store.writeNotes(rootNamespace, first, "hello\nworld"),
        store.writeVerifyState(rootNamespace, first, state),
      ]);

      const after = await store.readManifest(rootNamespace, first);
      expect(after).to.deep.equal({
        ...before,
        unprotected: { ...before.unprotected, notes: "hello\nworld", verify_state: state },
      });
      expect(await store.readNotes(rootNamespace, first)).to.equal("hello\nworld");
    });

    it("that are protected are not removed", async () => {
      await makeBackup(store, first, content);
      const before = await store.isProtected(rootNamespace, first);
      await store.setProtected(rootNamespace, first, "protected");
      await store.setProtected(rootNamespace, first, "protected");

      const during = await store.isProtected(rootNamespace, first);
      await expectCode(store.forgetSnapshot(rootNamespace, first), "STORE_PROTECTED");
      await store.setProtected(rootNamespace, first, "unprotected");
      await store.setProtected(rootNamespace, first, "unprotected");
      await store.forgetSnapshot(rootNamespace, first);

      expect([before, during]).to.deep.equal([false, true]);
      expect(await store.isProtected(rootNamespace, first)).to.equal(false);
      await expectCode(
        store.setProtected(rootNamespace, first, "protected"),
        "STORE_SNAPSHOT_MISSING",
      );
    });

    it("take their group with them when the last one is removed", async () => {
      await makeBackup(store, first, content);
      await makeBackup(store, snapshotAt(1), content);

      await store.forgetSnapshot(rootNamespace, first);
      const groups = await store.listGroups(rootNamespace);
      await store.forgetSnapshot(rootNamespace, snapshotAt(1));

      expect(groups).to.have.length(1);
      expect(await store.listGroups(rootNamespace)).to.deep.equal([]);
      await expectCode(store.forgetSnapshot(rootNamespace, first), "STORE_SNAPSHOT_MISSING");
    });

    it("are not removed while somebody reads them", async () => {
      await makeBackup(store, first, content);
      const reader = await store.openReader(rootNamespace, first);

      await expectCode(store.forgetSnapshot(rootNamespace, first), "STORE_LOCKED");
      await expectCode(store.setProtected(rootNamespace, first, "protected"), "STORE_LOCKED");
      await reader[Symbol.asyncDispose]();
      await store.forgetSnapshot(rootNamespace, first);

      await expectCode(store.openReader(rootNamespace, first), "STORE_SNAPSHOT_MISSING");
    });

    it("take the client's log once", async () => {
      await makeBackup(store, first, content);
      const log = encodeBlob(codec, content, { compress: true });

      await store.putClientLog(rootNamespace, first, log);

      await expectCode(store.putClientLog(rootNamespace, first, log), "STORE_ALREADY_EXISTS");
      await using file = await store.openFile(rootNamespace, first, CLIENT_LOG_NAME);
      expect(file.size).to.equal(log.length);
      const { files } = await store.describeSnapshot(rootNamespace, first);
      expect(files.at(-1)).to.deep.equal({ name: CLIENT_LOG_NAME });
      await expectCode(
        store.openFile(rootNamespace, first, parseArchiveName("no.blob")),
        "STORE_FILE_MISSING",
      );
    });

    it("without a manifest are unfinished: described by their files, readable by nobody", async () => {
      await backend.createFolders("host/a/2024-06-05T00:00:00Z", "none");
      const path = "host/a/2024-06-05T00:00:00Z/x.conf.blob";
      const options = { onExisting: "replace", durability: "none" } as const;
      await backend.writeFile(path, new Uint8Array(20), options);

      const described = await store.describeSnapshot(rootNamespace, first);

      expect(described).to.deep.equal({
        snapshot: first,
        isFinished: false,
        isProtected: false,
        files: [{ name: "x.conf.blob" }],
      });
      await expectCode(store.openReader(rootNamespace, first), "STORE_SNAPSHOT_MISSING");
      await expectCode(store.readManifest(rootNamespace, first), "STORE_FILE_MISSING");
    });

    it("that crashed before their first file are cleaned up, others are not", async () => {
      await makeBackup(store, first, content);
      const options = { onExisting: "replace", durability: "none" } as const;
      for (const [second, name] of [
        [1, undefined],
        [2, "root.pxar.tmp_didx"],
        [3, "index.json.tmp_staged"],
        [4, "root.pxar.didx"],
      ] as const) {
        const path = `host/a/2024-06-05T00:00:0${second}Z`;
        await backend.createFolders(path, "none");
        if (name) await backend.writeFile(`${path}/${name}`, new Uint8Array(1), options);
      }
      await using running = await begin(store, snapshotAt(9));

      const count = await store.removeStaleUploads();

      expect(count).to.equal(3);
      expect(await store.listSnapshots(rootNamespace, first)).to.deep.equal([
        first,
        snapshotAt(4),
        running.snapshot,
      ]);
    });
  });

  describe("a reader", () => {
    it("gives chunks only of indexes that it opened", async () => {
      await makeBackup(store, first, content);
      await makeBackup(store, snapshotAt(0, "vm/2"), prng(2, 100));
      await using reader = await store.openReader(rootNamespace, first);
      const { digest, body } = chunkOf(content.subarray(0, 500));
      const foreign = chunkOf(prng(2, 100)).digest;

      await expectCode(reader.readBlob(digest), "STORE_CHUNK_FORBIDDEN");
      await using manifest = await reader.openFile(MANIFEST_NAME);
      await using index = await reader.openFile(parseArchiveName("root.pxar.didx"));

      expect(await reader.readBlob(digest)).to.deep.equal(body);
      await expectCode(reader.readBlob(foreign), "STORE_CHUNK_FORBIDDEN");
      await expectCode(reader.openFile(parseArchiveName("x.didx")), "STORE_FILE_MISSING");
      expect([manifest.size > 12, index.size]).to.deep.equal([true, 4096 + 80]);
      expect(await reader.listFiles()).to.deep.equal([
        "disk.img.fidx",
        "etc.conf.blob",
        "index.json.blob",
        "root.pxar.didx",
      ]);
    });
  });

  describe("verification", () => {
    it("names the chunk that is corrupt, the missing one, and the file that was changed", async () => {
      await makeBackup(store, first, content);
      const corrupt = chunkOf(content.subarray(0, 500));
      const missing = chunkOf(content.subarray(500)).digest;
      const changed = corrupt.body.slice();
      changed[30] = (changed[30] ?? 0) ^ 1;
      await backend.writeChunk(corrupt.digest, changed, "none");
      await backend.removeChunkObject({ digest: missing, name: missing, isBad: false });
      const path = "host/a/2024-06-05T00:00:00Z/etc.conf.blob";
      const blob = encodeBlob(codec, content, { compress: false });
      await backend.writeFile(path, blob, { onExisting: "replace", durability: "none" });

      const verdict = await store.verifySnapshot(rootNamespace, first, newVerifyMemory());

      const faults = verdict.faults.map(({ archive, digest, isCorruptChunk, error }) => [
        archive,
        digest,
        isCorruptChunk,
        error.code,
      ]);
      expect(faults).to.deep.equal([
        ["root.pxar.didx", corrupt.digest, true, "FORMAT_BAD_CHECKSUM"],
        ["root.pxar.didx", missing, false, "CHUNK_MISSING"],
        ["etc.conf.blob", undefined, false, "FORMAT_INVALID"],
      ]);
    });

    it("reads a chunk once a run, good or bad", async () => {
      await makeBackup(store, first, content);
      await makeBackup(store, snapshotAt(1), content);
      const memory = newVerifyMemory();

      const one = await store.verifySnapshot(rootNamespace, first, memory);
      const two = await store.verifySnapshot(rootNamespace, snapshotAt(1), memory);

      expect([one.chunksRead, two.chunksRead]).to.deep.equal([3, 0]);
    });

    it("finds a manifest that cannot be read", async () => {
      await makeBackup(store, first, content);
      const path = "host/a/2024-06-05T00:00:00Z/index.json.blob";
      const options = { onExisting: "replace", durability: "none" } as const;
      await backend.writeFile(path, new Uint8Array(30), options);

      const verdict = await store.verifySnapshot(rootNamespace, first, newVerifyMemory());
      const described = await store.describeSnapshot(rootNamespace, first);

      expect(verdict.faults.map((fault) => fault.archive)).to.deep.equal(["index.json.blob"]);
      expect(described.isFinished).to.equal(true);
      expect(described).to.not.have.property("manifest");
      expect(described.manifestFault).to.have.property("code", "FORMAT_BAD_MAGIC");
    });
  });

  it("knows its name, place, room, and that nothing was collected yet", async () => {
    expect([store.name, store.location, store.isReadOnly]).to.deep.equal([
      "store1",
      "memory",
      false,
    ]);
    expect(await store.space()).to.have.property("totalBytes", 0);
    expect(await store.readGcStatus()).to.equal(undefined);
    expect(await store.countSnapshots())
      .to.have.property("vm")
      .that.deep.equals({
        groups: 0,
        snapshots: 0,
      });
    await store.assertPresent();
  });
});
