import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { pino } from "pino";

import { parseAuthId } from "../../../src/format/snapshot/auth-id.ts";
import { TimeZone } from "../../../src/format/schedule/time-zone.ts";
import { refused } from "../../../src/server/http/api-error.ts";
import { JobRunner } from "../../../src/server/jobs/job-runner.ts";
import { JobStarter } from "../../../src/server/jobs/job-starter.ts";
import { JobStates } from "../../../src/server/jobs/job-states.ts";
import { LogRotation } from "../../../src/server/jobs/log-rotation.ts";
import { Scheduler } from "../../../src/server/jobs/scheduler.ts";
import { type ScheduledJob } from "../../../src/server/jobs/scheduled-job.ts";
import { TaskRegistry } from "../../../src/server/tasks/task-registry.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { tempDir } from "../../support/temp-dir.ts";

const at = (text: string): number => Date.parse(text) / 1000;
const jobAuth = parseAuthId("root@pam");
const MINUTE = 60;
const DAY = 86_400;

describe("server/jobs/scheduler", () => {
  let folder: Awaited<ReturnType<typeof tempDir>>;
  let clock: FakeClock;
  let jobs: ScheduledJob[];
  let tasks: TaskRegistry;
  let runner: JobRunner;
  /** Those of servers before a restart, too. */
  let runners: JobRunner[];
  let states: JobStates;
  let starter: JobStarter;
  let scheduler: Scheduler;
  /** Times of the runs, by job. */
  let runs: Map<string, string[]>;
  /** What people were told. */
  let troubles: string[];
  /** Lets jobs go that do not end by themselves. */
  let finish: () => void;
  /** Settles when {@link finish} is called. */
  let finished: Promise<void>;
  /** Whether a job runs whose end is not to be waited for. */
  let isStuck: boolean;

  beforeEach(async () => {
    folder = await tempDir();
    clock = new FakeClock(at("2024-06-03T12:00:00Z"));
    jobs = [];
    runners = [];
    runs = new Map();
    troubles = [];
    isStuck = false;
    finished = new Promise((resolve) => {
      finish = resolve;
    });
    await startServer();
  });

  afterEach(async () => {
    finish();
    for (const each of runners) await each.close();
    await folder[Symbol.asyncDispose]();
  });

  /** What a server has of all this; called again, it is the server after a restart. */
  async function startServer(): Promise<void> {
    const logger = pino({ level: "silent" });
    const host = { nodeName: "box", pid: 1, processStart: 2, clock };
    tasks = await TaskRegistry.open(join(folder.path, "tasks"), host);
    runner = new JobRunner(tasks, logger, async () => {
      await Promise.resolve();
    });
    runners.push(runner);
    states = await JobStates.open(folder.path, { tasks, clock });
    starter = new JobStarter({ jobs: runner, states, tasks, logger });
    const zone = () => new TimeZone("Europe/Berlin");
    const list = async () => await Promise.resolve(jobs);
    const onTrouble = async (job: ScheduledJob, reason: string) => {
      troubles.push(`${job.id}: ${reason}`);
      await Promise.resolve();
    };
    scheduler = new Scheduler({ jobs: list, states, starter, clock, zone, logger, onTrouble });
  }

  /** A job that takes no time, or as long as a promise does. */
  function addJob(id: string, schedule: string | undefined, work?: () => Promise<void>): void {
    jobs.push({
      type: "prunejob",
      id,
      workerId: "store1",
      store: "store1",
      schedule,
      title: `prune job '${id}'`,
      prepare: () => async () => {
        const time = new Date(clock.nowMs()).toISOString().slice(0, 16);
        runs.set(id, [...(runs.get(id) ?? []), time]);
        await work?.();
      },
    });
  }

  /** Lets time pass minute by minute, or in longer steps. */
  async function pass(seconds: number, step = MINUTE): Promise<void> {
    for (let passed = 0; passed < seconds; passed += step) {
      clock.advance(step);
      await scheduler.tick();
      if (!isStuck) await starter.whenIdle();
    }
  }

  it("runs a week of schedules, each at its times, where the server stands", async () => {
    addJob("hourly", "hourly");
    addJob("nightly", "2:30");
    addJob("workdays", "mon..fri 18:30");
    addJob("weekly", "sat 4:00 UTC");
    addJob("never", undefined);
    for (const { type, id } of jobs) await states.created({ type, id });

    await pass(7 * DAY, 30 * MINUTE);
    await starter.whenIdle();

    expect(runs.get("hourly")).to.have.length(7 * 24);
    expect(runs.get("nightly")).to.deep.equal(
      ["04", "05", "06", "07", "08", "09", "10"].map((day) => `2024-06-${day}T00:30`),
    );
    expect(runs.get("workdays")).to.deep.equal(
      ["03", "04", "05", "06", "07"].map((day) => `2024-06-${day}T16:30`),
    );
    expect(runs.get("weekly")).to.deep.equal(["2024-06-08T04:00"]);
    expect(runs.has("never")).to.equal(false);
  });

  it("makes up for what was missed while it was down, once", async () => {
    addJob("hourly", "hourly");
    await states.created({ type: "prunejob", id: "hourly" });
    await pass(90 * MINUTE);

    clock.advance(30 * 3600);
    await startServer();
    await pass(5 * MINUTE);
    await starter.whenIdle();

    expect(runs.get("hourly")).to.deep.equal(["2024-06-03T13:00", "2024-06-04T19:31"]);
  });

  it("does not run a new job at once, nor one whose schedule has changed", async () => {
    addJob("new", "*:0/10");
    await states.created({ type: "prunejob", id: "new" });
    await scheduler.tick();
    expect(runs.size).to.equal(0);

    clock.advance(11 * MINUTE);
    await states.rescheduled({ type: "prunejob", id: "new" });
    await scheduler.tick();

    expect(runs.size).to.equal(0);
    await pass(10 * MINUTE);
    expect(runs.get("new")).to.deep.equal(["2024-06-03T12:20"]);
  });

  it("never runs a job twice at once, and again when it has ended and was due meanwhile", async () => {
    addJob("slow", "*:0/10", async () => {
      await finished;
    });
    await states.created({ type: "prunejob", id: "slow" });
    isStuck = true;
    await pass(10 * MINUTE);
    await eventuallyStarted("slow", 1);
    await pass(35 * MINUTE);
    expect(runs.get("slow")).to.deep.equal(["2024-06-03T12:10"]);

    finish();
    isStuck = false;
    await starter.whenIdle();
    await pass(MINUTE);

    expect(runs.get("slow")).to.deep.equal(["2024-06-03T12:10", "2024-06-03T12:46"]);
  });

  it("is not held up by a schedule that is none, or a datastore that is out of service", async () => {
    addJob("broken", "every day");
    jobs.push({
      type: "garbage_collection",
      id: "offline",
      workerId: "offline",
      store: "offline",
      schedule: "minutely",
      title: "",
      prepare: () => {
        throw refused("datastore 'offline' is in offline maintenance mode: ");
      },
    });
    addJob("good", "minutely");
    for (const { type, id } of jobs) await states.created({ type, id });

    await pass(3 * MINUTE);

    expect(runs.get("good")).to.have.length(3);
    expect(await states.read({ type: "garbage_collection", id: "offline" })).to.have.key("Created");
  });

  it("tells once that a job cannot be started, and once more when that happens again", async () => {
    let isGone = true;
    addJob("mounted", "minutely");
    const [job] = jobs;
    jobs = [
      {
        ...job!,
        prepare: async (authId) => {
          if (isGone) throw refused("datastore 'store1' is not open");
          return await job!.prepare(authId);
        },
      },
    ];
    await states.created({ type: "prunejob", id: "mounted" });

    await pass(3 * MINUTE);
    expect(troubles).to.deep.equal(["mounted: datastore 'store1' is not open"]);
    isGone = false;
    await pass(MINUTE);
    isGone = true;
    await pass(3 * MINUTE);

    expect(troubles).to.have.length(2);
  });

  it("remembers each run in a file of the genuine name and form, and says in the log why it ran", async () => {
    addJob("nightly", "*:0/10");
    await states.created({ type: "prunejob", id: "nightly" });
    await pass(10 * MINUTE);
    await starter.whenIdle();

    const file = join(folder.path, "jobstates", "prunejob-nightly.json");
    const [task] = [...tasks.list()];
    expect(JSON.parse(await readFile(file, "utf8"))).to.deep.equal({
      Finished: { upid: task?.upid, state: { OK: { endtime: at("2024-06-03T12:10:00Z") } } },
    });
    expect(task?.parts).to.include({ type: "prunejob", id: "store1", authId: "root@pam" });
    const log = await tasks.readLogText(task!);
    expect(log.split("\n").map((line) => line.slice(27))).to.deep.equal([
      "prune job 'nightly'",
      "task triggered by schedule '*:0/10'",
      "TASK OK",
      "",
    ]);
  });

  it("takes a run that a crash ended for one that ended, and goes on from there", async () => {
    addJob("cut", "*:0/10", async () => {
      await finished;
    });
    await states.created({ type: "prunejob", id: "cut" });
    isStuck = true;
    await pass(10 * MINUTE);
    await eventuallyStarted("cut", 1);

    await startServer();
    const state = await states.read({ type: "prunejob", id: "cut" });
    expect(state).to.have.nested.property("Finished.state.Unknown");
    await pass(10 * MINUTE);
    await eventuallyStarted("cut", 2);

    expect(runs.get("cut")).to.have.length(2);
  });

  /** The work begins behind the note that it does. */
  async function eventuallyStarted(id: string, count: number): Promise<void> {
    const isStarted = async (): Promise<boolean> =>
      "Started" in (await states.read({ type: "prunejob", id }));
    while (!(await isStarted()) || (runs.get(id)?.length ?? 0) < count) {
      await new Promise(setImmediate);
    }
  }

  it("begins again from now with a state file that cannot be read", async () => {
    addJob("odd", "hourly");
    await writeFile(join(folder.path, "jobstates", "prunejob-odd.json"), "{");

    const state = await states.read({ type: "prunejob", id: "odd" });

    expect(state).to.deep.equal({ Created: { time: clock.nowSec() - 30 } });
  });

  it("sets the list of tasks aside when it has grown, and removes logs that nobody lists", async () => {
    const archive = join(folder.path, "tasks", "archive");
    const first = await runner.start({ type: "prune", id: "store1", authId: jobAuth }, async () => {
      await Promise.resolve();
    });
    await first.result;
    const [line = ""] = (await readFile(archive, "utf8")).split("\n");
    await writeFile(archive, `${line}\n${"#".repeat(99)}\n`.repeat(3000));
    const rotation = new LogRotation({
      tasks,
      jobs: runner,
      clock,
      logDaysMax: async () => await Promise.resolve(30),
    });

    await rotation.tick();
    await runner.whenIdle();

    expect(await readFile(`${archive}.1`, "utf8")).to.contain(line);
    expect((await readFile(archive, "utf8")).split("\n")).to.have.length(2);
    expect(await tasks.readLogText(tasks.find(first.upid)!)).to.contain("TASK OK");

    clock.advance(31 * DAY);
    await rotation.tick();
    await runner.whenIdle();

    expect(await tasks.readLogText(tasks.find(first.upid)!)).to.equal("");
  });
});
