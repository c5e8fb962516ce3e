import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import {
  needBrowser,
  openPage,
  openPageAt,
  sharedBrowser,
  sharedWorld,
} from "../support/web-page.ts";
import { type WebWorld } from "../support/web-world.ts";

describe("web: from the login to a file of a backup", function () {
  this.timeout(90_000);
  let world: WebWorld;
  before(async function () {
    needBrowser(this);
    world = await sharedWorld();
    await sharedBrowser();
  });

  it("refuses a wrong password in words, and lets a right one in", async () => {
    await using open = await openPage(world.url);
    const { page } = open;
    await page.getByLabel("User").fill("admin@pbs");
    await page.getByRole("textbox", { name: "Password" }).fill("wrong");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("alert").getByText("User, realm or password is wrong").waitFor();

    await page.getByRole("textbox", { name: "Password" }).fill("test-password");
    await page.getByRole("button", { name: "Log in" }).click();

    await page.getByRole("heading", { name: "Are my backups good?" }).waitFor();
    await page.reload();
    await page.getByRole("heading", { name: "Are my backups good?" }).waitFor();
  });

  it("goes from the list of datastores to a file in a split archive, and saves it", async () => {
    await using open = await openPageAt("");
    const { page } = open;
    await page.getByRole("navigation").getByRole("link", { name: "store1" }).click();
    await page.getByRole("tab", { name: "Content" }).click();
    const grid = page.getByRole("treegrid");
    await grid.getByRole("row", { name: /host\/laptop/ }).click();
    await grid.getByRole("row", { level: 2 }).first().getByRole("link").first().click();
    await page.getByRole("link", { name: "Open root.pxar as a folder" }).click();
    await page.getByRole("link", { name: "documents" }).click();

    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Download letter.txt" }).click();
    const saved = await download;

    expect(saved.suggestedFilename()).to.equal("letter.txt");
    expect(readFileSync(await saved.path(), "utf8")).to.equal(
      readFileSync(join(world.source, "documents", "letter.txt"), "utf8"),
    );
    expect(open.complaints).to.deep.equal([]);
  });

  for (const form of ["zip", "tar.zst"]) {
    it(`saves a folder of a legacy archive as ${form}`, async () => {
      const time = world.newestSec - 9 * 86_400;
      await using open = await openPageAt(
        `#/datastore/store1/snapshot/host/archive/${time}?archive=root.pxar.didx`,
      );
      const { page } = open;
      await page.getByRole("link", { name: "documents" }).click();
      await page.getByRole("link", { name: "2026" }).waitFor();

      const download = page.waitForEvent("download");
      await page.getByRole("button", { name: "Download this folder" }).click();
      await page.getByRole("menuitem", { name: `Download as ${form}` }).click();
      const saved = await download;

      expect(saved.suggestedFilename()).to.equal(`documents.${form}`);
      const magic = form === "zip" ? "504b0304" : "28b52ffd";
      expect(
        readFileSync(await saved.path())
          .subarray(0, 4)
          .toString("hex"),
      ).to.equal(magic);
    });
  }

  it("shows pictures and documents, and runs no script of theirs", async () => {
    await using open = await openPageAt(
      `#/datastore/store1/snapshot/host/laptop/${world.newestSec}?archive=root.mpxar.didx`,
    );
    const { page } = open;
    await page.getByRole("link", { name: "pictures" }).click();
    await page.getByRole("link", { name: "dot.png" }).click();
    await page.getByRole("img", { name: "Picture dot.png" }).waitFor();
    await page.waitForFunction("document.querySelector('.preview-image').naturalWidth === 10");
    await page.getByRole("button", { name: "Close" }).click();
    await page.getByRole("link", { name: "harmful.svg" }).click();
    await page.getByRole("img", { name: "Picture harmful.svg" }).waitFor();
    const harmed = await page.evaluate("window.harmed");
    await page.getByRole("button", { name: "Close" }).click();
    await page.getByRole("link", { name: "root.pxar" }).click();
    await page.getByRole("link", { name: "documents" }).click();
    await page.getByRole("link", { name: "2026" }).click();
    await page.getByRole("link", { name: "report.pdf" }).click();
    const source = await page.getByTitle("Document report.pdf").getAttribute("src");

    expect(harmed).to.equal(undefined);
    expect(source).to.match(/^blob:https:/);
    expect(open.complaints).to.deep.equal([]);
  });

  it("shows the partitions of an image, and saves one of them and the whole", async () => {
    await using open = await openPageAt(`#/datastore/store1/snapshot/vm/100/${world.newestSec}`);
    const { page } = open;
    const disk = readFileSync(world.image);
    await page.getByRole("link", { name: "Partitions of drive.img" }).click();
    const row = page.getByRole("row", { name: /^1 ext2\/3\/4/ });
    await row.waitFor();
    await page.getByRole("row", { name: /^2 swap/ }).waitFor();

    const part = page.waitForEvent("download");
    await row.getByRole("button", { name: "Download partition 1" }).click();
    const savedPart = await part;
    const whole = page.waitForEvent("download");
    await page.getByRole("button", { name: "Download drive.img" }).click();
    const savedWhole = await whole;

    expect(savedPart.suggestedFilename()).to.equal("drive-part1.img");
    const bytes = readFileSync(await savedPart.path());
    expect(bytes.equals(disk.subarray(2048 * 512, 6144 * 512))).to.equal(true);
    expect(readFileSync(await savedWhole.path()).equals(disk)).to.equal(true);
    expect(open.complaints).to.deep.equal([]);
  });

  it("shows names as text, whatever is in them", async () => {
    await using open = await openPageAt(
      `#/datastore/store1/snapshot/host/laptop/${world.newestSec}?archive=root.mpxar.didx`,
    );
    const { page } = open;
    await page.getByRole("link", { name: "Größe & <Maß>" }).click();
    await page.getByText("ein <b>Name.txt").waitFor();
    await page.goBack();
    await page.getByText("notes.md").waitFor();

    expect(open.complaints).to.deep.equal([]);
  });
});
