import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

import { type AxeResults } from "axe-core";
import { expect } from "chai";
import { type Page } from "playwright-core";

import { needBrowser, openPage, openPageAt, sharedWorld } from "../support/web-page.ts";
import { type WebWorld } from "../support/web-world.ts";

/** Most bytes, compressed, that the page may take before it can be used. */
const FIRST_LOAD_BYTES_MAX = 300_000;

const axeSource = readFileSync(new URL(import.meta.resolve("axe-core/axe.min.js")), "utf8");

/** Serious and critical findings of axe, as one line each. */
async function axeFindings(page: Page): Promise<readonly string[]> {
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate<AxeResults>("axe.run()");
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" | ")}`);
}

describe("web: every page", function () {
  this.timeout(90_000);
  let world: WebWorld;
  let places: Readonly<Record<string, string>>;
  before(async function () {
    needBrowser(this);
    world = await sharedWorld();
    const laptop = `#/datastore/store1/snapshot/host/laptop/${world.newestSec}`;
    places = {
      dashboard: "",
      summary: "#/datastore/store1",
      content: "#/datastore/store1/content",
      snapshot: laptop,
      folder: `${laptop}?archive=root.mpxar.didx`,
      compare: `${laptop}?archive=root.mpxar.didx&compare=`,
      image: `#/datastore/store1/snapshot/vm/100/${world.newestSec}?archive=drive.img.fidx`,
      locked: `#/datastore/store1/snapshot/host/vault/${world.newestSec}`,
      jobs: "#/datastore/store1/jobs",
      options: "#/datastore/store1/options",
      rights: "#/datastore/store1/permissions",
      connect: "#/datastore/store1/connect",
      tasks: "#/tasks?show=all",
      administration: "#/administration",
      permissions: "#/administration/permissions",
      remotes: "#/administration/remotes",
      traffic: "#/administration/traffic",
      certificates: "#/administration/certificates",
      notifications: "#/administration/notifications",
      server: "#/administration/server",
      nowhere: "#/no/such/place",
    };
  });

  it("loads less than 300 kB compressed before it can be used", async () => {
    await using context = await openPage("about:blank");
    let bytes = 0;
    context.page.on("response", (response) => {
      void response.body().then((body) => (bytes += gzipSync(body).length));
    });
    await context.page.goto(world.url);
    await context.page.getByRole("button", { name: "Log in" }).waitFor();
    await context.page.waitForLoadState("networkidle");

    expect(bytes).to.be.within(50_000, FIRST_LOAD_BYTES_MAX);
  });

  it("has no script in it, and asks nobody but its server", async () => {
    await using open = await openPage("about:blank");
    const hosts = new Set<string>();
    open.page.on("request", (request) => hosts.add(new URL(request.url()).origin));

    const response = await open.page.goto(world.url);
    await open.page.getByRole("button", { name: "Log in" }).waitFor();

    const policy = response?.headers()["content-security-policy"] ?? "";
    expect(policy).to.include("default-src 'none'; script-src 'self'; worker-src 'self'");
    expect(policy).not.to.include("unsafe");
    expect([...hosts]).to.deep.equal([new URL(world.url).origin]);
    expect(open.complaints.filter((text) => !text.includes("401"))).to.deep.equal([]);
  });

  for (const colours of ["light", "dark"] as const) {
    it(`is quiet and accessible everywhere (${colours})`, async () => {
      await using open = await openPageAt("", { colours });
      const { page } = open;
      const findings: Record<string, readonly string[]> = {};
      for (const [name, hash] of Object.entries(places)) {
        await page.goto(`${world.url}${hash}`);
        await page.getByRole("heading", { level: 1 }).waitFor();
        await page.waitForLoadState("networkidle");
        const found = await axeFindings(page);
        if (found.length > 0) findings[name] = found;
      }

      expect(JSON.stringify(findings, undefined, 1)).to.equal("{}");
      expect(open.complaints).to.deep.equal([]);
    });
  }

  it("shows on a phone the tab that is open, however many there are", async () => {
    await using open = await openPageAt("#/administration/server", { width: 390, height: 844 });
    const { page } = open;
    await page.getByRole("tab", { name: "Server", selected: true }).waitFor();

    await page.waitForFunction(
      "document.querySelector('[role=tab][aria-selected=true]').getBoundingClientRect().right <= innerWidth",
    );
  });

  it("fits on a phone: nothing is wider than the screen", async () => {
    await using open = await openPageAt("", { width: 390, height: 844 });
    const { page } = open;
    const wide: string[] = [];
    for (const [name, hash] of Object.entries(places)) {
      await page.goto(`${world.url}${hash}`);
      await page.getByRole("heading", { level: 1 }).waitFor();
      await page.waitForLoadState("networkidle");
      const width = await page.evaluate<number>("document.documentElement.scrollWidth");
      if (width > 390) wide.push(`${name}: ${width}`);
    }

    expect(wide).to.deep.equal([]);
  });
});
