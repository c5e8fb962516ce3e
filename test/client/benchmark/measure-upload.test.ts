import { readdir } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { measureUpload } from "../../../src/client/benchmark/measure-upload.ts";
import { connectServer } from "../../../src/client/session/connect-server.ts";
import { parseRepository } from "../../../src/client/session/repository.ts";
import { systemClock } from "../../../src/format/clock.ts";
import { readClientConfig } from "../../../src/client/config.ts";
import { clientOf } from "../../support/client-of-server.ts";
import { eventually } from "../../support/eventually.ts";
import { startRecordedServer } from "../../support/recorded-server.ts";
import { rejection } from "../../support/rejection.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { startTestServer, type TestServer } from "../../support/test-server.ts";

/** A clock that goes on by 10 ms whenever somebody looks at it. */
function steppingClock(): () => number {
  let nowMs = 0;
  return () => (nowMs += 10);
}

/** Folders of groups; the folder of their type stays, as on a genuine server. */
async function groupsIn({ storePath }: TestServer): Promise<string[]> {
  return await readdir(join(storePath, "host"));
}

describe("measureUpload", function () {
  this.timeout(30_000);

  it("counts what it sends until the time is over, and leaves nothing on the server", async () => {
    await using server = await startTestServer();
    await using folder = await tempDir();
    using client = await clientOf(server, folder.path);

    const measured = await measureUpload(client, 1_700_000_000, {
      durationMs: 35,
      monotonicMs: steppingClock(),
    });

    // The clock is looked at when it starts, after each request that is begun, and at the end.
    expect(measured.count).to.equal(4);
    expect(measured.bytes).to.equal(4 * 4 * 1024 * 1024);
    expect(measured.elapsedMs).to.equal(50);
    const tasks = async (running: boolean): Promise<Record<string, unknown>[]> =>
      (await client.call("GET", "nodes/localhost/tasks", { running, limit: 10 })) as never;
    await eventually(async () => (await tasks(true)).length === 0);
    const [task] = await tasks(false);
    expect(task?.["worker_type"]).to.equal("benchmark");
    expect(task?.["status"]).to.equal("OK");
    expect(await groupsIn(server)).to.deep.equal([]);
  });

  it("asks the genuine server what the official client asks", async () => {
    const server = await startRecordedServer("benchmark");
    await using folder = await tempDir();
    using client = await connectServer({
      repository: parseRepository(`test@pbs@localhost:${server.port}:store1`),
      config: readClientConfig({
        PBS_FINGERPRINT: server.fingerprint,
        PBS_PASSWORD: "secret12",
        HOME: folder.path,
      }),
      clock: systemClock,
    });

    const measured = await measureUpload(client, 1_795_169_201, {
      durationMs: 35,
      monotonicMs: steppingClock(),
    });

    await server.close();
    expect(measured.count).to.equal(4);
    expect(server.violations).to.deep.equal([]);
    // The rest of the ten requests that were recorded.
    expect(server.missing().every((key) => key === "POST /speedtest?")).to.equal(true);
  });

  it("ends in the middle when it is told to, and leaves nothing on the server then either", async () => {
    await using server = await startTestServer();
    await using folder = await tempDir();
    using client = await clientOf(server, folder.path);
    const stop = new AbortController();
    let looks = 0;
    const monotonicMs = (): number => {
      looks += 1;
      if (looks === 12) stop.abort(new Error("enough"));
      return looks;
    };

    const error = await rejection(
      measureUpload(client, 1_700_000_000, {
        durationMs: 1_000_000,
        monotonicMs,
        signal: stop.signal,
      }),
    );

    expect(error).to.have.property("message", "enough");
    await eventually(async () => (await groupsIn(server)).length === 0);
  });
});
