import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { expect } from "chai";

import { parseAuthId } from "../../../src/format/snapshot/auth-id.ts";
import { DETAIL_LINES_MAX } from "../../../src/server/tasks/task.ts";
import { TaskRegistry } from "../../../src/server/tasks/task-registry.ts";
import { formatUpid, parseUpid } from "../../../src/server/tasks/upid.ts";
import { eventually } from "../../support/eventually.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { tempDir } from "../../support/temp-dir.ts";

const caller = parseAuthId("backup@pbs!ci");

describe("server/tasks/upid", () => {
  // The example of spec rest-api.md §1.6.
  const text =
    "UPID:pbs:00000A1B:0001E240:00000003:6675DBC0:backup:store1\\x3avm-100:backup@pbs!ci:";
  const parts = {
    node: "pbs",
    pid: 2587,
    processStart: 123_456,
    task: 3,
    startSec: 0x6675dbc0,
    type: "backup",
    id: "store1:vm/100",
    authId: caller,
  };

  it("renders the example of the specification", () => {
    expect(formatUpid(parts)).to.equal(text);
  });

  it("takes the example apart", () => {
    expect(parseUpid(text)).to.deep.equal(parts);
  });

  it("escapes dashes, leading dots and everything beyond ASCII", () => {
    for (const id of ["a-b/c", ".hidden", "ä:ö", "", "x\\y"]) {
      const upid = formatUpid({ ...parts, id });
      expect(upid).to.match(/^[\x21-\x7e]+$/);
      expect(parseUpid(upid)?.id).to.equal(id);
    }
  });

  it("knows what is no UPID", () => {
    expect(["", "UPID:bad", text.slice(0, -1), `${text}x`].map(parseUpid)).to.deep.equal(
      Array.from({ length: 4 }, () => undefined),
    );
  });
});

describe("server/tasks/task-registry", () => {
  let folder: Awaited<ReturnType<typeof tempDir>>;
  let clock: FakeClock;
  let registry: TaskRegistry;
  const host = (): Parameters<typeof TaskRegistry.open>[1] => ({
    nodeName: "box",
    pid: 4711,
    processStart: 0x3c76d,
    clock,
  });

  beforeEach(async () => {
    folder = await tempDir();
    clock = new FakeClock();
    registry = await TaskRegistry.open(folder.path, host());
  });

  afterEach(async () => {
    await folder[Symbol.asyncDispose]();
  });

  it("writes the log where the genuine server would", async () => {
    const task = await registry.start("backup", "store1:vm/100", caller);
    task.log("hello");
    await task.end();

    const text = await readFile(join(folder.path, "6D", task.upid), "utf8");

    expect(text).to.match(/^\S{25}: hello\n\S{25}: TASK OK\n$/);
    expect(await readFile(join(folder.path, "archive"), "utf8")).to.equal(
      `${task.upid} 6553F100 OK\n`,
    );
  });

  it("lists running tasks first, each kind newest first", async () => {
    const [a, b, c] = await Promise.all(
      ["a", "b", "c"].map(async (id) => await registry.start("reader", id, caller)),
    );
    await a?.end();
    await b?.end("it broke");

    expect([...registry.list()].map(({ parts, end }) => [parts.id, end?.status])).to.deep.equal([
      ["c", undefined],
      ["b", "it broke"],
      ["a", "OK"],
    ]);
    await c?.end();
  });

  it("counts warnings", async () => {
    const task = await registry.start("backup", "x", caller);
    task.warn("strange");
    task.warn("stranger");
    await task.end();

    expect(registry.find(task.upid)?.end?.status).to.equal("WARNINGS: 2");
  });

  it("keeps only so many lines about single requests", async () => {
    const task = await registry.start("backup", "x", caller);
    for (let i = 0; i < DETAIL_LINES_MAX + 100; i++) task.detail("GET /nope: 404");
    await task.end();

    const page = await registry.readLog(registry.find(task.upid)!, DETAIL_LINES_MAX, 0);

    expect(page.total).to.equal(DETAIL_LINES_MAX + 2);
    expect(page.lines.map(({ t }) => t.slice(27))).to.deep.equal([
      "GET /nope: 404",
      "further details are left out",
      "TASK OK",
    ]);
  });

  it("shows lines about single requests to whoever reads the log of a running task", async () => {
    const task = await registry.start("backup", "x", caller);
    task.detail("GET /chunk");
    task.log("hello");
    task.detail("GET /chunk");

    const page = await registry.readLog(registry.find(task.upid)!, 0, 10);

    expect(page.lines.map(({ t }) => t.slice(27))).to.deep.equal([
      "GET /chunk",
      "hello",
      "GET /chunk",
    ]);
    await task.end();
  });

  it("writes lines about single requests some time later, many at a time", async () => {
    const task = await registry.start("backup", "x", caller);
    const path = join(folder.path, "6D", task.upid);
    for (let i = 0; i < 3; i++) {
      task.detail("GET /chunk");
      await setImmediate();
    }

    expect(await readFile(path, "utf8")).to.equal("");
    await eventually(async () => (await readFile(path, "utf8")).split("\n").length === 4);
    await task.end();
  });

  it("gives pages of the log, and the count of all lines with each", async () => {
    const task = await registry.start("backup", "x", caller);
    for (let i = 1; i <= 10; i++) task.log(`line ${i}`);
    const entry = registry.find(task.upid)!;

    const page = await registry.readLog(entry, 3, 4);

    expect(page.total).to.equal(10);
    expect(page.lines.map(({ n, t }) => `${n} ${t.slice(27)}`)).to.deep.equal([
      "3 line 3",
      "4 line 4",
      "5 line 5",
      "6 line 6",
    ]);
    expect((await registry.readLog(entry, 0, 0)).lines).to.have.length(10);
    await task.end();
  });

  it("finds finished tasks again after a restart, and calls interrupted ones unknown", async () => {
    const done = await registry.start("backup", "done", caller);
    const torn = await registry.start("backup", "torn", caller);
    await done.end();

    const again = await TaskRegistry.open(folder.path, host());

    expect([...again.list()].map(({ parts, end }) => [parts.id, end?.status])).to.deep.equal([
      ["torn", "unknown"],
      ["done", "OK"],
    ]);
    await torn.end();
  });

  it("passes the wish to stop on to the task", async () => {
    const task = await registry.start("backup", "x", caller);

    registry.requestStop(task.upid);

    expect(task.signal.aborted).to.equal(true);
    await task.end("task aborted");
  });
});
