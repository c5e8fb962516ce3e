import { cpSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { hostname } from "node:os";

import { expect } from "chai";

import { amberProgram, runAmber, startServerProcess } from "../support/amber-program.ts";
import { startRecordedServer } from "../support/recorded-server.ts";
import { fixtures } from "../support/fixtures.ts";
import { recordedOutput } from "../support/recording.ts";
import { runAgainst } from "../support/run-against.ts";
import { tempDir } from "../support/temp-dir.ts";
import { skipBecause } from "../support/skip-because.ts";

const TINY = "tiny.pxar:HOME/src/tiny";
const CONF = "conf.conf:HOME/src/qemu-server.conf";
const DISK = "disk.img:HOME/src/disk.img";

interface Backup {
  readonly name: string;
  readonly sources: readonly string[];
  readonly id: string;
  readonly time: number;
  readonly options?: readonly string[];
  readonly account?: string;
  readonly secret?: string;
}

/** The recorded backups, with the arguments they were made with. */
const backups: readonly Backup[] = [
  { name: "backup1", sources: [TINY, CONF], id: "trace", time: 1717597476 },
  { name: "backup2-incremental", sources: [TINY, CONF], id: "trace", time: 1717597576 },
  { name: "backup4-duplicate", sources: [TINY], id: "trace", time: 1717597476 },
  { name: "backup5-older", sources: [TINY], id: "trace", time: 1717597000 },
  {
    name: "backup6-ns",
    sources: [CONF],
    id: "trace",
    time: 1717597476,
    options: ["--ns", "team"],
  },
  {
    name: "backup7-badns",
    sources: [CONF],
    id: "trace",
    time: 1717597476,
    options: ["--ns", "nope"],
  },
  { name: "backup9-wrong-owner", sources: [CONF], id: "trace", time: 1717600000 },
  {
    name: "backup10-token",
    sources: [CONF],
    id: "trace-tok",
    time: 1717597476,
    account: "test@pbs!tok1",
    secret: "b91841c2-88b6-4d21-92db-618fcf83fa6e",
  },
  { name: "v4-backup-legacy", sources: [TINY, CONF], id: "v4legacy", time: 1717597476 },
  { name: "v4-backup-default", sources: [TINY], id: "v4default", time: 1717597476 },
  {
    name: "v4-backup-data",
    sources: [TINY, CONF],
    id: "v4data",
    time: 1717597476,
    options: ["--change-detection-mode", "data"],
  },
  {
    name: "v4-backup-metadata1",
    sources: [TINY],
    id: "v4meta",
    time: 1717597476,
    options: ["--change-detection-mode=metadata"],
  },
  {
    name: "v4-backup-metadata2",
    sources: [TINY],
    id: "v4meta",
    time: 1717597576,
    options: ["--change-detection-mode", "metadata"],
  },
  {
    name: "backup3-encrypted-img",
    sources: [DISK, CONF],
    id: "trace-enc",
    time: 1717597476,
    options: ["--keyfile", "FIXTURES/crypt/known-key-none.json"],
  },
  {
    // In fact encrypted: the recorder left `--crypt-mode` out.
    name: "backup8-signonly-master",
    sources: [TINY],
    id: "777",
    time: 1717597476,
    options: [
      ...["--backup-type", "ct", "--keyfile", "FIXTURES/crypt/known-key-none.json"],
      ...["--master-pubkey-file", "FIXTURES/keys/master-public.pem"],
    ],
  },
  {
    name: "v4-backup-metadata-enc",
    sources: ["mixed.pxar:HOME/src/mixed"],
    id: "v4metaenc",
    time: 1717597476,
    options: [
      ...["--change-detection-mode", "metadata", "--exclude", "EXCLUDED"],
      ...["--keyfile", "FIXTURES/crypt/known-key-none.json"],
    ],
  },
  { name: "v4-backup-img", sources: [DISK], id: "v4img", time: 1717597476 },
];

describe("interop/client-backups", function () {
  this.timeout(60_000);
  let folder: Awaited<ReturnType<typeof tempDir>> | undefined;
  let home: string;
  let program: string;
  /** Pattern that the recorded archive was made with, as its prelude says. */
  let excluded: string;

  before(async function () {
    // What the recorded archives hold belongs to root, and so it has to here.
    if (process.getuid?.() !== 0) skipBecause(this, "needs root");
    folder = await tempDir();
    home = folder.path;
    program = join(home, "proxmox-backup-client");
    symlinkSync(amberProgram, program);
    mkdirSync(join(home, "src"));
    const store = join(home, "store");
    cpSync(join(fixtures, "datastore-real/store"), store, { recursive: true });
    const server = await startServerProcess(home, store);
    const sources = [
      ["host/trace/2024-06-05T14:24:36Z", "tiny.pxar", "tiny"],
      ["host/trace/2024-06-05T14:24:36Z", "conf.conf", "qemu-server.conf"],
      ["host/v4img", "disk.img", "disk.img"],
      ["host/v4metaenc", "mixed.pxar", "mixed"],
    ] as const;
    const key = ["--keyfile", join(fixtures, "crypt/known-key-none.json")];
    const prelude = ["--prelude-target", join(home, "prelude.json")];
    for (const [snapshot, archive, target] of sources) {
      const more = target === "mixed" ? [...key, ...prelude] : [];
      const args = ["restore", snapshot, archive, join(home, "src", target), ...more];
      const run = runAmber(args, server.env);
      expect(run.status, run.stderr).to.equal(0);
    }
    const recorded = JSON.parse(readFileSync(join(home, "prelude.json"), "utf8")) as object;
    excluded = String(Object.values(recorded)[0]).trim();
    await server.stop();
  });

  after(async () => {
    await folder?.[Symbol.asyncDispose]();
  });

  for (const { name, sources, id, time, options = [], account, secret = "secret12" } of backups) {
    it(`makes the requests of ${name}, with the same digests, and says the same`, async () => {
      const uploads = name === "v4-backup-metadata2" ? "any" : "recorded";
      const server = await startRecordedServer(name, { uploads });
      const args = ["backup", ...sources, "--backup-id", id, "--backup-time", String(time)];

      const run = await runAgainst(
        server,
        { path: program, home, ...(account === undefined ? {} : { account }) },
        [...args, ...options.map((option) => option.replace("EXCLUDED", excluded))],
        secret,
      );

      await server.close();
      const recorded = recordedOutput(name);
      expect(server.violations, run.output).to.deep.equal([]);
      expect(server.missing(), run.output).to.deep.equal([]);
      expect(run.status).to.equal(recorded.includes("Error:") ? 255 : 0);
      // The client of the later recordings has other words.
      if (!name.startsWith("v4")) {
        const output = run.output
          .replaceAll(home, "")
          .replaceAll(fixtures, "/golden")
          .replace(hostname(), "pbs-golden");
        expect(comparable(output)).to.equal(comparable(recorded));
      }
    });
  }
});

/** Leaves out times, speeds, the server's port and how well data was compressed. */
function comparable(output: string): string {
  return output
    .replace(/^Warning: others than its owner may use the key file .*\n/, "")
    .replace(/localhost:\d+/g, "localhost")
    .replace(/(protocol|End Time): .*/g, "$1")
    .replace(/(Duration: |in )[\d.]+s/g, "$1")
    .replace(/speed: .*/g, "speed")
    .replace(/compressed [^)]*/g, "compressed");
}
