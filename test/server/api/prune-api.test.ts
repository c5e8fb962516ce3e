import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { timeText } from "../../../src/format/snapshot/time-text.ts";
import { ApiCalls } from "../../support/api-calls.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { otherToken, startTestServer, type TestServer } from "../../support/test-server.ts";

interface Recorded {
  readonly snapshots: readonly {
    readonly time: number;
    readonly finished: boolean;
    readonly protected: boolean;
  }[];
  readonly results: readonly {
    readonly options: Readonly<Record<string, number>>;
    readonly kept: readonly number[];
    readonly removed: readonly number[];
  }[];
  readonly example_raw_reply: readonly object[];
}

interface Pruned {
  readonly "backup-time": number;
  readonly keep: boolean;
  readonly ns?: string;
  readonly reason?: string;
}

const recorded = JSON.parse(
  await readFile(new URL("../../../fixtures/prune/prune.json", import.meta.url), "utf8"),
) as Recorded;

const DAY_SEC = 86_400;
const day = (n: number): number => 1_700_000_000 + n * DAY_SEC;

describe("server/api prune", () => {
  let folder: Awaited<ReturnType<typeof tempDir>>;
  let server: TestServer;
  let api: ApiCalls;
  let zone: string | undefined;

  before(async () => {
    // The recording was made in a server whose clock shows UTC.
    zone = process.env["TZ"];
    process.env["TZ"] = "UTC";
    folder = await tempDir();
    const storePath = join(folder.path, "store1");
    await mkdir(join(storePath, ".chunks"), { recursive: true });
    server = await startTestServer({ storePath });
    api = new ApiCalls(server);
    for (const { time, finished, protected: isProtected } of recorded.snapshots) {
      await addSnapshot("host/prunetest", time, {
        state: finished ? "finished" : "unfinished",
        isProtected,
      });
    }
  });

  after(async () => {
    await server[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
    if (zone === undefined) delete process.env["TZ"];
    else process.env["TZ"] = zone;
  });

  async function addSnapshot(
    group: string,
    time: number,
    options: { readonly state?: "unfinished" | "finished"; readonly isProtected?: boolean } = {},
    owner = server.user,
  ): Promise<void> {
    const groupFolder = join(server.storePath, group);
    const snapshot = join(groupFolder, timeText(time));
    await mkdir(snapshot, { recursive: true });
    await writeFile(join(groupFolder, "owner"), `${owner}\n`);
    if (options.state !== "unfinished") await writeFile(join(snapshot, "index.json.blob"), "");
    else await writeFile(join(snapshot, "part.blob"), "");
    if (options.isProtected === true) await writeFile(join(snapshot, ".protected"), "");
  }

  async function times(group: string): Promise<readonly string[]> {
    const names = await readdir(join(server.storePath, group)).catch(() => []);
    return names.filter((name) => name.endsWith("Z")).sort();
  }

  const store = "/admin/datastore/store1";
  const prune = async (body: object): Promise<Pruned[]> =>
    await api.call<Pruned[]>("POST", `${store}/prune`, body);

  const group = (id: string) => ({ "backup-type": "host", "backup-id": id });

  for (const { options, kept, removed } of recorded.results) {
    it(`plans what the genuine server did with ${JSON.stringify(options)}`, async () => {
      const plan = await prune({ ...group("prunetest"), ...options, "dry-run": true });

      const found = (keep: boolean) =>
        plan.filter((entry) => entry.keep === keep).map((entry) => entry["backup-time"]);
      expect(found(true)).to.have.members(kept);
      expect(found(false)).to.have.members(removed);
      expect(plan.map((entry) => entry["backup-time"])).to.deep.equal(
        [...kept, ...removed].sort((a, b) => a - b),
      );
    });
  }

  it("answers in the genuine form, oldest first", async () => {
    const plan = await prune({ ...group("prunetest"), "keep-last": 1, "dry-run": true });

    const { length } = recorded.example_raw_reply;
    expect(plan.slice(0, length)).to.deep.equal(recorded.example_raw_reply);
  });

  it("says on request which rule keeps or drops each snapshot", async () => {
    for (const n of [1, 2, 3]) await addSnapshot("host/explained", day(n));

    const plan = await prune({
      ...group("explained"),
      "keep-last": 1,
      "keep-daily": 1,
      "dry-run": true,
      explain: true,
    });

    expect(plan.map(({ reason }) => reason)).to.deep.equal([
      "no rule keeps it",
      "keep-daily 1 of 1 (2023/11/16)",
      "keep-last 1 of 1",
    ]);
  });

  it("removes what no rule keeps and answers what it did", async () => {
    for (const n of [1, 2, 3, 4]) await addSnapshot("host/thinned", day(n));
    await addSnapshot("host/thinned", day(0), { isProtected: true });
    await addSnapshot("host/thinned", day(5), { state: "unfinished" });

    const plan = await prune({ ...group("thinned"), "keep-last": 2 });

    const kept = plan.filter(({ keep }) => keep);
    const wanted = [day(0), day(3), day(4), day(5)];
    expect(kept.map((entry) => entry["backup-time"])).to.deep.equal(wanted);
    expect(await times("host/thinned")).to.deep.equal(wanted.map(timeText));
  });

  it("prunes in the background on request, with a line for each snapshot", async () => {
    for (const n of [1, 2]) await addSnapshot("host/behind", day(n));

    const body = { ...group("behind"), "keep-last": 1, "use-task": true };
    const upid = await api.call<string>("POST", `${store}/prune`, body);

    expect(upid).to.match(/:prune:store1\\x3ahost-behind:/);
    const { status, lines } = await api.ended(upid);
    expect(status).to.equal("OK");
    expect(lines).to.deep.equal([
      "retention options: --keep-last 1",
      "Starting prune on datastore 'store1', root namespace group \"host/behind\"",
      `host/behind/${timeText(day(1))} remove (no rule keeps it)`,
      `host/behind/${timeText(day(2))} keep (keep-last 1 of 1)`,
      "TASK OK",
    ]);
    expect(await times("host/behind")).to.deep.equal([timeText(day(2))]);
  });

  it("keeps everything when no rule is given, and refuses a rule that keeps nothing", async () => {
    await addSnapshot("host/untouched", day(1));

    const plan = await prune(group("untouched"));
    const refusal = await api.answer("POST", `${store}/prune`, {
      ...group("untouched"),
      "keep-last": 0,
    });

    expect(plan).to.have.length(1);
    expect(plan[0]).to.include({ keep: true });
    expect(refusal.status).to.equal(400);
    expect(refusal.text).to.contain("keep-last");
    expect(await times("host/untouched")).to.have.length(1);
  });

  it("plans nothing for a group that does not exist", async () => {
    const plan = await prune({ ...group("nobody"), "keep-last": 1, "dry-run": true });

    expect(plan).to.deep.equal([]);
  });

  it("names the namespace in a dry run", async () => {
    await addSnapshot("ns/inner/host/a", day(1));

    const body = { ...group("a"), ns: "inner", "keep-last": 1, "dry-run": true };
    const [entry] = await prune(body);

    expect(entry?.ns).to.equal("inner");
  });

  describe("of a datastore", () => {
    it("goes down as far as wanted, and says so", async () => {
      for (const path of ["ns/p/host/a", "ns/p/ns/q/host/a", "ns/p/ns/q/ns/r/host/a"]) {
        for (const n of [1, 2]) await addSnapshot(path, day(n));
      }

      const body = { ns: "p", "max-depth": 1, "keep-last": 1 };
      const { status, lines } = await api.run("POST", `${store}/prune-datastore`, body);

      expect(status).to.equal("OK");
      expect(lines.slice(0, 3)).to.deep.equal([
        "Starting datastore prune on datastore 'store1', namespace 'p', with depth 1",
        "retention options: --keep-last 1",
        'Pruning group p:"host/a"',
      ]);
      expect(await times("ns/p/host/a")).to.have.length(1);
      expect(await times("ns/p/ns/q/host/a")).to.have.length(1);
      expect(await times("ns/p/ns/q/ns/r/host/a")).to.have.length(2);
    });

    it("removes nothing in a dry run", async () => {
      for (const n of [1, 2]) await addSnapshot("ns/dry/host/a", day(n));

      const body = { ns: "dry", "keep-last": 1, "dry-run": true };
      const { lines } = await api.run("POST", `${store}/prune-datastore`, body);

      expect(lines).to.include(`would remove host/a/${timeText(day(1))} (no rule keeps it)`);
      expect(await times("ns/dry/host/a")).to.have.length(2);
    });

    it("touches only groups of a caller that may prune its own", async () => {
      const other = await otherToken(server, "DatastorePowerUser");
      for (const n of [1, 2]) {
        await addSnapshot("ns/mixed/host/mine", day(n), {}, "other@pbs!tok");
        await addSnapshot("ns/mixed/host/theirs", day(n));
      }

      const body = { ns: "mixed", "keep-last": 1 };
      await new ApiCalls(server, other.authorization).run("POST", `${store}/prune-datastore`, body);

      expect(await times("ns/mixed/host/mine")).to.have.length(1);
      expect(await times("ns/mixed/host/theirs")).to.have.length(2);
    });
  });

  it("refuses who may not prune, and groups of somebody else", async () => {
    await addSnapshot("host/theirs", day(1));
    const backup = await otherToken(server, "DatastoreBackup");
    const body = { ...group("theirs"), "keep-last": 1 };

    const forbidden = await new ApiCalls(server, backup.authorization).answer(
      "POST",
      `${store}/prune`,
      body,
    );
    const user = await otherToken(server, "DatastorePowerUser");
    const foreign = await new ApiCalls(server, user.authorization).answer(
      "POST",
      `${store}/prune`,
      body,
    );

    expect(forbidden.status).to.equal(403);
    expect(foreign.status).to.equal(400);
    expect(foreign.text).to.contain("owner check failed");
  });
});
