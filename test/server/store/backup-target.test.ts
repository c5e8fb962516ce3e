import { expect } from "chai";

import { encodeBlob } from "../../../src/format/chunk/data-blob.ts";
import { type Digest, parseDigest } from "../../../src/format/chunk/digest.ts";
import { cryptKeyOf } from "../../../src/format/crypto/crypt-key.ts";
import { FormatError } from "../../../src/format/format-error.ts";
import { DynamicIndexBuilder } from "../../../src/format/index/dynamic-index.ts";
import { FixedIndexBuilder } from "../../../src/format/index/fixed-index.ts";
import { FIXED_CHUNK_BYTES } from "../../../src/format/limits.ts";
import { chunkUploadStatsOf } from "../../../src/format/manifest/manifest-summary.ts";
import { MANIFEST_NAME, parseArchiveName } from "../../../src/format/snapshot/archive-name.ts";
import { parseAuthId } from "../../../src/format/snapshot/auth-id.ts";
import { parseNamespace, rootNamespace } from "../../../src/format/snapshot/namespace.ts";
import { type BackupTarget } from "../../../src/server/store/backup-target.ts";
import { type Datastore } from "../../../src/server/store/datastore.ts";
import { MemoryBackend } from "../../../src/server/store/memory-backend.ts";
import { type StoreBackend } from "../../../src/server/store/store-backend.ts";
import { StoreError } from "../../../src/server/store/store-error.ts";
import { newVerifyMemory } from "../../../src/server/store/verify-memory.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import {
  begin,
  chunkOf,
  codec,
  datastoreOn,
  makeBackup,
  putBlob,
  putDynamic,
  putFixed,
  putManifest,
  snapshotAt,
} from "../../support/make-backup.ts";
import { prng } from "../../support/prng.ts";
import { rejection } from "../../support/rejection.ts";

const root = parseArchiveName("root.pxar.didx");
const disk = parseArchiveName("disk.img.fidx");
const unknown: Digest = parseDigest("12".repeat(32));
const zeros = "0".repeat(64);

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error = await rejection(promise);
  expect(error).to.be.instanceOf(StoreError);
  return (error as StoreError).message;
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await rejection(promise);
  expect(error).to.be.instanceOf(StoreError);
  return (error as StoreError).code;
}

/** Uploads a chunk and appends it at `offset`. */
async function add(
  target: BackupTarget,
  kind: "dynamic" | "fixed",
  id: number,
  plain: Uint8Array,
  offset: number,
): Promise<Digest> {
  const { digest, size, body } = chunkOf(plain);
  await target.uploadChunk({ writer: kind, writerId: id, digest, size, body });
  await target.append(kind, id, [digest], [offset]);
  return digest;
}

describe("server/store/backup-target", () => {
  let store: Datastore;
  let backend: StoreBackend;

  beforeEach(() => {
    const clock = new FakeClock();
    backend = new MemoryBackend(clock);
    store = datastoreOn(backend, clock);
  });

  describe("a whole backup", () => {
    it("becomes a snapshot that verifies, with its upload counted", async () => {
      await makeBackup(store, snapshotAt(0), prng(1, 100_000));

      const described = await store.describeSnapshot(rootNamespace, snapshotAt(0));
      const verdict = await store.verifySnapshot(rootNamespace, snapshotAt(0), newVerifyMemory());

      expect(verdict.faults).to.deep.equal([]);
      expect(verdict.chunksRead).to.equal(3);
      expect(described.isFinished).to.equal(true);
      expect(described.files.map((file) => file.name)).to.deep.equal([
        "root.pxar.didx",
        "disk.img.fidx",
        "etc.conf.blob",
        "index.json.blob",
      ]);
      const stats = described.manifest && chunkUploadStatsOf(described.manifest);
      expect(stats?.count).to.equal(3);
      expect(stats?.duplicates).to.equal(0);
      expect(stats?.size).to.be.greaterThan(200_000);
    });

    it("counts chunks that were there already as duplicates", async () => {
      await makeBackup(store, snapshotAt(0), prng(1, 1000));

      await makeBackup(store, snapshotAt(1), prng(1, 1000));

      const manifest = await store.readManifest(rootNamespace, snapshotAt(1));
      expect(chunkUploadStatsOf(manifest)).to.include({ count: 3, duplicates: 3 });
    });

    it("names the owner of a new group", async () => {
      await makeBackup(store, snapshotAt(0), prng(1, 100));

      expect(await store.readOwner(rootNamespace, snapshotAt(0))).to.equal("test@pbs");
    });
  });

  describe("beginning", () => {
    it("refuses a second backup of a group while one is running, not of another group", async () => {
      await using first = await begin(store, snapshotAt(0));

      expect(await refusal(begin(store, snapshotAt(1)))).to.match(
        /another backup is already running$/,
      );
      await using other = await begin(store, snapshotAt(0, "host/b"));
      expect([first.state, other.state]).to.deep.equal(["active", "active"]);
    });

    it("refuses a namespace that does not exist", async () => {
      const snapshot = snapshotAt(0);

      expect(await codeOf(begin(store, snapshot, parseNamespace("a")))).to.equal(
        "STORE_NAMESPACE_MISSING",
      );
      await store.createNamespace(parseNamespace("a"));
      await using target = await begin(store, snapshot, parseNamespace("a"));
      expect(target.path).to.equal("memory/ns/a/host/a/2024-06-05T00:00:00Z");
    });

    it("refuses whoever does not own the group, but not the user of a token", async () => {
      const request = {
        namespace: rootNamespace,
        authId: parseAuthId("test@pbs!tok1"),
        ownerCheck: "enforced",
      } as const;
      await (await store.beginBackup({ ...request, snapshot: snapshotAt(0) })).abort();

      const stranger = parseAuthId("other@pbs");
      const refused = store.beginBackup({ ...request, snapshot: snapshotAt(1), authId: stranger });
      const message = await refusal(refused);
      await using byUser = await begin(store, snapshotAt(2));

      expect(message).to.equal("backup owner check failed (other@pbs != test@pbs!tok1)");
      expect(byUser.state).to.equal("active");
    });

    it("lets anybody run a benchmark", async () => {
      await (await begin(store, snapshotAt(0, "host/benchmark"))).abort();

      await using target = await store.beginBackup({
        namespace: rootNamespace,
        snapshot: snapshotAt(1, "host/benchmark"),
        authId: parseAuthId("other@pbs"),
        ownerCheck: "skipped",
      });

      expect(target.state).to.equal("active");
    });

    it("refuses a time that is not newer than the last finished snapshot", async () => {
      await makeBackup(store, snapshotAt(10), prng(1, 100));

      const texts = [
        await refusal(begin(store, snapshotAt(10))),
        await refusal(begin(store, snapshotAt(9))),
      ];

      expect(texts).to.deep.equal(Array(2).fill("backup timestamp is older than last backup."));
    });

    it("refuses a folder that exists", async () => {
      await backend.createFolders("host/a/2024-06-05T00:00:00Z", "none");
      await backend.writeFile("host/a/owner", new TextEncoder().encode("test@pbs\n"), {
        onExisting: "refuse",
        durability: "none",
      });

      expect(await refusal(begin(store, snapshotAt(0)))).to.equal(
        "backup directory already exists.",
      );
    });

    it("leaves no group and no lock behind when it fails", async () => {
      const snapshot = { ...snapshotAt(0), timeSec: 1e15 };

      expect(await rejection(begin(store, snapshot))).to.be.instanceOf(FormatError);

      expect(await store.listGroups(rootNamespace)).to.deep.equal([]);
      await using target = await begin(store, snapshotAt(0));
      expect(target.state).to.equal("active");
    });

    it("takes over a group whose creation was interrupted before it had an owner", async () => {
      await backend.createFolders("host/a", "none");

      await using target = await begin(store, snapshotAt(0));

      expect(await store.readOwner(rootNamespace, target.snapshot)).to.equal("test@pbs");
    });

    it("takes no snapshot as base that failed its verification, and forgets its time", async () => {
      await makeBackup(store, snapshotAt(10), prng(1, 100));
      const state = { upid: "UPID:x", state: "failed" } as const;
      await store.writeVerifyState(rootNamespace, snapshotAt(10), state);

      await using target = await begin(store, snapshotAt(5));

      expect(target.base).to.equal(undefined);
      expect(await codeOf(target.openPrevious(root))).to.equal("STORE_NO_BASE");
    });

    it("takes the newest finished snapshot as base and keeps it from being removed", async () => {
      await makeBackup(store, snapshotAt(0), prng(1, 100));
      await backend.createFolders("host/a/2024-06-05T00:00:05Z", "none");

      await using target = await begin(store, snapshotAt(6));
      await using reader = await store.openReader(rootNamespace, snapshotAt(0));

      expect(target.base?.timeSec).to.equal(snapshotAt(0).timeSec);
      expect(reader.snapshot.timeSec).to.equal(snapshotAt(0).timeSec);
      expect(await codeOf(store.forgetSnapshot(rootNamespace, snapshotAt(0)))).to.equal(
        "STORE_LOCKED",
      );
      expect(await codeOf(store.forgetGroup(rootNamespace, snapshotAt(0)))).to.equal(
        "STORE_LOCKED",
      );
    });
  });

  describe("chunks", () => {
    let target: BackupTarget;
    beforeEach(async () => {
      target = await begin(store, snapshotAt(0));
    });

    it("are refused when their bytes are not what was announced", async () => {
      const id = await target.createDynamicWriter(root);
      const { digest, size, body } = chunkOf(prng(1, 100));
      const upload = { writer: "dynamic", writerId: id, digest, size, body } as const;

      const errors = [
        await rejection(target.uploadChunk({ ...upload, digest: unknown })),
        await rejection(target.uploadChunk({ ...upload, size: 99 })),
        await rejection(target.uploadChunk({ ...upload, size: 101 })),
        await rejection(target.uploadChunk({ ...upload, body: new Uint8Array(20) })),
        await rejection(target.uploadChunk({ ...upload, body: body.subarray(0, 11) })),
      ];

      for (const error of errors) expect(error).to.be.instanceOf(FormatError);
      expect(await store.blobs.has(digest)).to.equal(false);
    });

    it("get the right checksum, whatever the client wrote there", async () => {
      const id = await target.createDynamicWriter(root);
      const { digest, size, body } = chunkOf(prng(1, 100));
      const sent = body.slice();
      sent.fill(0, 8, 12);

      await target.uploadChunk({ writer: "dynamic", writerId: id, digest, size, body: sent });

      expect(await store.blobs.readBlob(digest)).to.deep.equal(body);
    });

    it("are taken on trust when they are encrypted", async () => {
      const id = await target.createDynamicWriter(root);
      const key = cryptKeyOf(codec, new Uint8Array(32));
      const body = encodeBlob(codec, prng(1, 100), { compress: false, key });

      const result = await target.uploadChunk({
        writer: "dynamic",
        writerId: id,
        digest: unknown,
        size: 100,
        body,
      });

      expect(result.isDuplicate).to.equal(false);
    });

    it("need an open writer of their kind", async () => {
      const id = await target.createDynamicWriter(root);
      const { digest, size, body } = chunkOf(prng(1, 100));

      const upload = { writer: "fixed", writerId: id, digest, size, body } as const;

      expect(await refusal(target.uploadChunk(upload))).to.equal(
        `fixed writer '${id}' not registered`,
      );
    });

    it("of an image may be short once", async () => {
      const id = await target.createFixedWriter(disk, { size: 4 * FIXED_CHUNK_BYTES });
      await add(target, "fixed", id, prng(1, FIXED_CHUNK_BYTES), 0);
      const [a, b] = [chunkOf(prng(1, 100)), chunkOf(prng(2, 100))];
      await target.uploadChunk({ writer: "fixed", writerId: id, ...a });

      const second = target.uploadChunk({ writer: "fixed", writerId: id, ...b });

      expect(await refusal(second)).to.match(
        /detected multiple end chunks \(chunk size too small\)$/,
      );
    });

    it("of an image are 4 MiB at most", async () => {
      const id = await target.createFixedWriter(disk, { size: 4 * FIXED_CHUNK_BYTES });
      const chunk = chunkOf(new Uint8Array(FIXED_CHUNK_BYTES + 1));

      expect(
        await codeOf(target.uploadChunk({ writer: "fixed", writerId: id, ...chunk })),
      ).to.equal("STORE_UPLOAD_REFUSED");
    });
  });

  describe("a dynamic index", () => {
    let target: BackupTarget;
    let id: number;
    beforeEach(async () => {
      target = await begin(store, snapshotAt(0));
      id = await target.createDynamicWriter(root);
    });

    it("refuses chunks that this session does not know, even if the datastore has them", async () => {
      const other = await begin(store, snapshotAt(0, "host/b"));
      const otherId = await other.createDynamicWriter(root);
      const digest = await add(other, "dynamic", otherId, prng(7, 50), 0);

      expect(await refusal(target.append("dynamic", id, [digest], [0]))).to.equal(
        `no such chunk ${digest}`,
      );
    });

    it("refuses a gap and an overlap, and goes on after that", async () => {
      const a = await add(target, "dynamic", id, prng(1, 100), 0);

      const gap = await refusal(target.append("dynamic", id, [a], [101]));
      const overlap = await refusal(target.append("dynamic", id, [a], [99]));
      await target.append("dynamic", id, [a], [100]);

      expect(gap).to.equal(
        "dynamic writer 'root.pxar.didx' append chunk failed - got strange chunk offset (100 != 101)",
      );
      expect(overlap).to.match(/\(100 != 99\)$/);
    });

    it("keeps what came before the refused chunk of a list", async () => {
      const a = await add(target, "dynamic", id, prng(1, 100), 0);

      await rejection(target.append("dynamic", id, [a, unknown], [100, 200]));
      await target.append("dynamic", id, [a], [200]);

      expect(a).to.be.a("string");
    });

    it("refuses lists of different lengths and takes empty ones", async () => {
      await target.append("dynamic", id, [], []);

      expect(await refusal(target.append("dynamic", id, [unknown], []))).to.equal(
        "offset list has wrong length (0 != 1)",
      );
    });

    it("puts overlapping calls in the order in which they were made", async () => {
      const chunks = [1, 2, 3, 4, 5].map((seed) => chunkOf(prng(seed, seed * 10)));
      for (const chunk of chunks) {
        await target.uploadChunk({ writer: "dynamic", writerId: id, ...chunk });
      }

      let offset = 0;
      const appends = chunks.map((chunk) => {
        const start = offset;
        offset += chunk.size;
        return target.append("dynamic", id, [chunk.digest], [start]);
      });

      expect(await Promise.all(appends)).to.have.length(5);
    });

    it("refuses a close whose claim is wrong, and then keeps the session from finishing", async () => {
      const claims = [
        { chunkCount: 2, size: 100, csum: zeros },
        { chunkCount: 1, size: 101, csum: zeros },
        { chunkCount: 1, size: 100, csum: zeros },
      ];
      const texts: string[] = [];
      for (const [i, claim] of claims.entries()) {
        const writer = await target.createDynamicWriter(parseArchiveName(`a${i}.pxar.didx`));
        await add(target, "dynamic", writer, prng(1, 100), 0);
        texts.push(await refusal(target.close("dynamic", writer, claim)));
      }

      expect(texts).to.deep.equal([
        "dynamic writer 'a0.pxar.didx' close failed - unexpected chunk count (1 != 2)",
        "dynamic writer 'a1.pxar.didx' close failed - unexpected file size (100 != 101)",
        "dynamic writer 'a2.pxar.didx' close failed - got unexpected checksum",
      ]);
      expect(await refusal(target.finish())).to.equal(
        "found open index writer - unable to finish backup",
      );
      const names = await backend.listFolder("host/a/2024-06-05T00:00:00Z");
      expect(names).to.deep.equal([]);
    });

    it("refuses anything for a writer whose close failed", async () => {
      const a = await add(target, "dynamic", id, prng(1, 100), 0);
      await rejection(target.close("dynamic", id, { chunkCount: 1, size: 100, csum: zeros }));

      expect(await refusal(target.append("dynamic", id, [a], [100]))).to.match(
        /is already closed$/,
      );
    });

    it("refuses a name twice, and one of another kind", async () => {
      expect(await refusal(target.createDynamicWriter(root))).to.match(/exists already$/);
      expect(await refusal(target.createDynamicWriter(disk))).to.equal(
        "wrong archive extension: 'disk.img.fidx'",
      );
    });

    it("holds thousands of entries", async () => {
      const chunk = chunkOf(prng(1, 10));
      await target.uploadChunk({ writer: "dynamic", writerId: id, ...chunk });
      const count = 5000;
      const digests = Array<Digest>(count).fill(chunk.digest);
      await target.append(
        "dynamic",
        id,
        digests,
        digests.map((_, i) => i * 10),
      );
      const builder = new DynamicIndexBuilder(codec);
      for (const digest of digests) builder.append(10, digest);

      const claim = { chunkCount: count, size: count * 10, csum: builder.csum() };
      const report = await target.close("dynamic", id, claim);

      expect(report).to.include({ archive: root, size: 50_000, chunkCount: count });
      expect(report.uuid).to.match(/^[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
      expect(report.uploads).to.include({ count: 1, size: 10 });
    });
  });

  describe("a fixed index", () => {
    const full = (seed: number): Uint8Array => new Uint8Array(FIXED_CHUNK_BYTES).fill(seed);
    let target: BackupTarget;
    beforeEach(async () => {
      target = await begin(store, snapshotAt(0));
    });

    it("takes chunks in any order", async () => {
      const size = 2 * FIXED_CHUNK_BYTES + 5;
      const id = await target.createFixedWriter(disk, { size });
      const index = new FixedIndexBuilder(FIXED_CHUNK_BYTES);
      for (const [i, plain] of [
        [2, full(3).subarray(0, 5)],
        [0, full(1)],
        [1, full(2)],
      ] as const) {
        index.set(i, await add(target, "fixed", id, plain, i * FIXED_CHUNK_BYTES));
      }

      const claim = { chunkCount: 3, size, csum: index.csum(codec) };
      const report = await target.close("fixed", id, claim);

      expect(report.size).to.equal(size);
    });

    it("refuses what does not fit its size and places", async () => {
      const size = 2 * FIXED_CHUNK_BYTES + 5;
      const id = await target.createFixedWriter(disk, { size });
      const whole = await add(target, "fixed", id, full(1), 0);
      const short = await add(target, "fixed", id, full(3).subarray(0, 5), 2 * FIXED_CHUNK_BYTES);
      const at = async (digest: Digest, offset: number): Promise<string> =>
        await refusal(target.append("fixed", id, [digest], [offset]));

      expect(await at(whole, 2 * FIXED_CHUNK_BYTES)).to.match(/chunk data exceeds size \(.*\)$/);
      expect(await at(short, FIXED_CHUNK_BYTES)).to.match(/chunk with unexpected length \(.*\)$/);
      expect(await at(whole, 1)).to.match(/got unaligned chunk \(pos = 1\)$/);
    });

    it("refuses a close whose claim is wrong", async () => {
      const size = 2 * FIXED_CHUNK_BYTES;
      const claims = [
        { chunkCount: 2, size, csum: zeros },
        { chunkCount: 1, size, csum: zeros },
      ];
      const texts: string[] = [];
      for (const [i, claim] of claims.entries()) {
        const writer = await target.createFixedWriter(parseArchiveName(`d${i}.img.fidx`), { size });
        await add(target, "fixed", writer, full(1), 0);
        texts.push(await refusal(target.close("fixed", writer, claim)));
      }

      expect(texts[0]).to.equal(
        "fixed writer 'd0.img.fidx' close failed - received wrong number of chunk (1 != 2)",
      );
      expect(texts[1]).to.match(
        /^fixed writer 'd1.img.fidx' close failed - unexpected chunk count/,
      );
    });

    it("grows when the size is not known, until a short chunk ends it", async () => {
      const id = await target.createFixedWriter(disk, {});
      const index = new FixedIndexBuilder(FIXED_CHUNK_BYTES);
      index.set(0, await add(target, "fixed", id, full(1), 0));
      index.set(1, await add(target, "fixed", id, full(1).subarray(0, 9), FIXED_CHUNK_BYTES));

      const beyond = await refusal(
        target.append("fixed", id, [digestAt(index, 0)], [2 * FIXED_CHUNK_BYTES]),
      );
      const size = FIXED_CHUNK_BYTES + 9;
      const claim = { chunkCount: 2, size, csum: index.csum(codec) };
      const report = await target.close("fixed", id, claim);

      expect(beyond).to.match(/chunk data exceeds size/);
      expect(report.size).to.equal(size);
    });

    it("needs the size for an incremental backup, and a base", async () => {
      expect(await refusal(target.createFixedWriter(disk, { reuseCsum: zeros }))).to.equal(
        "size is required for incremental backups",
      );
      expect(await refusal(target.createFixedWriter(disk, { size: 1, reuseCsum: zeros }))).to.equal(
        "cannot reuse index - no valid previous backup exists",
      );
    });
  });

  describe("an incremental image", () => {
    const size = 2 * FIXED_CHUNK_BYTES;
    const full = (seed: number): Uint8Array => new Uint8Array(FIXED_CHUNK_BYTES).fill(seed);
    let csum: string;
    let target: BackupTarget;
    beforeEach(async () => {
      const first = await begin(store, snapshotAt(0));
      const file = await putFixed(first, disk, [full(1), full(2)]);
      csum = file.csum;
      await putManifest(first, [file]);
      await first.finish();
      target = await begin(store, snapshotAt(1));
    });

    it("starts from the previous index, whose chunks it need not name", async () => {
      const id = await target.createFixedWriter(disk, { size, reuseCsum: csum });
      const changed = await add(target, "fixed", id, full(3), FIXED_CHUNK_BYTES);
      const index = new FixedIndexBuilder(FIXED_CHUNK_BYTES);
      index.set(0, chunkOf(full(1)).digest);
      index.set(1, changed);

      const claim = { chunkCount: 1, size: FIXED_CHUNK_BYTES, csum: index.csum(codec) };
      const report = await target.close("fixed", id, claim);
      await putManifest(target, [{ filename: disk, cryptMode: "none", size, csum: report.csum }]);
      await target.finish();

      const memory = newVerifyMemory();
      const verdict = await store.verifySnapshot(rootNamespace, snapshotAt(1), memory);
      expect(verdict.faults).to.deep.equal([]);
    });

    it("may change nothing at all", async () => {
      const id = await target.createFixedWriter(disk, { size, reuseCsum: csum });

      const report = await target.close("fixed", id, { chunkCount: 0, size: 0, csum });

      expect(report.csum).to.equal(csum);
    });

    it("does not make the chunks of the base known", async () => {
      const id = await target.createFixedWriter(disk, { size, reuseCsum: csum });
      const { digest } = chunkOf(full(1));

      expect(await refusal(target.append("fixed", id, [digest], [0]))).to.equal(
        `no such chunk ${digest}`,
      );
    });

    it("is refused for another checksum, another archive, another size", async () => {
      const other = parseArchiveName("other.img.fidx");

      expect(await refusal(target.createFixedWriter(disk, { size, reuseCsum: zeros }))).to.equal(
        `expected csum (${zeros}) doesn't match last backup's (${csum}), cannot do incremental backup`,
      );
      expect(await refusal(target.createFixedWriter(other, { size, reuseCsum: csum }))).to.equal(
        "cannot reuse index - no previous backup exists for archive",
      );
      expect(
        await refusal(target.createFixedWriter(disk, { size: size + 1, reuseCsum: csum })),
      ).to.equal("cannot reuse index - index sizes not equal (2 != 3)");
    });
  });

  describe("the previous snapshot", () => {
    it("makes the chunks of its indexes known and gives its files as they are", async () => {
      await makeBackup(store, snapshotAt(0), prng(1, 1000));
      await using target = await begin(store, snapshotAt(1));
      const { digest } = chunkOf(prng(1, 1000).subarray(0, 500));
      const id = await target.createDynamicWriter(root);

      await using file = await target.openPrevious(root);
      await target.append("dynamic", id, [digest], [0]);

      expect(file.registeredChunks).to.equal(2);
      expect(file.size).to.equal(4096 + 2 * 40);
      expect(await file.readAt(4096, 8)).to.deep.equal(Uint8Array.of(0xf4, 1, 0, 0, 0, 0, 0, 0));
    });

    it("says whether there is none, or no such file", async () => {
      await makeBackup(store, snapshotAt(0), prng(1, 1000));
      await using target = await begin(store, snapshotAt(1));
      await using first = await begin(store, snapshotAt(0, "vm/1"));

      expect(await refusal(first.openPrevious(root))).to.equal("no valid previous backup");
      expect(await codeOf(target.openPrevious(parseArchiveName("x.blob")))).to.equal(
        "STORE_FILE_MISSING",
      );
      expect(await codeOf(target.openPrevious(parseArchiveName("x.didx")))).to.equal(
        "STORE_NO_BASE",
      );
    });
  });

  describe("blobs", () => {
    it("are refused when their checksum is wrong", async () => {
      await using target = await begin(store, snapshotAt(0));
      const body = encodeBlob(codec, prng(1, 50), { compress: false });
      body[20] = (body[20] ?? 0) ^ 1;

      const error = await rejection(target.writeBlob(parseArchiveName("a.blob"), body));

      expect(error).to.be.instanceOf(FormatError).with.property("code", "FORMAT_BAD_CHECKSUM");
    });

    it("are replaced by later ones of the same name", async () => {
      await using target = await begin(store, snapshotAt(0));
      await putBlob(target, "a.conf.blob", prng(1, 50));
      const file = await putBlob(target, "a.conf.blob", prng(2, 60));
      await putManifest(target, [file]);
      await target.finish();

      const memory = newVerifyMemory();
      const verdict = await store.verifySnapshot(rootNamespace, snapshotAt(0), memory);
      expect(verdict.faults).to.deep.equal([]);
    });
  });

  describe("the end", () => {
    it("publishes: before it, nobody sees a manifest", async () => {
      await using target = await begin(store, snapshotAt(0));
      await putManifest(target, [await putBlob(target, "a.conf.blob", prng(1, 50))]);
      const before = await store.describeSnapshot(rootNamespace, snapshotAt(0));
      const reader = await codeOf(store.openReader(rootNamespace, snapshotAt(0)));

      await target.finish();

      const after = await store.describeSnapshot(rootNamespace, snapshotAt(0));
      expect([before.isFinished, after.isFinished]).to.deep.equal([false, true]);
      expect(before.files.map((file) => file.name)).to.deep.equal(["a.conf.blob"]);
      expect(reader).to.equal("STORE_LOCKED");
    });

    it("refuses an empty backup and one without a manifest, and lets them go on", async () => {
      await using target = await begin(store, snapshotAt(0));

      const empty = await refusal(target.finish());
      const file = await putBlob(target, "a.conf.blob", prng(1, 50));
      const bare = await refusal(target.finish());
      await target.writeBlob(MANIFEST_NAME, encodeBlob(codec, prng(1, 50), { compress: false }));
      const senseless = await refusal(target.finish());
      await putManifest(target, [file]);
      await target.finish();

      expect(empty).to.equal("backup does not contain valid files (file count == 0)");
      expect(bare).to.match(/^unable to update manifest blob - /);
      expect(senseless).to.match(/^unable to update manifest blob - /);
      expect(target.state).to.equal("finished");
    });

    it("frees all locks before it answers", async () => {
      const target = await begin(store, snapshotAt(0));
      await putManifest(target, [await putBlob(target, "a.conf.blob", prng(1, 50))]);
      await target.finish();

      await using next = await begin(store, snapshotAt(1));
      await using reader = await store.openReader(rootNamespace, snapshotAt(0));

      expect(next.base?.timeSec).to.equal(snapshotAt(0).timeSec);
      expect(reader.path).to.equal("memory/host/a/2024-06-05T00:00:00Z");
    });

    it("refuses everything afterwards, also a late blob", async () => {
      const target = await begin(store, snapshotAt(0));
      await putManifest(target, [await putBlob(target, "a.conf.blob", prng(1, 50))]);
      await target.finish();

      expect(await refusal(putBlob(target, "b.conf.blob", prng(1, 50)))).to.equal(
        "backup already marked as finished.",
      );
      expect(await codeOf(target.append("dynamic", 1, [], []))).to.equal("STORE_SESSION_OVER");
      expect(await codeOf(target.finish())).to.equal("STORE_SESSION_OVER");
      await target.abort();
      expect((await store.describeSnapshot(rootNamespace, snapshotAt(0))).isFinished).to.equal(
        true,
      );
    });

    it("refuses changes while it is at work, and a lost connection then changes nothing", async () => {
      const target = await begin(store, snapshotAt(0));
      await putManifest(target, [await putBlob(target, "a.conf.blob", prng(1, 50))]);

      const finishing = target.finish();
      const late = await refusal(putBlob(target, "b.conf.blob", prng(1, 50)));
      await target.abort();
      await finishing;

      expect(late).to.equal("backup is already in the process of finishing.");
      expect(target.state).to.equal("finished");
      expect((await store.describeSnapshot(rootNamespace, snapshotAt(0))).isFinished).to.equal(
        true,
      );
    });

    it("refuses to finish when the base was removed from outside", async () => {
      await makeBackup(store, snapshotAt(0), prng(1, 1000));
      await using target = await begin(store, snapshotAt(1));
      await putManifest(target, [await putBlob(target, "a.conf.blob", prng(1, 50))]);
      await backend.removeFolder("host/a/2024-06-05T00:00:00Z");

      expect(await refusal(target.finish())).to.match(
        /^base snapshot host\/a\/2024-06-05T00:00:00Z was removed during backup/,
      );
    });

    it("by giving up removes the folder, keeps group and chunks, and waits for uploads", async () => {
      const target = await begin(store, snapshotAt(0));
      const id = await target.createDynamicWriter(root);
      const chunk = chunkOf(prng(1, 100));
      const running = target.uploadChunk({ writer: "dynamic", writerId: id, ...chunk });

      await target.abort();
      await running;

      expect(await store.listSnapshots(rootNamespace, snapshotAt(0))).to.deep.equal([]);
      expect(await store.hasGroup(rootNamespace, snapshotAt(0))).to.equal(true);
      expect(await store.blobs.has(chunk.digest)).to.equal(true);
      expect(await codeOf(target.createDynamicWriter(disk))).to.equal("STORE_SESSION_OVER");
    });

    it("holds the oldest writer's time until then", async () => {
      const before = store.processLock.oldestWriterSec;
      const target = await begin(store, snapshotAt(0));
      const during = store.processLock.oldestWriterSec;
      await target.abort();

      expect([before, during, store.processLock.oldestWriterSec]).to.deep.equal([
        undefined,
        1_700_000_000,
        undefined,
      ]);
    });
  });

  it("takes archives that are uploaded at the same time", async () => {
    await using target = await begin(store, snapshotAt(0));

    const files = await Promise.all([
      putDynamic(target, "a.mpxar.didx", [prng(1, 100), prng(2, 100)]),
      putDynamic(target, "a.ppxar.didx", [prng(2, 100), prng(3, 100)]),
    ]);
    await putManifest(target, files);
    await target.finish();

    const memory = newVerifyMemory();
    const verdict = await store.verifySnapshot(rootNamespace, snapshotAt(0), memory);
    expect(verdict).to.deep.include({ faults: [], chunksRead: 3 });
  });
});

function digestAt(index: FixedIndexBuilder, i: number): Digest {
  return parseDigest(Buffer.from(index.entries.subarray(i * 32, i * 32 + 32)).toString("hex"));
}
