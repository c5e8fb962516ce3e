import { createHash } from "node:crypto";
import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { hashPassword } from "../../src/server/auth/password-hash.ts";
import { replayRecording } from "../support/replay-recording.ts";
import { tempDir } from "../support/temp-dir.ts";
import { startTestServer, type TestServer } from "../support/test-server.ts";

const fixtures = fileURLToPath(new URL("../../fixtures/", import.meta.url));

/** All recordings, in the order in which they were made: later ones build on earlier ones. */
const recordings = [
  "backup1",
  "backup2-incremental",
  "backup3-encrypted-img",
  "restore-pxar",
  "restore-img-encrypted",
  "restore-blob",
  "restore-manifest",
  "catalog-dump",
  "list",
  "snapshot-list",
  "snapshot-files",
  "notes-update",
  "notes-show",
  "protect",
  "forget-protected",
  "unprotect",
  "upload-log",
  "prune-dry",
  "backup4-duplicate",
  "backup5-older",
  "backup6-ns",
  "backup7-badns",
  "backup8-signonly-master",
  "ns-create",
  "ns-list",
  "ns-delete",
  "change-owner",
  "backup9-wrong-owner",
  "change-owner-back",
  "status",
  "task-list",
  "garbage-collect",
  "version",
  "forget",
  "backup10-token",
  "login-wrong-password",
  "benchmark",
  "v4-backup-legacy",
  "v4-backup-default",
  "v4-backup-data",
  "v4-backup-metadata1",
  "v4-backup-metadata2",
  "v4-backup-metadata-enc",
  "v4-backup-img",
  "v4-restore-split",
  "v4-restore-split-name",
  "v4-catalog-dump",
  "v4-snapshot-list",
  "v4-status",
  "file-restore-list",
  "file-restore-list2",
  "file-restore-extract",
  "server-pull",
  "server-pull-again",
];

/** What the recordings made; it is removed from the copy so that they can make it again. */
const made = [
  ...[
    "trace",
    "trace-enc",
    "trace-tok",
    "v4legacy",
    "v4default",
    "v4data",
    "v4meta",
    "v4metaenc",
    "v4img",
  ].map((id) => `host/${id}`),
  "ct/777",
  "ns/team/host",
];

describe("interop/recorded-sessions", function () {
  this.timeout(60_000);
  let folder: Awaited<ReturnType<typeof tempDir>>;
  let server: TestServer;

  before(async () => {
    folder = await tempDir();
    const storePath = join(folder.path, "store1");
    await cp(join(fixtures, "datastore-real/store"), storePath, { recursive: true });
    for (const path of made) await rm(join(storePath, path), { recursive: true, force: true });
    const configPath = join(folder.path, "config");
    await mkdir(configPath);
    const secret = createHash("sha256").update("b91841c2-88b6-4d21-92db-618fcf83fa6e");
    const files = {
      "user.cfg": "user: test@pbs\n\ntoken: test@pbs!tok1\n",
      "acl.cfg": "acl:1:/:test@pbs,test@pbs!tok1:Admin\n",
      "shadow.json": JSON.stringify({ test: await hashPassword("secret12") }),
      "token.shadow": JSON.stringify({ "test@pbs!tok1": `$amber-sha256$${secret.digest("hex")}` }),
    };
    for (const [name, text] of Object.entries(files)) await writeFile(join(configPath, name), text);
    server = await startTestServer({ storePath, configPath });
  });

  after(async () => {
    await server[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  for (const name of recordings) {
    it(`gives the official client of ${name} the answers that the genuine server gave`, async () => {
      await replayRecording(name, {
        port: server.port,
        changes: (path) => made.some((one) => path.startsWith(one)),
      });
    });
  }
});
