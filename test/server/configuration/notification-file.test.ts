import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { ConfigDirectory } from "../../../src/server/configuration/config-directory.ts";
import { NotificationFile } from "../../../src/server/configuration/notification-file.ts";
import { type Section } from "../../../src/server/configuration/section-config.ts";
import { rejection } from "../../support/rejection.ts";
import { tempDir } from "../../support/temp-dir.ts";

const PUBLIC =
  "gotify: app\n\tserver https://old.example\n\nteams: room\n\turl https://room.example\n";
const PRIVATE = "gotify: app\n\ttoken old-token\n\nteams: room\n\tkey room-key\n";

describe("server/configuration/notification-file", () => {
  let folder: Awaited<ReturnType<typeof tempDir>>;
  let file: NotificationFile;

  beforeEach(async () => {
    folder = await tempDir();
    await writeFile(join(folder.path, "notifications.cfg"), PUBLIC);
    await writeFile(join(folder.path, "notifications-priv.cfg"), PRIVATE);
    file = new NotificationFile(await ConfigDirectory.open(folder.path));
  });

  afterEach(async () => {
    await folder[Symbol.asyncDispose]();
  });

  const textOf = async (name: string): Promise<string> =>
    await readFile(join(folder.path, name), "utf8");

  /** The sections with other properties of the gotify target. */
  const withApp = (sections: readonly Section[], more: Record<string, string>): Section[] =>
    sections.map((each) =>
      each.id === "app"
        ? { ...each, properties: new Map([...each.properties, ...Object.entries(more)]) }
        : each,
    );

  it("changes address and secret together", async () => {
    await file.update(({ sections }) =>
      withApp(sections, { server: "https://new.example", token: "new-token" }),
    );

    expect(await textOf("notifications.cfg")).to.contain("https://new.example");
    expect(await textOf("notifications-priv.cfg")).to.contain("new-token");
  });

  it("leaves no new secret with an old address when it ends between the files", async () => {
    // The public file cannot be replaced: a folder has its name after it was read.
    const failing = file.update(async ({ sections }) => {
      await blockPublicFile();
      return withApp(sections, { server: "https://new.example", token: "new-token" });
    });

    await rejection(failing);

    expect(await textOf("notifications-priv.cfg")).not.to.match(/old-token|new-token/);
  });

  it("keeps what it does not know where it is", async () => {
    await file.update(({ sections }) => withApp(sections, { comment: "changed" }));

    const { sections } = await file.read();
    expect(await textOf("notifications.cfg")).not.to.match(/room-key|old-token/);
    expect(await textOf("notifications-priv.cfg"))
      .to.contain("room-key")
      .and.contain("old-token");
    expect(sections.find(({ id }) => id === "room")?.properties.has("key")).to.equal(false);
  });

  it("drops the secrets of what is removed", async () => {
    await file.update(({ sections }) => sections.filter(({ id }) => id !== "app"));

    expect(await textOf("notifications-priv.cfg")).to.equal("teams: room\n\tkey room-key\n");
  });

  async function blockPublicFile(): Promise<void> {
    await rm(join(folder.path, "notifications.cfg"));
    await mkdir(join(folder.path, "notifications.cfg"));
    await writeFile(join(folder.path, "notifications.cfg", "x"), "");
  }
});
