import { expect } from "chai";

import { makeCommandLog } from "../../src/cli/log.ts";
import { MountLog } from "../../src/cli/mount-log.ts";

describe("cli/mount-log", () => {
  let nowMs: number;
  let text: string;
  let log: MountLog;

  beforeEach(() => {
    nowMs = 0;
    text = "";
    const commandLog = makeCommandLog(undefined, (line) => (text += line));
    log = new MountLog({ nowMs: () => nowMs, log: commandLog });
  });

  const readFailed = (offset: number, chunk: string): Error =>
    new Error(`Cannot read at ${offset}`, { cause: new Error(`no chunk ${chunk}`) });

  it("names every damaged chunk, however often another was asked for before", () => {
    for (let offset = 0; offset < 100; offset++) log.failure(readFailed(offset, "a"));
    log.failure(readFailed(100, "b"));
    expect(text.match(/no chunk a/gu)).to.have.length(20);
    expect(text).to.match(/Cannot read at 100\n {2}Caused by: no chunk b\n$/u);
  });

  it("tells in the next period how many failures it left out", () => {
    for (let offset = 0; offset < 25; offset++) log.failure(readFailed(offset, "a"));
    nowMs = 10_001;
    log.failure(readFailed(25, "a"));
    expect(text).to.include("5 more errors were not shown\nError: Cannot read at 25\n");
  });

  it("ends with causes that lead in a circle", () => {
    const error = new Error("round");
    error.cause = error;
    log.failure(error);
    expect(text).to.equal("Error: round\n");
  });
});
