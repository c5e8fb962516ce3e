import { expect } from "chai";
import { type Page } from "playwright-core";

import { needBrowser, openPage, openPageAt, logIn, sharedWorld } from "../support/web-page.ts";
import { type WebWorld } from "../support/web-world.ts";

describe("web: how long a login lasts", function () {
  this.timeout(60_000);
  let world: WebWorld;
  before(async function () {
    needBrowser(this);
    world = await sharedWorld();
  });

  const place = "#/datastore/store1/options";

  async function backAtPlace(page: Page): Promise<void> {
    await page.getByRole("textbox", { name: "Password" }).fill("test-password");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByLabel("Maintenance").first().waitFor();
    expect(new URL(page.url()).hash).to.equal(place);
  }

  it("ends after an hour without anybody there, and leads back to the same place", async () => {
    await using open = await openPage("about:blank");
    const { page } = open;
    await page.clock.install();
    await page.goto(`${world.url}${place}`);
    await logIn(page, "admin", "test-password");
    await page.getByLabel("Maintenance").first().waitFor();

    await page.clock.fastForward("01:01:00");

    await page.getByRole("status").getByText("Nobody was here for an hour").waitFor();
    expect(await page.getByRole("dialog").count()).to.equal(0);
    await backAtPlace(page);
  });

  it("is renewed while somebody is there, and only then", async () => {
    await using open = await openPage("about:blank");
    const { page } = open;
    let tickets = 0;
    page.on("request", (request) => {
      if (request.url().endsWith("/access/ticket")) tickets += 1;
    });
    await page.clock.install();
    await page.goto(`${world.url}${place}`);
    await logIn(page, "admin", "test-password");
    await page.clock.fastForward("00:20:00");
    const idle = tickets;

    const renewal = page.waitForResponse((response) => response.url().endsWith("/access/ticket"));
    await page.keyboard.press("Tab");
    await page.clock.fastForward("00:00:30");
    const renewed = await renewal;

    expect(idle).to.equal(1);
    expect(renewed.status()).to.equal(200);
    await page.getByRole("banner").waitFor();
  });

  it("says so when the server does not know it any more, and leads back to the same place", async () => {
    await using open = await openPageAt("#/tasks");
    const { page } = open;
    await page.getByRole("heading", { level: 1 }).waitFor();

    await open.context.clearCookies();
    await page.goto(`${world.url}${place}`);

    await page.getByRole("status").getByText("Your login has expired").waitFor();
    await backAtPlace(page);
  });
});
