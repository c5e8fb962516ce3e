import { spawn } from "node:child_process";

import { expect } from "chai";

import { amberProgram } from "../support/amber-program.ts";
import { recordedOutput, startRecordedServer } from "../support/recorded-server.ts";
import { tempDir } from "../support/temp-dir.ts";

const TRACE = "host/trace/2024-06-05T14:24:36Z";

/** Each recorded run of the official client with the arguments that ask the same of ours. */
const runs: readonly (readonly [name: string, args: readonly string[], status?: number])[] = [
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

describe("interop/client-output", function () {
  this.timeout(60_000);

  for (const [name, args, status = 0] of runs) {
    it(`asks the genuine server of ${name} what its own client asks, and prints the same`, async () => {
      const server = await startRecordedServer(name);
      await using folder = await tempDir();

      const run = await runAgainst(server, folder.path, args, name);

      await server.close();
      expect(server.violations).to.deep.equal([]);
      expect(server.missing()).to.deep.equal([]);
      const recorded = recordedOutput(name);
      // The recorder kept 6000 bytes of one long listing.
      const compared = recorded.length === 6000 ? run.output.slice(0, 6000) : run.output;
      expect(compared).to.equal(recorded);
      expect(run.status).to.equal(status);
    });
  }
});

/** Runs the program in the C locale, as the recordings were made, and gathers both outputs. */
async function runAgainst(
  server: { readonly port: number; readonly fingerprint: string },
  home: string,
  args: readonly string[],
  name: string,
): Promise<{ readonly output: string; readonly status: number | null }> {
  const child = spawn(process.execPath, [amberProgram, ...args], {
    env: {
      PATH: process.env["PATH"],
      HOME: home,
      XDG_RUNTIME_DIR: home,
      TZ: "UTC",
      LC_ALL: "C",
      PBS_REPOSITORY: `test@pbs@localhost:${server.port}:store1`,
      PBS_PASSWORD: name === "login-wrong-password" ? "wrong" : "secret12",
      PBS_FINGERPRINT: server.fingerprint,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (piece: Buffer) => (output += piece.toString()));
  child.stderr.on("data", (piece: Buffer) => (output += piece.toString()));
  const status = await new Promise<number | null>((done) => child.on("close", done));
  return { output, status };
}
