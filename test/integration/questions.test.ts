import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

import { expect } from "chai";

import { amberProgram } from "../support/amber-program.ts";
import { tempDir } from "../support/temp-dir.ts";

/** Runs a command on a terminal of its own, and does something when it asks for a password. */
async function runOnTerminal(
  args: readonly string[],
  home: string,
  whenAsked: (terminal: ChildProcess, pid: number) => void,
): Promise<{ readonly code: number | null; readonly shown: string }> {
  const words = [process.execPath, amberProgram, ...args].map((word) => `'${word}'`);
  const command = `echo "pid=$$"; exec ${words.join(" ")}`;
  const terminal = spawn("script", ["-qec", command, "/dev/null"], {
    env: {
      ...process.env,
      // Nothing listens there: the password is asked for first.
      PBS_REPOSITORY: "admin@pbs@127.0.0.1:1:store1",
      XDG_RUNTIME_DIR: home,
      XDG_CONFIG_HOME: home,
    },
    stdio: ["pipe", "pipe", "ignore"],
  });
  let shown = "";
  let isAsked = false;
  terminal.stdout.on("data", (piece: Buffer) => {
    shown += piece.toString();
    if (isAsked || !shown.includes("[input is masked]")) return;
    isAsked = true;
    whenAsked(terminal, Number(/pid=(\d+)/.exec(shown)?.[1]));
  });
  await once(terminal, "close");
  return { code: terminal.exitCode, shown };
}

describe("integration/questions", function () {
  this.timeout(60_000);

  for (const command of [["snapshot", "list"], ["mount", "--foreground"], ["mount"]]) {
    it(`ends \`${command.join(" ")}\` when Ctrl-D is the answer`, async () => {
      await using home = await tempDir();
      const args = command[0] === "mount" ? [...command, home.path] : command;

      const { code, shown } = await runOnTerminal(args, home.path, ({ stdin }) => {
        stdin?.write("\u0004");
      });

      expect(code).to.equal(130);
      expect(shown).to.include("Error: interrupted");
    });

    it(`ends \`${command.join(" ")}\` by SIGTERM while it asks`, async () => {
      await using home = await tempDir();
      const args = command[0] === "mount" ? [...command, home.path] : command;

      const { code, shown } = await runOnTerminal(args, home.path, (_terminal, pid) => {
        process.kill(pid, "SIGTERM");
      });

      expect(code).to.equal(143);
      expect(shown).to.include("Error: terminated");
    });
  }
});
