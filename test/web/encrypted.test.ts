import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";

import { expect } from "chai";
import { type Page } from "playwright-core";

import { parseKeyFile } from "../../src/format/crypto/key-file.ts";
import { unlockKeyFile } from "../../src/format/crypto/lock-key.ts";
import { createNativeProvider } from "../../src/format/crypto/native-provider.ts";
import { describeTree } from "../support/describe-tree.ts";
import { eventually } from "../support/eventually.ts";
import { startRecordingProxy } from "../support/recording-proxy.ts";
import { tempDir } from "../support/temp-dir.ts";
import { logIn, needBrowser, openPage, openPageAt, sharedWorld } from "../support/web-page.ts";
import { WORLD_PASSPHRASE, type WebWorld } from "../support/web-world.ts";

describe("web: encrypted snapshots", function () {
  this.timeout(90_000);
  let world: WebWorld;
  before(async function () {
    needBrowser(this);
    world = await sharedWorld();
  });

  const split = (): string =>
    `#/datastore/store1/snapshot/host/vault/${world.newestSec - 86_400}?archive=root.mpxar.didx`;
  const legacy = (): string =>
    `#/datastore/store1/snapshot/host/vault/${world.newestSec}?archive=root.pxar.didx`;

  async function unlock(page: Page, passphrase = WORLD_PASSPHRASE): Promise<void> {
    await page.locator('input[type="file"]').setInputFiles(world.keyFile);
    await page.getByRole("textbox", { name: "Passphrase" }).fill(passphrase);
    await page.getByRole("button", { name: "Open", exact: true }).click();
  }

  /** Opens the folder with links in an encrypted archive. */
  async function openLinks(page: Page, address: string): Promise<void> {
    await page.goto(`${world.url}${address}`);
    await logIn(page, "admin", "test-password");
    await unlock(page);
    await page.getByRole("link", { name: "links" }).click();
    await page.getByRole("link", { name: "letter.txt" }).waitFor();
  }

  async function saveFolderAs(page: Page, ending: string): Promise<void> {
    await page.getByRole("button", { name: "Download this folder" }).click();
    await page.getByRole("menuitem", { name: `Download as ${ending}`, exact: true }).click();
  }

  async function savedFile(page: Page, name: string): Promise<Buffer> {
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: `Download ${name}` }).click();
    return readFileSync(await (await download).path());
  }

  it("opens with the key file what the server cannot read, in both forms of archives", async () => {
    await using open = await openPageAt(split());
    const { page } = open;
    await unlock(page);
    await page.getByText("Signature checked").waitFor();
    const original = readFileSync(join(world.source, "large.bin"));

    const fromSplit = await savedFile(page, "large.bin");
    await page.goto(`${world.url}${legacy()}`);
    const fromLegacy = await savedFile(page, "large.bin");

    expect(fromSplit.equals(original)).to.equal(true);
    expect(fromLegacy.equals(original)).to.equal(true);
    expect(open.complaints).to.deep.equal([]);
  });

  it("says that a passphrase or a key is the wrong one", async () => {
    await using folder = await tempDir();
    const other = join(folder.path, "other.key");
    world.amber(["key", "create", "--kdf", "none", other]);
    await using open = await openPageAt(split());
    const { page } = open;

    await unlock(page, "not the passphrase");
    await page.getByRole("alert").getByText("wrong passphrase").waitFor();
    await page.locator('input[type="file"]').setInputFiles(other);
    await page.getByRole("button", { name: "Open", exact: true }).click();

    await page.getByRole("alert").getByText("the snapshot needs").waitFor();
  });

  it("says that a file is no key file", async () => {
    await using folder = await tempDir();
    const path = join(folder.path, "no.key");
    writeFileSync(path, "not a key");
    await using open = await openPageAt(split());

    await open.page.locator('input[type="file"]').setInputFiles(path);
    await open.page.getByRole("button", { name: "Open", exact: true }).click();

    await open.page.getByRole("alert").getByText("key file").waitFor();
  });

  it("writes a folder as zip to the disk piece by piece, and shows a text, without the server's help", async () => {
    await using open = await openPage("about:blank");
    const { page } = open;
    await giveChosenPlace(page);
    await page.goto(`${world.url}${split()}`);
    await logIn(page, "admin", "test-password");
    await unlock(page);
    await page.getByRole("link", { name: "documents" }).click();
    await page.getByRole("link", { name: "letter.txt" }).waitFor();

    await saveFolderAs(page, "zip");
    const zip = await chosenFile(page, "documents.zip");
    await page.getByRole("link", { name: "letter.txt" }).click();
    await page.getByRole("dialog").getByText("Dear all,").waitFor();

    expect(zip.subarray(0, 2).toString()).to.equal("PK");
    expect(zip.includes("documents/2026/report.pdf")).to.equal(true);
  });

  it("saves a whole archive as a tar file from which the system's tar makes the same tree", async () => {
    await using folder = await tempDir();
    await using open = await openPage("about:blank");
    const { page } = open;
    await page.addInitScript("delete window.showSaveFilePicker");
    await page.goto(`${world.url}${split()}`);
    await logIn(page, "admin", "test-password");
    await unlock(page);
    await page.getByRole("link", { name: "documents" }).waitFor();

    const download = page.waitForEvent("download");
    await saveFolderAs(page, "tar");
    const saved = await download;
    unpack(await saved.path(), folder.path);

    expect(saved.suggestedFilename()).to.equal("root.pxar.tar");
    const [unpacked, source] = [described(folder.path), described(world.source)];
    unpacked.delete(""); // The root of an archive has no entry of its own.
    source.delete("");
    expect([...unpacked]).to.deep.equal([...source]);
  });

  for (const [form, address] of [
    ["a split", split],
    ["a legacy", legacy],
  ] as const) {
    it(`saves a folder of ${form} archive as tar, with a copy of what has its first name elsewhere`, async () => {
      await using folder = await tempDir();
      await using open = await openPage("about:blank");
      const { page } = open;
      await giveChosenPlace(page);
      await openLinks(page, address());

      await saveFolderAs(page, "tar");
      const path = join(folder.path, "saved");
      writeFileSync(path, await chosenFile(page, "links.tar"));
      unpack(path, folder.path);

      const source = described(join(world.source, "links"));
      expect([...described(join(folder.path, "links"))]).to.deep.equal([...source]);
      expect(source.get("/named-twice.txt")).to.include("same as /deep/again.txt");
    });
  }

  it("leaves no tar file behind when a chunk cannot be read in the middle of it", async () => {
    await using open = await openPage("about:blank");
    const { page } = open;
    await giveChosenPlace(page);
    await page.route(/\/chunk\?.*ppxar/, async (route) => {
      await route.fulfill({ status: 500, body: "the disk is broken" });
    });
    await openLinks(page, split());

    await saveFolderAs(page, "tar");
    await page.getByRole("alert").getByText("the disk is broken").waitFor();

    expect(await chosenSize(page, "links.tar")).to.equal(0);
  });

  it("never sends the key, the key file or the passphrase anywhere", async () => {
    await using proxy = await startRecordingProxy(Number(new URL(world.url).port));
    await using open = await openPage("about:blank");
    const { page, context } = open;
    const origins = new Set<string>();
    context.on("request", (request) => origins.add(new URL(request.url()).origin));
    const origin = `https://127.0.0.1:${proxy.port}`;
    await page.goto(`${origin}/${split()}`);
    await logIn(page, "admin", "test-password");
    await unlock(page);
    await page.getByText("Signature checked").waitFor();
    await savedFile(page, "large.bin");

    const sent = proxy.sent();

    expect(sent.includes("/amber/datastore/store1/chunk?")).to.equal(true);
    for (const secret of secretsOf(world.keyFile)) {
      expect(sent.includes(secret), secret.toString("latin1")).to.equal(false);
    }
    const real = [...origins].filter((each) => each.startsWith("http"));
    expect(real).to.deep.equal([origin]);
  });

  it("finds the partitions of an encrypted image, and decrypts one", async () => {
    await using open = await openPageAt(
      `#/datastore/store1/snapshot/vm/200/${world.newestSec}?archive=drive.img.fidx`,
    );
    const { page } = open;
    await unlock(page);
    await page.getByRole("row", { name: /^1 ext2\/3\/4/ }).waitFor();

    const bytes = await savedFile(page, "partition 2");

    const disk = readFileSync(world.image);
    expect(bytes.equals(disk.subarray(6144 * 512, 8192 * 512))).to.equal(true);
  });

  it("forgets the key when the person logs out", async () => {
    await using open = await openPageAt(split());
    const { page } = open;
    await unlock(page);
    await page.getByText("Signature checked").waitFor();

    await page.getByRole("button", { name: /Account of/ }).click();
    await page.getByRole("menuitem", { name: "Log out" }).click();
    await logIn(page, "admin", "test-password");

    await page.getByText("This snapshot is encrypted").waitFor();
  });

  it("lists and opens a file in less than a second each, once unlocked", async () => {
    await using open = await openPageAt(split());
    const { page } = open;
    await unlock(page);
    await page.getByRole("link", { name: "many" }).waitFor();

    const started = performance.now();
    await page.getByRole("link", { name: "many" }).click();
    await page.getByText("300 entries").waitFor();
    const listed = performance.now();
    await page.getByRole("link", { name: "file-7.txt", exact: true }).click();
    await page.getByRole("dialog").getByText("file 7").waitFor();
    const shown = performance.now();

    console.log(
      `      listing ${Math.round(listed - started)} ms, file ${Math.round(shown - listed)} ms`,
    );
  });
});

/** Answers the browser's question for a place on the disk, which nobody can answer here, by its private files. */
async function giveChosenPlace(page: Page): Promise<void> {
  await page.addInitScript(`
    window.showSaveFilePicker = async ({ suggestedName }) => {
      const folder = await navigator.storage.getDirectory();
      return await folder.getFileHandle(suggestedName, { create: true });
    };
  `);
}

/** A tree with all that a tar file keeps of it, which has times in seconds. */
function described(root: string): Map<string, string> {
  const lines = [...describeTree(root, { withAttributes: false })];
  return new Map(lines.map(([name, line]) => [name, line.replace(/(?<=mtime \d+)\d{9}\b/, "")]));
}

function unpack(tar: string, folder: string): void {
  execFileSync("tar", [
    "--extract",
    "--file",
    tar,
    "--directory",
    folder,
    "--preserve-permissions",
  ]);
}

/** Bytes that were written to such a place, which are there only when all were. */
async function chosenSize(page: Page, name: string): Promise<number> {
  return await page.evaluate<number>(`(async () => {
    const folder = await navigator.storage.getDirectory();
    return (await (await folder.getFileHandle(${JSON.stringify(name)})).getFile()).size;
  })()`);
}

/** What was written to such a place, once it is whole. */
async function chosenFile(page: Page, name: string): Promise<Buffer> {
  const content = `(async () => {
    const folder = await navigator.storage.getDirectory();
    const file = await (await folder.getFileHandle(${JSON.stringify(name)}, { create: true })).getFile();
    return [...new Uint8Array(await file.arrayBuffer())];
  })()`;
  let bytes: readonly number[] = [];
  await eventually(async () => {
    bytes = await page.evaluate<number[]>(content);
    return bytes.length > 0;
  });
  return Buffer.from(bytes);
}

/** The secrets in every form that a program might send them in. */
function secretsOf(keyFile: string): readonly Buffer[] {
  const text = readFileSync(keyFile, "utf8");
  const file = parseKeyFile(text);
  const provider = createNativeProvider();
  const key = unlockKeyFile(provider, file, new TextEncoder().encode(WORLD_PASSPHRASE));
  const forms = [key.encKey, key.idKey, file.data].flatMap((bytes) => {
    const buffer = Buffer.from(bytes);
    const base64 = buffer.toString("base64").replace(/=+$/, "");
    return [
      buffer,
      Buffer.from(buffer.toString("hex")),
      Buffer.from(base64),
      Buffer.from(encodeURIComponent(base64)),
      Buffer.from(buffer.toString("base64url")),
    ];
  });
  const words = [WORLD_PASSPHRASE, encodeURIComponent(WORLD_PASSPHRASE), "a+long+passphrase"];
  return [...forms, ...words.map((word) => Buffer.from(word))];
}
