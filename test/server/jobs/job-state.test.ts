import { expect } from "chai";

import {
  type JobState,
  lastRunSec,
  parseJobState,
  previewSec,
  resultOf,
  runResult,
  settledState,
} from "../../../src/server/jobs/job-state.ts";
import { parseAuthId } from "../../../src/format/snapshot/auth-id.ts";
import { formatUpid } from "../../../src/server/tasks/upid.ts";

const upid = formatUpid({
  node: "box",
  pid: 1,
  processStart: 2,
  task: 3,
  startSec: 1_719_000_000,
  type: "prunejob",
  id: "store1",
  authId: parseAuthId("root@pam"),
});

describe("server/jobs/job-state", () => {
  it("reads the three forms of the specification", () => {
    const states: readonly JobState[] = [
      { Created: { time: 1_719_000_000 } },
      { Started: { upid } },
      { Finished: { upid, state: { OK: { endtime: 1_719_000_100 } } } },
      { Finished: { upid, state: { OK: { endtime: 1_719_000_100 } }, updated: 1_719_000_500 } },
      { Finished: { upid, state: { Warning: { count: 3, endtime: 5 } } } },
      { Finished: { upid, state: { Error: { message: "no space", endtime: 5 } } } },
      { Finished: { upid, state: { Unknown: { endtime: 5 } } } },
    ];

    expect(states.map((state) => parseJobState(JSON.stringify(state)))).to.deep.equal(states);
  });

  it("does not take anything else for a state", () => {
    const texts = [
      "",
      "null",
      "{}",
      '{"Created":{"time":"now"}}',
      '{"Started":{"upid":"UPID:x"}}',
      JSON.stringify({ Finished: { upid, state: { Ok: { endtime: 1 } } } }),
    ];

    expect(texts.map(parseJobState)).to.deep.equal(texts.map(() => undefined));
  });

  it("turns the status of a task into a result and back", () => {
    for (const status of ["OK", "WARNINGS: 2", "unknown", "verification failed"]) {
      expect(resultOf(runResult(status, 7))).to.deep.equal({ status, endSec: 7 });
    }
  });

  it("counts the next run from the start of the last one, its preview from the end", () => {
    const finished = { Finished: { upid, state: { OK: { endtime: 1_719_000_100 } } } };

    expect([lastRunSec(finished), previewSec(finished)]).to.deep.equal([
      1_719_000_000, 1_719_000_100,
    ]);
    const changed = { Finished: { ...finished.Finished, updated: 1_719_000_500 } };
    expect([lastRunSec(changed), previewSec(changed)]).to.deep.equal([
      1_719_000_500, 1_719_000_500,
    ]);
  });

  it("shows a run that nobody is working on any more as ended", () => {
    const started = { Started: { upid } };

    expect(settledState(started, { find: () => undefined })).to.deep.equal({
      Finished: { upid, state: { Unknown: { endtime: 1_719_000_000 } } },
    });
  });
});
