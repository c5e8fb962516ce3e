import { existsSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { coalesced } from "../../src/chunks/coalesced.ts";
import { decodeChunkWith, decoded } from "../../src/chunks/decoded.ts";
import { indexedByteSource } from "../../src/chunks/indexed-byte-source.ts";
import { type BackupServer } from "../../src/client/session/backup-server.ts";
import { BackupSession } from "../../src/client/session/backup-session.ts";
import { type SessionSnapshot } from "../../src/client/session/session-snapshot.ts";
import { listSnapshots } from "../../src/client/session/list-datastore.ts";
import { type ReconnectPolicy } from "../../src/client/session/reader-session.ts";
import { RemoteDatastoreView } from "../../src/client/session/remote-datastore-view.ts";
import { RemoteSnapshot } from "../../src/client/session/remote-snapshot.ts";
import { encodeBlob } from "../../src/format/chunk/data-blob.ts";
import { chunkDigest } from "../../src/format/chunk/digest.ts";
import { createNativeProvider } from "../../src/format/crypto/native-provider.ts";
import { CHUNK_BYTES_MAX } from "../../src/format/limits.ts";
import {
  decodeManifest,
  encodeManifest,
  type ManifestFile,
} from "../../src/format/manifest/manifest.ts";
import { MANIFEST_NAME, parseArchiveName } from "../../src/format/snapshot/archive-name.ts";
import { rootNamespace } from "../../src/format/snapshot/namespace.ts";
import { parseSnapshotId, snapshotIdText } from "../../src/format/snapshot/snapshot-id.ts";
import { type BreakableProxy, startBreakableProxy } from "../support/breakable-proxy.ts";
import { clientOf } from "../support/client-of-server.ts";
import { emptyDatastore } from "../support/empty-datastore.ts";
import { rejection } from "../support/rejection.ts";
import { tempDir } from "../support/temp-dir.ts";
import { startTestServer, type TestServer } from "../support/test-server.ts";

const provider = createNativeProvider();
const reconnect = { totalMs: 3_000, delayMs: 20, delayMsMax: 100 };
const archive = parseArchiveName("root.pxar.didx");
const config = parseArchiveName("etc.conf.blob");

/** Chunks whose content says which they are. */
function chunk(i: number): Uint8Array {
  return new Uint8Array(100_000 + i).fill(i % 251);
}

/** Uploads chunks 0 to `count` as one archive; those that the session knows are not sent. */
async function uploadArchive(session: BackupSession, count: number) {
  const upload = await session.openDynamicArchive(archive);
  for (let i = 0; i < count; i++) {
    const plain = chunk(i);
    const digest = chunkDigest(provider, plain);
    const entry = { digest, size: plain.length };
    await upload.add(
      upload.isKnown(digest)
        ? entry
        : { ...entry, blob: encodeBlob(provider, plain, { compress: true }) },
    );
  }
  return await upload.close();
}

async function uploadSnapshot(server: BackupServer, snapshot: SessionSnapshot, count: number) {
  using session = await BackupSession.open({ server, snapshot });
  const result = await uploadArchive(session, count);
  const blob = encodeBlob(provider, new TextEncoder().encode("a = 1\n"), { compress: true });
  await session.uploadBlob(config, blob);
  const files: ManifestFile[] = [
    { filename: archive, cryptMode: "none", size: result.size, csum: result.csum },
    {
      filename: config,
      cryptMode: "none",
      size: blob.length,
      csum: Buffer.from(provider.sha256(blob)).toString("hex"),
    },
  ];
  const manifest = encodeManifest(provider, { snapshot, files, unprotected: {} });
  await session.uploadBlob(MANIFEST_NAME, manifest);
  await session.finish();
  return result;
}

describe("integration/session", () => {
  let server: TestServer;
  let folder: Awaited<ReturnType<typeof tempDir>>;
  let store: Awaited<ReturnType<typeof emptyDatastore>>;
  let client: BackupServer;
  let groupCount = 0;

  // One server for all tests; each has a group of its own.
  before(async () => {
    store = await emptyDatastore();
    server = await startTestServer({ storePath: store.path });
    folder = await tempDir();
    client = await clientOf(server, folder.path);
  });

  after(async () => {
    client[Symbol.dispose]();
    await server[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
  });

  beforeEach(() => {
    groupCount += 1;
  });

  function snapshotAt(time: string): SessionSnapshot {
    return { ...parseSnapshotId(`host/web${groupCount}/${time}`), namespace: rootNamespace };
  }

  async function openSnapshot(
    time: string,
    from: BackupServer = client,
    policy: ReconnectPolicy = reconnect,
  ): Promise<RemoteSnapshot> {
    return await RemoteSnapshot.open({
      server: from,
      snapshot: snapshotAt(time),
      provider,
      reconnect: policy,
      requestTimeoutMs: 5_000,
    });
  }

  it("uploads a snapshot and reads back every byte", async () => {
    await uploadSnapshot(client, snapshotAt("2024-06-21T20:00:00Z"), 40);

    using snapshot = await openSnapshot("2024-06-21T20:00:00Z");
    const index = await snapshot.readIndex(archive);
    const decode = decodeChunkWith(provider, { sizeMax: CHUNK_BYTES_MAX });
    const chunks = decoded(snapshot.blobs, decode, { expected: snapshot.expectedEncryption });
    const source = indexedByteSource(index, coalesced(chunks), { inFlightMax: 8 });
    const content = await source.readAt(0, source.size);

    expect(
      Buffer.from(content).equals(Buffer.concat(Array.from({ length: 40 }, (_, i) => chunk(i)))),
    ).to.equal(true);
    expect(Buffer.from(await snapshot.readBlob(config)).toString()).to.equal("a = 1\n");
  });

  it("sends nothing again that the previous backup has", async () => {
    await uploadSnapshot(client, snapshotAt("2024-06-21T20:00:00Z"), 30);
    using session = await BackupSession.open({
      server: client,
      snapshot: snapshotAt("2024-06-22T20:00:00Z"),
    });
    const raw = await session.downloadPrevious(MANIFEST_NAME);
    const manifest = decodeManifest(provider, raw ?? new Uint8Array());
    const csum = manifest.files.find(({ filename }) => filename === archive)?.csum ?? "";

    const index = await session.usePreviousIndex(archive, csum);
    const { stats } = await uploadArchive(session, 32);

    expect(index?.count).to.equal(30);
    expect(stats).to.include({ uploadedCount: 2, reusedCount: 30 });
    expect(await session.previousBackupTimeSec()).to.equal(1_719_000_000);
  });

  it("has no base in a new group", async () => {
    using session = await BackupSession.open({
      server: client,
      snapshot: snapshotAt("2024-06-22T20:00:00Z"),
    });

    expect(await session.downloadPrevious(MANIFEST_NAME)).to.equal(undefined);
    expect(await session.previousBackupTimeSec()).to.equal(undefined);
  });

  it("refuses a previous index that is not the one of the manifest", async () => {
    await uploadSnapshot(client, snapshotAt("2024-06-21T20:00:00Z"), 3);
    using session = await BackupSession.open({
      server: client,
      snapshot: snapshotAt("2024-06-22T20:00:00Z"),
    });

    expect(await session.usePreviousIndex(archive, "0".repeat(64))).to.equal(undefined);
  });

  it("leaves nothing when it is dropped before the end", async () => {
    const snapshot = snapshotAt("2024-06-21T20:00:00Z");
    const session = await BackupSession.open({ server: client, snapshot });
    await uploadArchive(session, 3);

    session[Symbol.dispose]();

    const path = join(server.storePath, snapshotIdText(snapshot));
    while (existsSync(path)) await new Promise((resolve) => setImmediate(resolve));
    const group = { type: snapshot.type, id: snapshot.id };
    expect((await listSnapshots(client, rootNamespace, { group })).length).to.equal(0);
  });

  it("ends at once when its signal is aborted", async () => {
    const stop = new AbortController();
    const snapshot = snapshotAt("2024-06-21T20:00:00Z");
    using session = await BackupSession.open({ server: client, snapshot, signal: stop.signal });

    stop.abort(new Error("enough"));

    expect(await rejection(session.openDynamicArchive(archive))).to.equal(stop.signal.reason);
  });

  it("passes on the server's words when a second backup of the group begins", async () => {
    const running = await BackupSession.open({
      server: client,
      snapshot: snapshotAt("2024-06-21T20:00:00Z"),
    });

    const error = await rejection(
      BackupSession.open({ server: client, snapshot: snapshotAt("2024-06-21T20:00:01Z") }),
    );
    running[Symbol.dispose]();

    expect(error).to.have.property("code", "REFUSED_REQUEST");
    expect(error).to.have.property("message").that.includes("another backup is already running");
  });

  it("shows a mount the groups and snapshots of the datastore", async () => {
    await uploadSnapshot(client, snapshotAt("2024-06-21T20:00:00Z"), 2);
    const view = new RemoteDatastoreView({
      server: client,
      provider,
      chunksOf: (blobs, expected) =>
        decoded(blobs, decodeChunkWith(provider, { sizeMax: CHUNK_BYTES_MAX }), { expected }),
      reconnect,
      requestTimeoutMs: 5_000,
    });

    expect(await view.listNamespaces("")).to.deep.equal([]);
    const id = `web${groupCount}`;
    expect((await view.listGroups("")).map((group) => `${group.type}/${group.id}`)).to.include(
      `host/${id}`,
    );
    const group = { namespace: "", type: "host", id };
    expect(await view.listSnapshots(group)).to.deep.equal([
      { timeSec: 1_719_000_000, isFinished: true },
    ]);
    const opened = await view.openSnapshot({ ...group, timeSec: 1_719_000_000 });
    expect(opened.files.map(({ name }) => name)).to.deep.equal([archive, config]);
    expect((await opened.readIndex(archive)).length).to.equal(4096 + 2 * 40);
    const plain = await opened.chunks.readChunk(chunkDigest(provider, chunk(1)));
    expect(plain.length).to.equal(100_001);
    await opened.close();
  });

  describe("over a line that breaks", () => {
    let proxy: BreakableProxy;
    let throughProxy: BackupServer;

    beforeEach(async () => {
      proxy = await startBreakableProxy(server.port);
      throughProxy = await clientOf(server, folder.path, proxy.port);
    });

    afterEach(async () => {
      throughProxy[Symbol.dispose]();
      await proxy.close();
    });

    it("goes on reading when the line is back", async () => {
      await uploadSnapshot(client, snapshotAt("2024-06-21T20:00:00Z"), 10);
      using snapshot = await openSnapshot("2024-06-21T20:00:00Z", throughProxy);
      await snapshot.readIndex(archive);
      const digests = Array.from({ length: 10 }, (_, i) => chunkDigest(provider, chunk(i)));

      proxy.break();
      const reads = digests.map((digest) => snapshot.blobs.readBlob(digest));
      await rejection(client.call("GET", "nothing")); // Meanwhile the server answers others.
      proxy.mend();
      const blobs = await Promise.all(reads);

      expect(blobs.every((blob) => blob.length > 0)).to.equal(true);
    });

    it("fails reads when the line stays away, and reads again later", async () => {
      await uploadSnapshot(client, snapshotAt("2024-06-21T20:00:00Z"), 1);
      using snapshot = await openSnapshot("2024-06-21T20:00:00Z", throughProxy, {
        ...reconnect,
        totalMs: 100,
      });
      await snapshot.readIndex(archive);
      const digest = chunkDigest(provider, chunk(0));
      proxy.break();

      const error = await rejection(snapshot.blobs.readBlob(digest));
      proxy.mend();

      expect(error).to.have.property("code", "CHUNK_UNREADABLE");
      expect((await snapshot.blobs.readBlob(digest)).length).to.be.greaterThan(0);
    });

    it("fails an upload with SESSION_LOST and leaves nothing behind", async () => {
      const snapshot = snapshotAt("2024-06-21T20:00:00Z");
      const session = await BackupSession.open({ server: throughProxy, snapshot });
      const upload = await session.openDynamicArchive(archive);
      const plain = chunk(1);
      const digest = chunkDigest(provider, plain);
      proxy.break();

      const blob = encodeBlob(provider, plain, { compress: true });
      await upload.add({ digest, size: plain.length, blob });
      const error = await rejection(upload.close());

      expect(error).to.have.property("code", "SESSION_LOST");
      const path = join(server.storePath, snapshotIdText(snapshot));
      while (existsSync(path)) await new Promise((resolve) => setImmediate(resolve));
    });
  });
});
