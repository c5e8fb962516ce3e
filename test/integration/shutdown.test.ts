import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { type BackupServer } from "../../src/client/session/backup-server.ts";
import { BackupSession } from "../../src/client/session/backup-session.ts";
import { encodeBlob } from "../../src/format/chunk/data-blob.ts";
import { createNativeProvider } from "../../src/format/crypto/native-provider.ts";
import { encodeManifest } from "../../src/format/manifest/manifest.ts";
import { MANIFEST_NAME, parseArchiveName } from "../../src/format/snapshot/archive-name.ts";
import { rootNamespace } from "../../src/format/snapshot/namespace.ts";
import { parseSnapshotId } from "../../src/format/snapshot/snapshot-id.ts";
import { RemoteSnapshot } from "../../src/client/session/remote-snapshot.ts";
import { clientOf } from "../support/client-of-server.ts";
import { rejection } from "../support/rejection.ts";
import { tempDir } from "../support/temp-dir.ts";
import { startTestServer, type TestServer } from "../support/test-server.ts";

const provider = createNativeProvider();
const config = parseArchiveName("etc.conf.blob");
const snapshot = { ...parseSnapshotId("host/web/2024-06-21T20:00:00Z"), namespace: rootNamespace };
const LONG_MS = 600_000;

describe("integration/shutdown", () => {
  let folder: Awaited<ReturnType<typeof tempDir>>;
  let server: TestServer;
  let client: BackupServer;

  beforeEach(async () => {
    folder = await tempDir();
  });

  afterEach(async () => {
    client[Symbol.dispose]();
    await server[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  async function start(sessionGraceMs: number): Promise<void> {
    const places = {
      storePath: join(folder.path, "store"),
      configPath: join(folder.path, "config"),
      taskPath: join(folder.path, "tasks"),
      statePath: join(folder.path, "state"),
    };
    server = await startTestServer({ sessionGraceMs, ...places });
    client = await clientOf(server, folder.path);
  }

  async function putBlob(session: BackupSession): Promise<Uint8Array> {
    const blob = encodeBlob(provider, new TextEncoder().encode("a = 1\n"), { compress: true });
    await session.uploadBlob(config, blob);
    const csum = Buffer.from(provider.sha256(blob)).toString("hex");
    const files = [{ filename: config, cryptMode: "none", size: blob.length, csum } as const];
    return encodeManifest(provider, { snapshot, files, unprotected: {} });
  }

  /** Lines of the archive of tasks: UPID, end, status. */
  function archivedTasks(): readonly string[] {
    return readFileSync(join(folder.path, "tasks/archive"), "utf8").trimEnd().split("\n");
  }

  it("lets a running backup end, and takes no other meanwhile", async () => {
    await start(LONG_MS);
    using session = await BackupSession.open({ server: client, snapshot });
    const manifest = await putBlob(session);

    const closed = server.close();
    const other = { ...snapshot, id: parseSnapshotId("host/other/2024-06-21T20:00:00Z").id };
    const refusal = await rejection(BackupSession.open({ server: client, snapshot: other }));
    await session.uploadBlob(MANIFEST_NAME, manifest);
    await session.finish();
    session[Symbol.dispose]();
    await closed;

    expect(refusal).to.be.instanceOf(Error);
    expect(readdirSync(join(folder.path, "store/host"))).to.deep.equal(["web"]);
    expect(readdirSync(join(folder.path, "store/host/web/2024-06-21T20:00:00Z"))).to.include(
      "index.json.blob",
    );
    expect(archivedTasks().join("\n")).to.match(/:backup:.* OK$/m);
  });

  it("cuts a backup that goes on for longer than it is given, leaves nothing of it and says why", async () => {
    await start(1);
    using session = await BackupSession.open({ server: client, snapshot });
    await putBlob(session);

    await server.close();

    expect(readdirSync(join(folder.path, "store/host/web"))).to.deep.equal(["owner"]);
    expect(archivedTasks().join("\n")).to.match(/:backup:.* the server was stopped$/m);

    // What is noted about it survives, and the group takes the next backup.
    client[Symbol.dispose]();
    await server[Symbol.asyncDispose]();
    await start(0);
    const tasks = (await client.call("GET", "nodes/localhost/tasks", {})) as readonly {
      worker_type: string;
      status?: string;
    }[];
    expect(tasks.find(({ worker_type }) => worker_type === "backup")?.status).to.equal(
      "the server was stopped",
    );
    using again = await BackupSession.open({ server: client, snapshot });
    await again.uploadBlob(MANIFEST_NAME, await putBlob(again));
    await again.finish();
  });

  it("cuts a reader, too", async () => {
    await start(1);
    {
      using session = await BackupSession.open({ server: client, snapshot });
      await session.uploadBlob(MANIFEST_NAME, await putBlob(session));
      await session.finish();
    }
    const reader = await RemoteSnapshot.open({
      server: client,
      snapshot,
      provider,
      reconnect: { totalMs: 1, delayMs: 1, delayMsMax: 1 },
      requestTimeoutMs: 5_000,
    });

    await server.close();
    reader[Symbol.dispose]();

    expect(archivedTasks().join("\n")).to.match(/:reader:.* the server was stopped$/m);
  });
});
