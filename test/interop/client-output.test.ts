import { symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { amberProgram } from "../support/amber-program.ts";
import { startRecordedServer } from "../support/recorded-server.ts";
import { fixtures } from "../support/fixtures.ts";
import { recordedOutput } from "../support/recording.ts";
import { runAgainst } from "../support/run-against.ts";
import { tempDir } from "../support/temp-dir.ts";

const TRACE = "host/trace/2024-06-05T14:24:36Z";

type Run = readonly [name: string, args: readonly string[], status?: number];

/** Each recorded run of the official client with the arguments that ask the same of ours. */
const runs: readonly Run[] = [
  ["list", ["list"]],
  ["snapshot-list", ["snapshot", "list", "host/trace"]],
  ["v4-snapshot-list", ["snapshot", "list"]],
  ["snapshot-files", ["snapshot", "files", TRACE]],
  ["status", ["status"]],
  ["v4-status", ["status"]],
  ["notes-show", ["snapshot", "notes", "show", TRACE]],
  ["notes-update", ["snapshot", "notes", "update", TRACE, "a note"]],
  ["protect", ["snapshot", "protected", "update", TRACE, "true"]],
  ["unprotect", ["snapshot", "protected", "update", TRACE, "false"]],
  ["forget-protected", ["snapshot", "forget", TRACE], 1],
  ["forget", ["snapshot", "forget", "host/trace/2024-06-05T14:26:16Z"]],
  ["ns-create", ["namespace", "create", "trns"]],
  ["ns-list", ["namespace", "list"]],
  ["ns-delete", ["namespace", "delete", "trns"]],
  ["change-owner", ["change-owner", "host/trace", "test@pbs!tok1"]],
  ["change-owner-back", ["change-owner", "host/trace", "test@pbs"]],
  ["prune-dry", ["prune", "host/trace", "--keep-last", "1", "--dry-run"]],
  ["task-list", ["task", "list", "--limit", "3", "--all"]],
  ["garbage-collect", ["garbage-collect"]],
  ["login-wrong-password", ["login"], 1],
  ["catalog-dump", ["catalog", "dump", TRACE]],
  ["v4-catalog-dump", ["catalog", "dump", "host/v4meta/2024-06-05T14:26:16Z"]],
];

/** The same runs under the official name: other ways to write the arguments, and what only that name does. */
const officialRuns: readonly Run[] = [
  ["list", ["li"]],
  ["snapshot-list", ["snapshots", "host/trace", "--repository=REPOSITORY"]],
  ["snapshot-files", ["--output-format", "text", "files", TRACE]],
  ["status", ["status"]],
  ["notes-show", ["snap", "not", "show", TRACE]],
  ["protect", ["snapshot", "protected", "update", TRACE, "true"]],
  ["forget-protected", ["forget", TRACE], 255],
  ["ns-list", ["namespace", "list"]],
  ["prune-dry", ["prune", "--keep-last", "1", "host/trace", "--dry-run", "true"]],
  ["task-list", ["task", "list", "--all=1", "--limit=3"]],
  ["garbage-collect", ["garbage-collect"]],
  ["login-wrong-password", ["login"], 255],
  ["catalog-dump", ["catalog", "dump", TRACE]],
  ["restore-pxar", ["restore", TRACE, "tiny.pxar", "HOME/out"]],
  ["restore-blob", ["restore", TRACE, "conf.conf", "HOME/out.conf"]],
  ["restore-manifest", ["restore", TRACE, "index.json", "-"]],
  [
    "restore-img-encrypted",
    [
      ...["restore", "host/trace-enc/2024-06-05T14:24:36Z", "disk.img", "HOME/disk.img"],
      ...["--keyfile", "FIXTURES/crypt/known-key-none.json"],
    ],
  ],
  ["upload-log", ["upload-log", TRACE, "HOME/client.log"]],
  ["version", ["version", "--output-format", "json"]],
  ["v4-restore-split", ["restore", "host/v4meta/2024-06-05T14:26:16Z", "tiny.mpxar", "HOME/out"]],
  ["v4-restore-split-name", ["restore", "host/v4meta/2024-06-05T14:26:16Z", "tiny.pxar", "HOME/o"]],
];

describe("interop/client-output", function () {
  this.timeout(60_000);

  const all = [
    ...runs.map((run) => ({ program: "amber", run })),
    ...officialRuns.map((run) => ({ program: "proxmox-backup-client", run })),
  ];
  for (const { program, run: wanted } of all) {
    const [name, args, status = 0] = wanted;
    it(`as ${program}, asks the server of ${name} what its own client asks, and prints the same`, async () => {
      const server = await startRecordedServer(name);
      await using folder = await tempDir();
      const link = join(folder.path, program);
      await symlink(amberProgram, link);
      await writeFile(join(folder.path, "client.log"), "client log text\n");

      const secret = name === "login-wrong-password" ? "wrong" : "secret12";
      const run = await runAgainst(server, { path: link, home: folder.path }, args, secret);

      await server.close();
      expect(server.violations).to.deep.equal([]);
      expect(server.missing()).to.deep.equal([]);
      const recorded = comparable(recordedOutput(name));
      // The recorder kept 6000 bytes of one long listing.
      // The store was kept after the snapshot had got its notes.
      const output = comparable(run.output.replace(/,\n +"notes": "a note"/, ""));
      const compared = recorded.length === 6000 ? output.slice(0, 6000) : output;
      expect(compared).to.equal(recorded);
      expect(run.status).to.equal(status);
    });
  }
});

/** Leaves out how long a restore took and where the key was. */
function comparable(output: string): string {
  return (
    output
      .replaceAll(fixtures, "/golden")
      .replace(/^Warning: others than its owner may use the key file .*\n/, "")
      .replace(/duration=.*/, "duration")
      // The recorded client and server were of one build, which this one is not.
      .replace(/("client":.*?"repoid":)"[^"]*"/, "$1")
  );
}
