import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";
import { pino } from "pino";

import { ConfigDirectory } from "../../../src/server/configuration/config-directory.ts";
import { configFiles } from "../../../src/server/configuration/config-files.ts";
import { movePruneSettings } from "../../../src/server/configuration/move-prune-settings.ts";
import { tempDir } from "../../support/temp-dir.ts";

const old = `# written by hand
datastore: tank
\tpath /srv/tank
\tprune-schedule daily
\tkeep-last 3
\tkeep-daily 7
\tgc-schedule sat 4:00

datastore: other
\tpath /srv/other
\tkeep-last 5
`;

describe("server/configuration/move-prune-settings", () => {
  let folder: Awaited<ReturnType<typeof tempDir>>;

  beforeEach(async () => {
    folder = await tempDir();
  });

  afterEach(async () => {
    await folder[Symbol.asyncDispose]();
  });

  async function move(prune?: string): Promise<void> {
    await writeFile(join(folder.path, "datastore.cfg"), old);
    if (prune !== undefined) await writeFile(join(folder.path, "prune.cfg"), prune);
    const files = configFiles(await ConfigDirectory.open(folder.path));
    await movePruneSettings(files, pino({ level: "silent" }));
  }

  const text = async (name: string): Promise<string> =>
    await readFile(join(folder.path, name), "utf8");

  it("makes a job of a schedule and its counts, and keeps the file as it was beside it", async () => {
    await move();

    expect(await text("prune.cfg")).to.equal(
      "prune: default-tank\n\tschedule daily\n\tstore tank\n\tkeep-last 3\n\tkeep-daily 7\n",
    );
    expect(await text("datastore.cfg")).to.equal(
      "datastore: tank\n\tpath /srv/tank\n\tgc-schedule sat 4:00\n\n" +
        "datastore: other\n\tpath /srv/other\n\tkeep-last 5\n",
    );
    expect(await text("datastore.cfg.before-prune-jobs")).to.equal(old);
  });

  it("goes on after a crash that left the job, without a second one", async () => {
    await move();
    const job = await text("prune.cfg");

    await move(job);

    expect(await text("prune.cfg")).to.equal(job);
    expect(await text("datastore.cfg")).not.to.contain("prune-schedule");
  });

  it("leaves a job of the same name alone that says something else", async () => {
    const own = "prune: default-tank\n\tschedule hourly\n\tstore tank\n";

    await move(own);

    expect(await text("prune.cfg")).to.match(
      /^prune: default-tank\n\tschedule hourly\n\tstore tank\n\nprune: default-tank-2\n\tschedule daily\n/,
    );
  });
});
