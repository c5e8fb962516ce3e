import { expect } from "chai";
import { type Page } from "playwright-core";

import { logIn, needBrowser, openPage, openPageAt, sharedWorld } from "../support/web-page.ts";
import { type WebWorld } from "../support/web-world.ts";

describe("web: what can be done", function () {
  this.timeout(90_000);
  let world: WebWorld;
  before(async function () {
    needBrowser(this);
    world = await sharedWorld();
  });

  async function openMenu(page: Page, row: string, item: string): Promise<void> {
    const name = `What to do with ${row}`;
    await page.getByRole("button", { name, exact: true }).click();
    // The menu before this one may still be on its way out.
    await page
      .getByRole("menu", { name, exact: true })
      .getByRole("menuitem", { name: item })
      .click();
  }

  it("previews pruning with reasons, and removes nothing until told", async () => {
    world.amber(["backup", `root.pxar:${world.source}/documents`, ...group("thin", 3)]);
    world.amber(["backup", `root.pxar:${world.source}/documents`, ...group("thin", 2)]);
    world.amber(["backup", `root.pxar:${world.source}/documents`, ...group("thin", 1)]);
    await using open = await openPageAt("#/datastore/store1/content");
    const { page } = open;
    await openMenu(page, "host/thin", "Prune …");
    const dialog = page.getByRole("dialog");
    await dialog.getByText("3 kept, 0 removed").waitFor();

    await dialog.getByRole("textbox", { name: "Last" }).fill("1");
    await dialog.getByText("1 kept, 2 removed").waitFor();
    await dialog.getByText("keep-last").first().waitFor();
    await dialog.getByRole("button", { name: "Remove 2 snapshots" }).click();

    await page.getByText("2 snapshots of host/thin have been removed.").waitFor();
    await page.getByRole("row", { name: /host\/thin 1 snapshot/ }).waitFor();
    expect(open.complaints).to.deep.equal([]);
  });

  it("protects a snapshot, edits its notes, and removes a group only when its name is typed", async () => {
    world.amber(["backup", `root.pxar:${world.source}/documents`, ...group("gone", 4)]);
    await using open = await openPageAt("#/datastore/store1/content");
    const { page } = open;
    await page.getByRole("row", { name: /host\/gone/ }).click();
    const snapshot = /What to do with host\/gone\/20/;

    await page.getByRole("button", { name: snapshot }).click();
    await page.getByRole("menuitem", { name: "Protect" }).click();
    await page.getByRole("img", { name: "protected" }).waitFor();
    await page.getByRole("button", { name: snapshot }).click();
    await page.getByRole("menuitem", { name: "Notes …" }).click();
    await page.getByRole("textbox", { name: "Notes" }).fill("before the move");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("gridcell", { name: "before the move" }).first().waitFor();
    await page.getByRole("button", { name: snapshot }).click();
    await page.getByRole("menuitem", { name: "End its protection …" }).click();
    await page.getByRole("button", { name: "End protection" }).click();
    await page.getByRole("img", { name: "protected" }).waitFor({ state: "detached" });
    await openMenu(page, "host/gone", "Remove …");
    const confirm = page.getByRole("button", { name: "Remove host/gone" });
    expect(await confirm.isDisabled()).to.equal(true);
    await page.getByRole("textbox", { name: /Type “host\/gone”/ }).fill("host/gone");
    await confirm.click();

    await page.getByText("host/gone has been removed.").waitFor();
    await page.getByText("host/gone", { exact: true }).waitFor({ state: "detached" });
  });

  it("starts a verification and leads to its log", async () => {
    await using open = await openPageAt("#/datastore/store1/content?ns=office");
    const { page } = open;

    await openMenu(page, "host/desk", "Verify");
    await page.getByRole("link", { name: "Open its log" }).click();

    await page.getByLabel("Log", { exact: true }).getByText("TASK OK").waitFor();
    expect(open.complaints).to.deep.equal([]);
  });

  it("makes a job, runs it, changes it and removes it", async () => {
    await using open = await openPageAt("#/datastore/store1/jobs");
    const { page } = open;
    await page.getByRole("button", { name: "New verify job" }).click();
    await page.getByRole("textbox", { name: "Name", exact: true }).fill("nightly");
    await page.getByRole("textbox", { name: "Namespace" }).fill("office");
    await page.getByRole("button", { name: "Save" }).click();

    await page.getByRole("button", { name: "Run nightly now" }).click();
    await page.getByText("Job nightly has started.").waitFor();
    await page.getByRole("button", { name: "Edit nightly" }).click();
    await page.getByRole("textbox", { name: "Comment" }).fill("while all sleep");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("while all sleep").waitFor();
    await page.getByRole("button", { name: "Remove nightly" }).click();
    await page.getByRole("button", { name: "Remove job" }).click();

    await page.getByRole("button", { name: "Remove nightly" }).waitFor({ state: "detached" });
  });

  it("makes a user and a token, whose secret works and is shown once", async () => {
    await using open = await openPageAt("#/administration");
    const { page } = open;
    await page.getByRole("button", { name: "New user" }).click();
    await page.getByRole("textbox", { name: "Name" }).fill("reader@pbs");
    await page.getByRole("textbox", { name: "Password" }).fill("reader-password");
    await page.getByRole("button", { name: "Create user" }).click();
    await openMenu(page, "reader@pbs", "New token …");
    await page.getByRole("textbox", { name: "Name of the token" }).fill("probe");
    await page.getByRole("button", { name: "Create token" }).click();
    const secret = (await page.getByLabel("Secret", { exact: true }).textContent()) ?? "";
    await page.getByRole("button", { name: "I have copied it" }).click();
    await page.getByText("reader@pbs!probe").waitFor();

    const authorization = `PBSAPIToken=reader@pbs!probe:${secret}`;
    const answer = await open.context.request.get(`${world.url}api2/json/version`, {
      headers: { authorization, cookie: "" },
    });

    expect(answer.status()).to.equal(200);
    expect(await page.content()).not.to.include(secret);
  });

  it("offers a reader nothing that a reader may not do", async () => {
    await using admin = await openPageAt("#/administration/permissions");
    await admin.page.getByRole("button", { name: "New permission" }).click();
    await admin.page.getByRole("combobox", { name: "Where" }).fill("/datastore/store1");
    await admin.page.getByRole("combobox", { name: "User or token" }).fill("reader@pbs");
    await admin.page.getByRole("combobox", { name: "Role" }).fill("DatastoreReader");
    await admin.page.getByRole("option", { name: /^DatastoreReader/ }).click();
    await admin.page.getByRole("button", { name: "Grant" }).click();
    await admin.page.getByRole("cell", { name: "reader@pbs", exact: true }).waitFor();
    await using open = await openPage(`${world.url}#/datastore/store1/content`);
    const { page } = open;

    await logIn(page, "reader", "reader-password");
    await page.getByRole("button", { name: "What to do with host/laptop" }).click();
    const offered = await page.getByRole("menuitem").allTextContents();

    expect(offered).to.deep.equal(["Verify", "Copy its name"]);
    await page.keyboard.press("Escape");
    await page.goto(`${world.url}#/datastore/store1/jobs`);
    await page.getByRole("heading", { name: "Prune jobs" }).waitFor();
    expect(await page.getByRole("button", { name: "New prune job" }).count()).to.equal(0);
  });

  it("takes a dialog away when one leaves the page by the back button", async () => {
    await using open = await openPageAt("#/tasks");
    const { page } = open;
    await page.goto(`${world.url}#/datastore/store1/jobs`);
    await page.getByRole("button", { name: "New prune job" }).click();
    await page.getByRole("dialog").waitFor();

    await page.goBack();

    await page.getByRole("heading", { level: 1, name: "Tasks" }).waitFor();
    await page.getByRole("dialog").waitFor({ state: "detached" });
  });

  it("names the rule by which a backup is late, and watches by it alone", async () => {
    world.amber(["backup", `root.pxar:${world.source}/documents`, ...group("slow", 3)]);
    const rule = (act: string, ...more: readonly string[]): void => {
      const there = ["--repository", world.server.env["PBS_REPOSITORY"] ?? ""];
      world.amber(["manager", "overdue-rule", act, "daily", ...more, ...there]);
    };
    rule("create", "--hours", "24", "--group-filter", "group:host/slow");
    await using open = await openPageAt("#/");
    const { page } = open;

    await page.getByText("host/slow has no recent backup").waitFor();
    await page.getByText('rule "daily" allows 24 hours').waitFor();
    rule("update", "--hours", "0");
    await page.reload();

    await page.locator(".verdict").getByRole("status").waitFor();
    expect(await page.getByText("host/slow has no recent backup").count()).to.equal(0);
    rule("remove");
  });

  it("can be used by keyboard alone: down the tree, into a snapshot, back", async () => {
    await using open = await openPageAt("#/datastore/store1/content");
    const { page } = open;
    // Namespaces stand first, and other tests may have made some.
    await page.getByRole("row", { name: /office/ }).waitFor();
    const group = page.getByRole("row", { name: /host\/archive/, level: 1 });
    const place = Number(await group.getAttribute("data-index"));
    await page.locator('.grid-body [data-index="0"]').focus();

    for (let index = 1; index <= place; index++) {
      await page.keyboard.press("ArrowDown");
      await page.locator(`.grid-body [data-index="${index}"]:focus`).waitFor();
    }
    await page.keyboard.press("ArrowRight");
    await page.getByRole("row", { level: 2 }).first().waitFor();
    await page.keyboard.press("ArrowDown");
    await page.locator(`.grid-body [data-index="${place + 1}"]:focus`).waitFor();
    await page.keyboard.press("Enter");

    await page.getByRole("heading", { level: 1, name: /host\/archive/ }).waitFor();
    await page.goBack();
    await page.getByRole("treegrid").waitFor();
  });

  function group(id: string, ageDays: number): readonly string[] {
    const time = String(world.newestSec - ageDays * 86_400);
    return ["--backup-id", id, "--backup-time", time];
  }
});
