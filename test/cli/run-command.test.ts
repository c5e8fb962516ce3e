import { expect } from "chai";

import { CliError } from "../../src/cli/cli-error.ts";
import { describeFailure, exitCodes, runCommand } from "../../src/cli/run-command.ts";

describe("cli/run-command", () => {
  let exitCodeBefore: typeof process.exitCode;
  let written: string;
  const write = process.stderr.write.bind(process.stderr);

  beforeEach(() => {
    exitCodeBefore = process.exitCode;
    written = "";
    process.stderr.write = (text: string | Uint8Array): boolean => {
      written += String(text);
      return true;
    };
  });

  afterEach(() => {
    process.stderr.write = write;
    process.exitCode = exitCodeBefore;
  });

  it("renders a failure as one line with its causes indented", () => {
    const root = new Error("connection refused");
    const middle = new Error('Cannot connect to "pbs": connection refused', { cause: root });
    const top = new Error("Cannot list groups", { cause: middle });

    expect(describeFailure(top)).to.equal(
      'Error: Cannot list groups\n  Caused by: Cannot connect to "pbs": connection refused',
    );
  });

  it("survives a failure that is its own cause", () => {
    const error = new Error("round");
    error.cause = error;

    expect(describeFailure(error)).to.equal("Error: round");
  });

  it("sets exit status 0 when the action ends without a value", async () => {
    await runCommand(async () => {
      await Promise.resolve();
    });

    expect(process.exitCode).to.equal(exitCodes.ok);
  });

  it("passes on the exit status that the action returns", async () => {
    await runCommand(async () => {
      await Promise.resolve();
      return exitCodes.incomplete;
    });

    expect(process.exitCode).to.equal(3);
  });

  it("adds a hint to a complaint about the arguments", async () => {
    await runCommand(async () => {
      await Promise.resolve();
      throw new CliError("CLI_USAGE", "Cannot use both");
    });

    expect(process.exitCode).to.equal(exitCodes.failed);
    expect(written).to.equal(
      "Error: Cannot use both\nRun the command with --help to see how it is used.\n",
    );
  });

  it("prints no stack trace for a failure that nobody expected", async () => {
    await runCommand(async () => {
      await Promise.resolve();
      throw new TypeError("oops");
    });

    expect(written).to.equal("Error: oops\n");
  });

  it("aborts the action on SIGINT and exits with 130", async () => {
    await runCommand(async (signal) => {
      process.emit("SIGINT", "SIGINT");
      await Promise.resolve();
      signal.throwIfAborted();
    });

    expect(process.exitCode).to.equal(exitCodes.interrupted);
    expect(written).to.equal("Error: interrupted\n");
  });

  it("takes Ctrl-C at a question for an interruption", async () => {
    await runCommand(async () => {
      await Promise.resolve();
      throw Object.assign(new Error("closed"), { name: "ExitPromptError" });
    });

    expect(process.exitCode).to.equal(exitCodes.interrupted);
  });
});
