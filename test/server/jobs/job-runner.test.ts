import { once } from "node:events";

import { expect } from "chai";
import { pino } from "pino";

import { parseAuthId } from "../../../src/format/snapshot/auth-id.ts";
import { JobRunner } from "../../../src/server/jobs/job-runner.ts";
import { TaskRegistry } from "../../../src/server/tasks/task-registry.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { rejection } from "../../support/rejection.ts";
import { tempDir } from "../../support/temp-dir.ts";

describe("server/jobs/job-runner", () => {
  it("stops what runs when it is closed, and the task says so, also after a restart", async () => {
    await using folder = await tempDir();
    const host = { nodeName: "box", pid: 1, processStart: 2, clock: new FakeClock() };
    const tasks = await TaskRegistry.open(folder.path, host);
    const runner = new JobRunner(tasks, pino({ level: "silent" }), async () => {
      await Promise.resolve();
    });
    const name = { type: "verify", id: "store1", authId: parseAuthId("root@pam") };
    const { upid, result } = await runner.start(name, async (task) => {
      task.log("at work");
      await once(task.signal, "abort");
      task.signal.throwIfAborted();
    });

    const [failure] = await Promise.all([rejection(result), runner.close()]);

    expect(failure).to.have.property("message", "task aborted");
    const entry = tasks.find(upid);
    if (!entry) throw new Error("the task is not listed");
    expect(entry.end?.status).to.equal("task aborted");
    const lines = (await tasks.readLogText(entry)).trimEnd().split("\n");
    expect(lines.map((line) => line.slice(27))).to.deep.equal([
      "at work",
      "TASK ERROR: task aborted",
    ]);
    const reopened = await TaskRegistry.open(folder.path, host);
    expect(reopened.find(upid)?.end?.status).to.equal("task aborted");
  });
});
