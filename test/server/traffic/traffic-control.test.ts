import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { TimeZone } from "../../../src/format/schedule/time-zone.ts";
import { ConfigDirectory } from "../../../src/server/configuration/config-directory.ts";
import { SectionFile } from "../../../src/server/configuration/section-file.ts";
import { parseClientNetwork } from "../../../src/server/traffic/client-network.ts";
import { isInWindow, parseDailyWindow } from "../../../src/server/traffic/daily-window.ts";
import { TrafficControl } from "../../../src/server/traffic/traffic-control.ts";
import { ApiCalls } from "../../support/api-calls.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { backUp, openSession } from "../../support/small-backup.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { otherToken, startTestServer } from "../../support/test-server.ts";
import { chunkA, chunkQuery } from "../../support/transcript.ts";

describe("server/traffic/daily-window", () => {
  const at = (text: string, weekday: number, hour: number, minute = 0): boolean =>
    isInWindow(parseDailyWindow(text), {
      ...{ year: 2024, month: 9, day: 1 + weekday, hour, minute, second: 0 },
    });

  it("holds from the first minute to before the last, on the days it names", () => {
    expect(at("8-12", 3, 8)).to.equal(true);
    expect(at("8-12", 3, 12)).to.equal(false);
    expect(at("mon..fri 7:30-18:00", 1, 7, 30)).to.equal(true);
    expect(at("mon..fri 7:30-18:00", 0, 9)).to.equal(false);
    expect(at("sat,sun 0-23:59", 6, 23, 58)).to.equal(true);
    expect(at("9-9", 3, 9)).to.equal(false);
  });

  it("refuses what would wrap over midnight, and what is no time", () => {
    for (const text of ["22-6", "24-25", "8", "xyz 8-9", "8:60-9"]) {
      expect(() => parseDailyWindow(text), text).to.throw("it is no time frame");
    }
  });
});

describe("server/traffic/client-network", () => {
  it("holds addresses of its family, mapped ones too", () => {
    const network = parseClientNetwork("192.0.2.0/24");
    expect(network.contains("::ffff:192.0.2.9")).to.equal(true);
    expect(network.contains("192.0.3.1")).to.equal(false);
    expect(network.contains("fd00::1")).to.equal(false);
    expect(parseClientNetwork("fd00::/8").contains("fd12::1")).to.equal(true);
    expect(() => parseClientNetwork("192.0.2.0/33")).to.throw("it is no network");
  });
});

describe("server/traffic/traffic-control", () => {
  it("takes the rule that names the user, then the longest prefix, and only when it is its time", async () => {
    await using folder = await tempDir();
    const rules = [
      "rule: all\n\tnetwork 0.0.0.0/0\n\trate-in 8000\n",
      "rule: near\n\tnetwork 192.0.2.0/24\n\trate-in 9000\n\ttimeframe 8-9\n",
      "rule: bob\n\tnetwork 0.0.0.0/0\n\tusers bob@pbs\n\trate-in 7000\n",
      "rule: broken\n\tnetwork nonsense\n",
    ];
    await writeFile(join(folder.path, "traffic-control.cfg"), rules.join("\n"));
    const directory = await ConfigDirectory.open(folder.path);
    const broken: unknown[] = [];
    const used = async (authId: string, address: string, hour: number): Promise<string> => {
      let nowMs = 0;
      const clock = new FakeClock(Date.UTC(2024, 5, 5, hour) / 1000);
      const control = new TrafficControl(new SectionFile(directory, "traffic-control.cfg"), {
        clock,
        zone: () => new TimeZone("UTC"),
        nowMs: () => nowMs,
        onBroken: (error) => broken.push(error),
      });
      const pace = control.paceOf({ authId, address });
      await pace.take("in", 5000);
      nowMs = 5000;
      await pace.take("in", 1);
      return ["all", "near", "bob"].find((name) => control.rateOf(name, "in") === 1000) ?? "none";
    };

    expect(await used("eve@pbs", "::ffff:198.51.100.1", 8)).to.equal("all");
    expect(await used("eve@pbs", "::ffff:192.0.2.1", 8)).to.equal("near");
    expect(await used("eve@pbs", "::ffff:192.0.2.1", 10)).to.equal("all");
    expect(await used("bob@pbs!tok", "::ffff:192.0.2.1", 8)).to.equal("bob");
    expect(await used("eve@pbs", "fd00::1", 8)).to.equal("none");
    expect(broken).to.have.length(10); // Read twice for each.
  });

  it("goes on with the rules it had when the file becomes unreadable", async () => {
    await using folder = await tempDir();
    const file = join(folder.path, "traffic-control.cfg");
    await writeFile(file, "rule: all\n\tnetwork 0.0.0.0/0\n\trate-in 8000\n");
    const broken: unknown[] = [];
    let nowMs = 0;
    const control = new TrafficControl(
      new SectionFile(await ConfigDirectory.open(folder.path), "traffic-control.cfg"),
      {
        clock: new FakeClock(1_717_597_476),
        zone: () => new TimeZone("UTC"),
        nowMs: () => nowMs,
        onBroken: (error) => broken.push(error),
      },
    );
    const pace = control.paceOf({ authId: "eve@pbs", address: "192.0.2.1" });
    await pace.take("in", 5000);

    await writeFile(file, "\tnetwork without a rule\n");
    nowMs = 5000;
    await pace.take("in", 1);

    expect(broken).to.have.length(1);
    expect(control.rateOf("all", "in")).to.equal(1000);
  });
});

describe("server/api traffic control", () => {
  it("lets the sessions of a user wait, those of others not, and a session that leaves waits no more", async () => {
    await using server = await startTestServer();
    const api = new ApiCalls(server);
    const rule = { name: "slow", network: ["0.0.0.0/0", "::/0"], users: ["other@pbs"] };
    expect(
      (await api.answer("POST", "/config/traffic-control", { ...rule, network: ["x"] })).status,
    ).to.equal(400);
    await api.call("POST", "/config/traffic-control", {
      ...rule,
      "rate-in": "100B",
      "burst-in": "100B",
    });
    const { authorization } = await otherToken(server);
    const place = { ns: "", id: "slow", timeSec: 1_717_597_476 };
    const session = await openSession(server, "backup", place, { authorization });
    await session.call("POST /dynamic_index?archive-name=root.pxar.didx");
    const upload = session.call(`POST /dynamic_chunk?${chunkQuery(chunkA, 1)}`, chunkA.blob).then(
      ({ status }) => status,
      () => "left",
    );

    await backUp(server, { ...place, id: "fast" }, server.authorization, "of somebody else");
    const [shown] = await api.call<Record<string, unknown>[]>("GET", "/admin/traffic-control");
    await session.close();

    expect(await upload).to.equal("left");
    expect(shown).to.include({ name: "slow", "rate-in": "100B", "cur-rate-out": 0 });
  });
});
