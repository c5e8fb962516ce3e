import { mkdtempSync, rmSync } from "node:fs";
import { type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import { tokenAuthentication } from "../../../src/client/session/authentication.ts";
import { BackupServer } from "../../../src/client/session/backup-server.ts";
import { fingerprintsFile } from "../../../src/client/session/known-fingerprints.ts";
import {
  type PromisedFile,
  ReaderSession,
  type ReconnectPolicy,
} from "../../../src/client/session/reader-session.ts";
import { RemoteBlobSource } from "../../../src/client/session/remote-blob-source.ts";
import { parseRepository } from "../../../src/client/session/repository.ts";
import { RestClient } from "../../../src/client/session/rest-client.ts";
import { parseDigest } from "../../../src/format/chunk/digest.ts";
import { parseFingerprint } from "../../../src/format/crypto/fingerprint.ts";
import { createNativeProvider } from "../../../src/format/crypto/native-provider.ts";
import { DynamicIndexBuilder } from "../../../src/format/index/dynamic-index.ts";
import { parseArchiveName } from "../../../src/format/snapshot/archive-name.ts";
import { rootNamespace } from "../../../src/format/snapshot/namespace.ts";
import { parseSnapshotId } from "../../../src/format/snapshot/snapshot-id.ts";
import {
  type FakeBackupServer,
  http1Answer,
  reply,
  startFakeServer,
} from "../../support/fake-backup-server.ts";
import { rejection } from "../../support/rejection.ts";

const digest = parseDigest("6d1cf22d7cc09b085dfc25ee1a1f3ae0265804c607bc2074ad253bcc82fd81ee");
const patient: ReconnectPolicy = { totalMs: 5_000, delayMs: 10, delayMsMax: 50 };
const impatient: ReconnectPolicy = { totalMs: 60, delayMs: 10, delayMsMax: 20 };

/** An index of one chunk of 100000 bytes, with what a manifest says about it. */
function makeIndex(): { file: Uint8Array; promised: PromisedFile } {
  const builder = new DynamicIndexBuilder(createNativeProvider());
  builder.append(100_000, digest);
  const file = builder.build({ uuid: new Uint8Array(16), createdAtSec: 0n });
  const filename = parseArchiveName("root.pxar.didx");
  return { file, promised: { filename, size: 100_000, csum: builder.csum() } };
}

describe("client/session/reader-session", () => {
  const index = makeIndex();
  let folder: string;
  let fake: FakeBackupServer;
  let server: BackupServer;
  let asked: string[];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "amber-reader-"));
    asked = [];
    fake = await startFakeServer({ onStream: answer });
    const trust = {
      expected: parseFingerprint(fake.fingerprint),
      known: fingerprintsFile(join(folder, "fingerprints")),
    };
    server = new BackupServer({
      repository: parseRepository(`bob@pbs!ci@127.0.0.1:${fake.port}:tank`),
      endpoint: { host: "127.0.0.1", port: fake.port },
      trust,
      rest: new RestClient({ host: "127.0.0.1", port: fake.port }, trust),
      authentication: tokenAuthentication("bob@pbs!ci", "secret"),
    });
  });

  afterEach(async () => {
    server[Symbol.dispose]();
    await fake.close();
    rmSync(folder, { recursive: true });
  });

  function answer(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const path = String(headers[":path"]);
    asked.push(path);
    if (path.startsWith("/download")) reply(stream, index.file);
    else reply(stream, "blob");
  }

  async function open(
    reconnect: ReconnectPolicy,
    onConnectionChange?: (isConnected: boolean) => void,
    requestTimeoutMs = 2_000,
  ): Promise<ReaderSession> {
    return await ReaderSession.open({
      server,
      snapshot: {
        ...parseSnapshotId("host/web/2024-06-21T20:00:00Z"),
        namespace: rootNamespace,
      },
      reconnect,
      requestTimeoutMs,
      ...(onConnectionChange ? { onConnectionChange } : {}),
    });
  }

  it("asks for the snapshot with the token in the upgrade", async () => {
    const session = await open(impatient);

    const [head = ""] = fake.heads;

    expect(head).to.match(
      /^GET \/api2\/json\/reader\?backup-type=host&backup-id=web&backup-time=1719000000&debug=true&store=tank HTTP\/1.1\r\n/,
    );
    expect(head).to.include("\r\nUpgrade: proxmox-backup-reader-protocol-v1\r\n");
    expect(head).to.include("\r\nAuthorization: PBSAPIToken bob@pbs!ci:secret");
    session[Symbol.dispose]();
  });

  it("downloads an index and compares it with the manifest", async () => {
    const session = await open(impatient);

    const downloaded = await session.downloadIndex(index.promised);

    expect(downloaded.count).to.equal(1);
    session[Symbol.dispose]();
  });

  it("refuses an index whose checksum is not the manifest's", async () => {
    const session = await open(impatient);

    const error = await rejection(
      session.downloadIndex({ ...index.promised, csum: "0".repeat(64) }),
    );

    expect(error).to.have.property("code", "FORMAT_NOT_AS_LISTED");
    session[Symbol.dispose]();
  });

  it("refuses a blob of another size", async () => {
    const session = await open(impatient);
    const filename = parseArchiveName("a.conf.blob");

    const error = await rejection(
      session.downloadBlob({ filename, size: 1, csum: "0".repeat(64) }),
    );

    expect(error).to.have.property("code", "FORMAT_NOT_AS_LISTED");
    session[Symbol.dispose]();
  });

  it("connects again after a loss and downloads the indexes again first", async () => {
    const changes: boolean[] = [];
    const session = await open(patient, (isConnected) => changes.push(isConnected));
    await session.downloadIndex(index.promised);
    fake.dropConnections();

    const source = new RemoteBlobSource(session);
    const blobs = await Promise.all([source.readBlob(digest), source.readBlob(digest)]);

    expect(blobs.map((blob) => Buffer.from(blob).toString())).to.deep.equal(["blob", "blob"]);
    expect(asked.slice(0, 2)).to.deep.equal([
      "/download?file-name=root.pxar.didx",
      "/download?file-name=root.pxar.didx",
    ]);
    expect(changes).to.deep.equal([false, true]);
    session[Symbol.dispose]();
  });

  it("ends at once when it is closed while an index is downloaded again", async () => {
    const session = await open(patient, undefined, 600_000);
    await session.downloadIndex(index.promised);
    const isAskedAgain = new Promise<void>((resolve) => {
      fake.behaviour.onStream = () => {
        resolve();
      };
    });
    fake.dropConnections();
    const reading = rejection(new RemoteBlobSource(session).readBlob(digest));
    await isAskedAgain;

    session[Symbol.dispose]();

    expect(await reading).to.have.nested.property("cause.message", "The session was closed");
  });

  it("repeats a request whose connection broke before the answer", async () => {
    const session = await open(patient);
    let isFirst = true;
    fake.behaviour.onStream = (stream) => {
      if (isFirst) fake.dropConnections();
      else reply(stream, "blob");
      isFirst = false;
    };

    const blob = await new RemoteBlobSource(session).readBlob(digest);

    expect(Buffer.from(blob).toString()).to.equal("blob");
    session[Symbol.dispose]();
  });

  it("takes the memory for a blob once, and uses it again after a loss", async () => {
    const session = await open(patient);
    const memory = new Uint8Array(4);
    let offers = 0;
    let losses = 0;
    fake.behaviour.onStream = (stream) => {
      if (losses === 2) {
        reply(stream, "blob");
        return;
      }
      losses++;
      stream.respond({ ":status": 200, "content-length": 4 });
      stream.write("lo", () => {
        fake.dropConnections();
      });
    };
    const allocate = (): Uint8Array => {
      offers++;
      return memory;
    };

    const blob = await new RemoteBlobSource(session).readBlob(digest, { allocate });

    expect(Buffer.from(blob).toString()).to.equal("blob");
    expect(blob.buffer).to.equal(memory.buffer);
    expect(offers).to.equal(1);
    session[Symbol.dispose]();
  });

  it("gives up a request that breaks the connection each time, after a few times", async () => {
    const session = await open({ totalMs: 600_000, delayMs: 1, delayMsMax: 4 });
    const source = new RemoteBlobSource(session);
    let breaks = 0;
    fake.behaviour.onStream = (stream, headers) => {
      if (String(headers[":path"]).startsWith("/chunk")) {
        breaks++;
        fake.dropConnections();
      } else answer(stream, headers);
    };

    const error = await rejection(source.readBlob(digest));
    const file = await session.download(index.promised.filename);

    expect(error).to.have.property("code", "CHUNK_UNREADABLE");
    expect(breaks).to.equal(10);
    expect(file).to.have.length(index.file.length);
    session[Symbol.dispose]();
  });

  it("ends the pause before the next attempt with the signal of the request", async () => {
    const session = await open({ totalMs: 600_000, delayMs: 600_000, delayMsMax: 600_000 });
    const stop = new AbortController();
    let breaks = 0;
    fake.behaviour.onStream = () => {
      fake.dropConnections();
      if (++breaks === 2)
        setTimeout(() => {
          stop.abort(new Error("enough"));
        }, 50);
    };

    const error = await rejection(
      new RemoteBlobSource(session).readBlob(digest, { signal: stop.signal }),
    );

    expect(error).to.equal(stop.signal.reason);
    session[Symbol.dispose]();
  });

  it("fails reads with CHUNK_UNREADABLE when the server stays away for the policy's time", async () => {
    const session = await open(impatient);
    await fake.close();

    const error = await rejection(new RemoteBlobSource(session).readBlob(digest));

    expect(error).to.have.property("code", "CHUNK_UNREADABLE");
    session[Symbol.dispose]();
    fake = await startFakeServer();
  });

  it("serves again when the server returns after the policy's time", async () => {
    const session = await open(impatient);
    const source = new RemoteBlobSource(session);
    let isDown = true;
    fake.behaviour.onHead = (_head, _body, socket) => {
      if (!isDown) return "upgrade";
      socket.destroy();
      return "answered";
    };
    fake.dropConnections();
    await rejection(source.readBlob(digest));
    isDown = false;

    const blob = await source.readBlob(digest);

    expect(Buffer.from(blob).toString()).to.equal("blob");
    session[Symbol.dispose]();
  });

  it("makes its last attempt when the time is over, not a pause before", async () => {
    const session = await open({ totalMs: 1_500, delayMs: 1_000, delayMsMax: 5_000 });
    let attempts = 0;
    fake.behaviour.onHead = (_head, _body, socket) => {
      // There again for the third attempt, which a pause of two seconds would put behind the end of the time.
      if (++attempts > 2) return "upgrade";
      socket.destroy();
      return "answered";
    };
    fake.dropConnections();

    const blob = await new RemoteBlobSource(session).readBlob(digest);

    expect(Buffer.from(blob).toString()).to.equal("blob");
    session[Symbol.dispose]();
  });

  it("has all its time again after a server that came back only to refuse", async () => {
    const session = await open({ totalMs: 200, delayMs: 10, delayMsMax: 20 });
    const source = new RemoteBlobSource(session);
    fake.behaviour.onStream = (stream) => {
      reply(stream, "no such chunk", 400);
    };
    fake.dropConnections();
    await rejection(source.readBlob(digest));
    const endMs = performance.now() + 250;
    while (performance.now() < endMs) await rejection(source.readBlob(digest));
    let isFirst = true;
    fake.behaviour.onHead = (_head, _body, socket) => {
      if (!isFirst) return "upgrade";
      isFirst = false;
      socket.destroy();
      return "answered";
    };
    fake.behaviour.onStream = answer;
    fake.dropConnections();

    const blob = await source.readBlob(digest);

    expect(Buffer.from(blob).toString()).to.equal("blob");
    session[Symbol.dispose]();
  });

  it("does not try again after a refusal", async () => {
    const session = await open(patient);
    fake.behaviour.onHead = (_head, _body, socket) => {
      socket.write(http1Answer(400, "snapshot does not exist."));
      return "answered";
    };
    fake.dropConnections();

    const error = await rejection(new RemoteBlobSource(session).readBlob(digest));

    expect(error).to.have.property("code", "CHUNK_UNREADABLE");
    expect(error).to.have.nested.property("cause.message", "snapshot does not exist.");
    expect(fake.heads).to.have.length(2);
    session[Symbol.dispose]();
  });

  for (const [status, code] of [
    [404, "CHUNK_MISSING"],
    [400, "CHUNK_UNREADABLE"],
    [401, "CHUNK_UNREADABLE"],
  ] as const) {
    it(`reports status ${status} as ${code}`, async () => {
      const session = await open(impatient);
      fake.behaviour.onStream = (stream) => {
        reply(stream, "no", status);
      };

      const error = await rejection(new RemoteBlobSource(session).readBlob(digest));

      expect(error).to.have.property("code", code);
      session[Symbol.dispose]();
    });
  }

  it("ends one read with its signal and leaves the others alone", async () => {
    const session = await open(impatient);
    const source = new RemoteBlobSource(session);
    const stop = new AbortController();
    const held: ServerHttp2Stream[] = [];
    fake.behaviour.onStream = (stream) => {
      held.push(stream);
      if (held.length < 2) return;
      stop.abort(new Error("enough"));
      setImmediate(() => {
        for (const each of held) reply(each, "blob");
      });
    };

    const given = rejection(source.readBlob(digest, { signal: stop.signal }));
    const other = source.readBlob(digest);

    expect(await given).to.equal(stop.signal.reason);
    expect(Buffer.from(await other).toString()).to.equal("blob");
    session[Symbol.dispose]();
  });
});
