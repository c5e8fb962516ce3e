import { expect } from "chai";
import { type Page } from "playwright-core";

import { totpCode } from "../../src/server/auth/totp.ts";
import { systemClock } from "../../src/format/clock.ts";
import { readQrModules } from "../support/read-qr.ts";
import {
  grantRole,
  logIn,
  logOut,
  makeUser,
  needBrowser,
  openPage,
  openPageAt,
  sharedWorld,
} from "../support/web-page.ts";
import { startWebReceiver } from "../support/web-receiver.ts";
import { type WebWorld } from "../support/web-world.ts";

describe("web: administration", function () {
  this.timeout(90_000);
  let world: WebWorld;
  before(async function () {
    needBrowser(this);
    world = await sharedWorld();
  });

  it("sets up an authenticator app by its QR code, and recovery keys that work once", async () => {
    await makeUser("phone@pbs", "phone-password");
    await using open = await openPage(world.url);
    const { page } = open;
    await logIn(page, "phone", "phone-password");

    await openOwn(page, "Second factor …");
    await page.getByRole("button", { name: "Add an authenticator app" }).click();
    const address = await scanned(page);
    await page.getByLabel("Code", { exact: true }).fill(totpCode(address, systemClock.nowMs()));
    await page.getByRole("textbox", { name: "Your own password" }).fill("phone-password");
    await page.getByRole("button", { name: "Add it" }).click();
    await page.getByText("There are no recovery keys.").waitFor();
    await page.getByRole("button", { name: "Make recovery keys" }).click();
    await page.getByRole("textbox", { name: "Your own password" }).fill("phone-password");
    await page.getByRole("button", { name: "Make keys" }).click();
    const shown = (await page.getByLabel("Recovery keys", { exact: true }).textContent()) ?? "";
    await page.getByRole("button", { name: "I have copied it" }).click();
    const keys = shown.split("\n");
    await logOut(page);
    await passwordStep(page);
    await page.getByLabel(/Code of your authenticator app, 1/).click();
    // The next one: that which added the generator is used up.
    await page.keyboard.type(totpCode(address, systemClock.nowMs() + 30_000));
    await page.getByRole("banner").waitFor();
    await logOut(page);
    await passwordStep(page);
    await page.getByRole("button", { name: "Use a recovery key" }).click();
    await page.getByLabel("Recovery key").fill(keys[3] ?? "");
    await page.getByRole("button", { name: "Confirm" }).click();
    await page.getByRole("banner").waitFor();

    expect(keys).to.have.length(10);
    expect(new URL(address).searchParams.get("issuer")).to.equal("Amber 127.0.0.1");
    expect(open.complaints.filter((text) => !text.includes("401"))).to.deep.equal([]);
  });

  it("removes an app, and keeps the person logged in when the own password was wrong", async () => {
    await using open = await openPageAt("#/administration");
    const { page } = open;
    await page.getByRole("button", { name: "What to do with phone@pbs" }).click();
    await page.getByRole("menuitem", { name: "Second factor …" }).click();
    await page.getByRole("button", { name: "Remove Authenticator app …" }).click();
    const own = page.getByRole("textbox", { name: "Your own password" });
    await own.fill("wrong");
    await page.getByRole("button", { name: "Remove it" }).click();
    await page.getByRole("alert").waitFor();

    await own.fill("test-password");
    await page.getByRole("button", { name: "Remove it" }).click();

    await page.getByRole("button", { name: "Add an authenticator app" }).waitFor();
    expect(await page.getByRole("button", { name: /^Remove Authenticator app/ }).count()).to.equal(
      0,
    );
  });

  it("makes a remote, asks it, and pulls from it by a sync job", async () => {
    await using open = await openPageAt("#/administration/certificates");
    const { page } = open;
    const fingerprint = page.getByLabel("Fingerprint (SHA-256)", { exact: true });
    const printed = (await fingerprint.textContent()) ?? "";
    await page.getByRole("tab", { name: "Remotes" }).click();
    await page.getByRole("button", { name: "New remote" }).click();
    await page.getByLabel("Name", { exact: false }).first().fill("itself");
    await page.getByLabel("Address").fill("127.0.0.1");
    await page.getByLabel("Port").fill(new URL(world.url).port);
    await page.getByLabel("User or token").fill("admin@pbs");
    await page.getByRole("textbox", { name: "Password or secret" }).fill("test-password");
    await page.getByLabel("Fingerprint").fill(printed);
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("button", { name: "Ask it for its datastores" }).click();
    await page.getByText("It answers. Its datastores: store1").waitFor();

    await page.goto(`${world.url}#/datastore/store1/jobs`);
    await page.getByRole("button", { name: "New sync job" }).click();
    await page.getByRole("textbox", { name: "Name", exact: true }).fill("pulling");
    await page.getByRole("textbox", { name: "Namespace", exact: true }).fill("pulled");
    await page.getByRole("combobox", { name: "From server" }).click();
    await page.getByRole("option", { name: "itself (127.0.0.1)" }).click();
    await page.getByRole("combobox", { name: "Its datastore" }).fill("store1");
    await page.getByRole("combobox", { name: "Its namespace" }).click();
    await page.getByRole("option", { name: "office" }).click();
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("from itself/store1/office, in pulled").waitFor();
    await page.getByRole("button", { name: "Run pulling now" }).click();
    await page.getByRole("link", { name: "Open its log" }).click();
    await page.getByLabel("Log", { exact: true }).getByText("TASK OK").waitFor();
    await page.goto(`${world.url}#/datastore/store1/content?ns=pulled`);
    await page
      .getByRole("row", { name: /host\/desk/ })
      .first()
      .waitFor();

    expect(open.complaints).to.deep.equal([]);
  });

  it("makes, changes and removes a rule of traffic control, and says what is wrong with one", async () => {
    await using open = await openPageAt("#/administration/traffic");
    const { page } = open;
    await page.getByRole("button", { name: "New rule" }).click();
    await page.getByRole("textbox", { name: "Name" }).fill("office-hours");
    await page.getByRole("textbox", { name: "Networks" }).fill("not a network");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("alert").getByText("network").waitFor();
    await page.getByRole("textbox", { name: "Networks" }).fill("10.99.0.0/16\nfd00::/8");
    await page.getByRole("textbox", { name: "Backups at most" }).fill("5 MiB");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("10.99.0.0/16, fd00::/8").waitFor();

    await page.getByRole("button", { name: "Edit office-hours" }).click();
    await page.getByRole("textbox", { name: "Backups at most" }).fill("");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("no limit", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Remove office-hours" }).click();
    await page.getByRole("button", { name: "Remove rule" }).click();

    await page.getByText("None yet.").waitFor();
  });

  it("installs a certificate from text, and refuses what is none", async () => {
    await using open = await openPageAt("#/administration/certificates");
    const { page } = open;
    const pem =
      (await page.getByLabel("Certificate as text (PEM)", { exact: true }).textContent()) ?? "";
    await page.getByRole("button", { name: "Install another …" }).click();
    const field = page.getByRole("textbox", { name: "Certificate and chain (PEM)" });
    await field.fill("no certificate");
    await page.getByRole("button", { name: "Install", exact: true }).click();
    await page.getByRole("alert").waitFor();

    await field.fill(pem);
    await page.getByRole("button", { name: "Install", exact: true }).click();

    await page.getByText("The certificate is installed.").waitFor();
  });

  it("makes a webhook, tries it, says why it failed, and sends errors there", async () => {
    await using web = await startWebReceiver();
    await using open = await openPageAt("#/administration/notifications");
    const { page } = open;
    await page.getByText("mail-to-root").first().waitFor();
    await page.getByRole("button", { name: "New target" }).click();
    await page.getByRole("combobox", { name: "Kind" }).click();
    await page.getByRole("option", { name: "Webhook" }).click();
    await page.getByRole("textbox", { name: "Name" }).fill("hook");
    await page.getByRole("textbox", { name: "Address" }).fill(`${web.url}/hook`);
    await page.getByRole("textbox", { name: "Headers" }).fill("X-Word: {{ secrets.word }}");
    await page.getByRole("textbox", { name: "Body" }).fill("{{ title }} (ü)");
    await page.getByRole("textbox", { name: "Secrets for templates" }).fill("word=open sesame");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("button", { name: "Edit hook" }).click();
    await page.getByRole("textbox", { name: "Comment" }).fill("to the pager");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("to the pager").waitFor();

    await page.getByRole("button", { name: "Send a test to hook" }).click();
    await page.getByText("A test notification has been sent to hook.").waitFor();
    web.answers.push({ status: 403 });
    await page.getByRole("button", { name: "Send a test to hook" }).click();
    await page.getByText("403").waitFor();
    await page.getByRole("button", { name: "New matcher" }).click();
    await page.getByRole("textbox", { name: "Name" }).fill("errors-only");
    await page.getByRole("combobox", { name: "Send to" }).click();
    await page.getByRole("option", { name: "hook" }).click();
    await page.getByRole("combobox", { name: "Severities" }).click();
    await page.getByRole("option", { name: "error" }).click();
    await page.getByRole("textbox", { name: "Fields" }).fill("exact:type=verify");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("row", { name: /errors-only error; exact:type=verify hook/ }).waitFor();

    const [request] = web.requests;
    expect(request?.headers["x-word"]).to.equal("open sesame");
    expect(request?.body).to.match(/^Test notification of .* \(ü\)$/);
    expect(await page.getByRole("button", { name: "Remove mail-to-root" }).count()).to.equal(0);
  });

  it("keeps the settings of the server", async () => {
    await using open = await openPageAt("#/administration/server");
    const { page } = open;
    await page.getByRole("textbox", { name: "Notes about this server" }).fill("in the cellar");
    await page.getByLabel("Keep logs of tasks for … days").fill("90");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("The settings are saved.").waitFor();

    await page.reload();

    const days = page.getByLabel("Keep logs of tasks for … days");
    await page.getByText("in the cellar").waitFor();
    expect(await days.inputValue()).to.equal("90");
  });

  it("shows those without privileges of the administration what is their own", async () => {
    await makeUser("guest@pbs", "guest-password");
    await grantRole("guest@pbs", "/datastore/store1", "DatastoreBackup");
    await using open = await openPage(`${world.url}#/administration`);
    const { page } = open;
    await logIn(page, "guest", "guest-password");
    await page.getByText("guest@pbs", { exact: true }).last().waitFor();

    await page.getByRole("tab", { name: "Users" }).waitFor();
    await page.waitForLoadState("networkidle");
    const offered = await page.getByRole("tab").allTextContents();
    await page.goto(`${world.url}#/administration/certificates`);
    await page.getByText("You lack a privilege for this.").waitFor();

    expect(offered).to.deep.equal(["Users"]);
    expect(open.complaints).to.deep.equal([]);
  });
});

/** Takes the first step of a login whose name is still there. */
async function passwordStep(page: Page): Promise<void> {
  await page.getByRole("textbox", { name: "Password" }).fill("phone-password");
  await page.getByRole("button", { name: "Log in" }).click();
}

async function openOwn(page: Page, item: string): Promise<void> {
  await page.getByRole("button", { name: /Account of/ }).click();
  await page.getByRole("menuitem", { name: item }).click();
}

/** What a camera reads in the picture. */
async function scanned(page: Page): Promise<string> {
  const picture = page.getByRole("img", { name: "QR code for the authenticator app" });
  const size = Number((await picture.getAttribute("viewBox"))?.split(" ")[2]);
  const path = (await picture.locator("path").getAttribute("d")) ?? "";
  const modules = Array.from({ length: size }, () => Array<boolean>(size).fill(false));
  for (const [, x, y] of path.matchAll(/M(\d+) (\d+)h1/g)) {
    const row = modules[Number(y)];
    if (row) row[Number(x)] = true;
  }
  const margin = modules.findIndex((row) => row.includes(true));
  const bare = modules.slice(margin, -margin).map((row) => row.slice(margin, -margin));
  return readQrModules(bare);
}
