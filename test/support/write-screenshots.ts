import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { type Page } from "playwright-core";

import { openPageAt, sharedWorld } from "./web-page.ts";
import { WORLD_PASSPHRASE } from "./web-world.ts";

// `npm run screenshots`: pictures of every page for docs/screenshots, from the built page and real backups.

const target = fileURLToPath(new URL("../../docs/screenshots/", import.meta.url));
await mkdir(target, { recursive: true });
const world = await sharedWorld();

/** One picture: where, and what to do there first. */
interface Picture {
  readonly hash: string;
  readonly prepare?: (page: Page) => Promise<void>;
}

const laptop = `#/datastore/store1/snapshot/host/laptop/${world.newestSec}`;
const vault = `#/datastore/store1/snapshot/host/vault/${world.newestSec - 86_400}`;

// In this order in one page: the snapshot that is locked at first is open afterwards.
const pictures: Readonly<Record<string, Picture>> = {
  dashboard: {
    hash: "#/",
    prepare: async (page) => {
      await page.getByRole("heading", { name: "Groups" }).waitFor();
    },
  },
  content: {
    hash: "#/datastore/store1/content",
    prepare: async (page) => {
      await page.getByRole("row", { name: /host\/laptop/ }).click();
      await page.getByRole("row", { level: 2 }).first().waitFor();
    },
  },
  locked: {
    hash: vault,
    prepare: async (page) => {
      await page.getByText("This snapshot is encrypted").waitFor();
    },
  },
  preview: {
    hash: `${vault}?archive=root.mpxar.didx`,
    prepare: async (page) => {
      await page.locator('input[type="file"]').setInputFiles(world.keyFile);
      await page.getByRole("textbox", { name: "Passphrase" }).fill(WORLD_PASSPHRASE);
      await page.getByRole("button", { name: "Open", exact: true }).click();
      await page.getByRole("link", { name: "notes.md" }).click();
      await page.getByRole("dialog").getByText("Everything that matters").waitFor();
      await page.getByRole("button", { name: "Earlier versions" }).click();
      await page.getByRole("dialog").getByRole("table").waitFor();
    },
  },
  compare: {
    hash: `${laptop}?archive=root.mpxar.didx&compare=`,
    prepare: async (page) => {
      await page.getByText("new.txt").waitFor();
    },
  },
  image: {
    hash: `#/datastore/store1/snapshot/vm/100/${world.newestSec}?archive=drive.img.fidx`,
    prepare: async (page) => {
      await page.getByRole("button", { name: "Download partition 1" }).waitFor();
    },
  },
  notifications: {
    hash: "#/administration/notifications",
    prepare: async (page) => {
      await page.getByRole("row", { name: /default-matcher/ }).waitFor();
    },
  },
  "second-factor": {
    hash: "#/administration/users",
    prepare: async (page) => {
      await page.getByRole("button", { name: "What to do with admin@pbs", exact: true }).click();
      await page.getByRole("menuitem", { name: "Second factor …" }).click();
      await page.getByRole("button", { name: "Add an authenticator app" }).click();
      await page.getByRole("img", { name: "QR code for the authenticator app" }).waitFor();
    },
  },
  "sync-job": {
    hash: "#/datastore/store1/jobs",
    prepare: async (page) => {
      await page.getByRole("button", { name: "New sync job" }).click();
      await page.getByRole("combobox", { name: "From server" }).waitFor();
    },
  },
  prune: {
    hash: "#/datastore/store1/content?",
    prepare: async (page) => {
      await page.getByRole("button", { name: "What to do with host/laptop", exact: true }).click();
      await page.getByRole("menuitem", { name: "Prune …" }).click();
      await page.getByRole("textbox", { name: "Daily" }).fill("2");
      await page.getByRole("button", { name: "Remove 1 snapshot" }).waitFor();
    },
  },
};

for (const [width, height] of [
  [1440, 900],
  [390, 844],
] as const) {
  for (const colours of ["light", "dark"] as const) {
    await using open = await openPageAt("", { width, height, colours });
    const { page } = open;
    for (const [name, { hash, prepare }] of Object.entries(pictures)) {
      await page.goto(`${world.url}${hash}`);
      await page.getByRole("heading", { level: 1 }).waitFor();
      await prepare?.(page);
      await page.waitForLoadState("networkidle");
      await page.screenshot({ path: `${target}${name}-${width}-${colours}.png` });
    }
    if (open.complaints.length > 0) throw new Error(open.complaints.join("\n"));
  }
}
process.exit(0); // eslint-disable-line n/no-process-exit -- the shared server and browser end with the process
