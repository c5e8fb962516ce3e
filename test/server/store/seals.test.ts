import { expect } from "chai";

import { encodeBlob, withRecomputedCrc } from "../../../src/format/chunk/data-blob.ts";
import { chunkDigest, type Digest } from "../../../src/format/chunk/digest.ts";
import { cryptKeyOf } from "../../../src/format/crypto/crypt-key.ts";
import { DynamicIndexBuilder } from "../../../src/format/index/dynamic-index.ts";
import { parseArchiveName } from "../../../src/format/snapshot/archive-name.ts";
import { rootNamespace } from "../../../src/format/snapshot/namespace.ts";
import { type Datastore } from "../../../src/server/store/datastore.ts";
import { LocalBackend } from "../../../src/server/store/local-backend.ts";
import { MemoryBackend } from "../../../src/server/store/memory-backend.ts";
import { type StoreBackend } from "../../../src/server/store/store-backend.ts";
import { newVerifyMemory } from "../../../src/server/store/verify-memory.ts";
import { type SnapshotVerdict } from "../../../src/server/store/verify-snapshot.ts";
import { emptyDatastore } from "../../support/empty-datastore.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { begin, codec, datastoreOn, putManifest, snapshotAt } from "../../support/make-backup.ts";
import { prng } from "../../support/prng.ts";

const clock = new FakeClock();
const key = cryptKeyOf(codec, prng(9, 32));
const plain = prng(1, 1000);
const digest: Digest = chunkDigest(codec, plain, key);
const archive = parseArchiveName("root.pxar.didx");

/** Storages that can keep a seal. */
const kinds: Readonly<Record<string, () => Promise<StoreBackend & AsyncDisposable>>> = {
  memory: async () => await Promise.resolve(new MemoryBackend(clock)),
  "a local folder": async () => {
    const folder = await emptyDatastore();
    const backend = await LocalBackend.open(folder.path, { access: "read-write", clock });
    const close = backend[Symbol.asyncDispose].bind(backend);
    backend[Symbol.asyncDispose] = async () => {
      await close();
      await folder[Symbol.asyncDispose]();
    };
    return backend;
  },
};

for (const [kind, open] of Object.entries(kinds)) {
  describe(`server/store, encrypted chunks without their key, on ${kind}`, () => {
    let backend: StoreBackend;
    let store: Datastore;

    beforeEach(async () => {
      backend = await open();
      store = datastoreOn(backend, clock);
    });

    afterEach(async () => {
      await store[Symbol.asyncDispose]();
    });

    async function backUp(): Promise<void> {
      await using target = await begin(store, snapshotAt(0));
      const id = await target.createDynamicWriter(archive);
      const body = encodeBlob(codec, plain, { compress: true, key });
      const { length: size } = plain;
      await target.uploadChunk({ writer: "dynamic", writerId: id, digest, size, body });
      await target.append("dynamic", id, [digest], [0]);
      const index = new DynamicIndexBuilder(codec);
      index.append(size, digest);
      const claim = { chunkCount: 1, size, csum: index.csum() };
      await target.close("dynamic", id, claim);
      await putManifest(target, [
        { filename: archive, cryptMode: "encrypt", size, csum: claim.csum },
      ]);
      await target.finish();
    }

    async function verify(): Promise<SnapshotVerdict> {
      return await store.verifySnapshot(rootNamespace, snapshotAt(0), newVerifyMemory());
    }

    /** Puts other bytes in place of the stored ones, as a bad disk or an attacker would, and leaves what lies beside them. */
    async function tamper(): Promise<void> {
      const blob = await store.blobs.readBlob(digest);
      const seal = await backend.readSeal(digest);
      blob[blob.length - 1] = (blob.at(-1) ?? 0) ^ 1;
      await backend.writeChunk(digest, withRecomputedCrc(codec, blob, "chunk"), "none");
      if (seal) await backend.sealChunk(digest, seal);
    }

    it("are recorded when they are uploaded, byte for byte", async () => {
      await backUp();

      const blob = await store.blobs.readBlob(digest);
      expect(await store.blobs.readSeal(digest)).to.deep.equal(codec.sha256(blob));
      expect(await verify()).to.deep.include({ faults: [], newSeals: 0, unsealed: 0 });
    });

    it("are found damaged when bytes are changed and the checksum is put right", async () => {
      await backUp();
      await tamper();

      const { faults } = await verify();

      expect(faults).to.have.length(1);
      expect(faults[0]).to.include({ digest, isCorruptChunk: true });
      expect(faults[0]?.error.message).to.contain("its bytes are not those that were recorded");
    });

    it("without a record get one by the first verification, and are held to it from then on", async () => {
      await backUp();
      // As a genuine server writes it: the same bytes, nothing beside them.
      await backend.writeChunk(digest, await store.blobs.readBlob(digest), "none");
      expect(await backend.readSeal(digest)).to.equal(undefined);

      const first = await verify();
      const second = await verify();
      await tamper();
      const third = await verify();

      expect(first).to.deep.include({ faults: [], newSeals: 1, unsealed: 0 });
      expect(second).to.deep.include({ faults: [], newSeals: 0, unsealed: 0 });
      expect(third.faults).to.have.length(1);
    });

    it("on storage that keeps no record are checked by their checksum, and counted", async () => {
      backend.sealChunk = async () => await Promise.resolve(false);
      await backUp();

      expect(await verify()).to.deep.include({ faults: [], newSeals: 0, unsealed: 1 });
    });

    it("lose their record with their place", async () => {
      await backUp();

      expect(await store.blobs.setAside(digest)).to.equal(true);

      expect(await backend.readSeal(digest)).to.equal(undefined);
    });
  });
}
