/**
 * Question: is the web page fast on what is large: an encrypted kernel tree, and a datastore of 10,000 snapshots?
 *
 * Usage: `npm run --silent build && npx tsx bench/web-browse.ts /path/to/linux-source-6.1 [snapshots]`. Backs the tree up, encrypted,
 * to a server of its own below `TMPDIR`, opens it with Chromium on loopback, and prints how long a person waits: from giving
 * the key to the first listing, for a folder below, and for a text. Then it copies a small snapshot 10,000 times (its index is
 * linked, its manifest renamed), and prints how long the content takes, how many rows exist, and what the dashboard takes.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";

import { type Page } from "playwright-core";

import { runAmber, startServerProcess } from "../test/support/amber-program.ts";
import { logIn, openPage, sharedBrowser } from "../test/support/web-page.ts";
import { copySnapshots, FIRST_COPY_SEC } from "./copied-snapshots.ts";

const SNAPSHOTS_PER_GROUP = 100;

/** How long something takes, and what this program, its browser and its server compute for it. */
async function measured(act: () => Promise<unknown>): Promise<string> {
  const [started, busy] = [performance.now(), cpuSec()];
  await act();
  const wallMs = Math.round(performance.now() - started);
  return `${wallMs} ms (${(cpuSec() - busy).toFixed(2)} s of CPU)`;
}

/** Seconds of CPU of this process and everything that it has started, as proc(5) counts them: in hundredths. */
function cpuSec(): number {
  const family = new Set([process.pid]);
  let ticks = 0;
  const processes = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  for (const pid of processes.map(Number).sort((a, b) => a - b)) {
    let stat: string;
    try {
      stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    } catch {
      continue; // It has ended.
    }
    const fields = stat
      .slice(stat.lastIndexOf(")") + 2)
      .split(" ")
      .map(Number);
    const [, parent = 0] = fields;
    if (!family.has(pid) && !family.has(parent)) continue;
    family.add(pid);
    ticks += (fields[11] ?? 0) + (fields[12] ?? 0);
  }
  return ticks / 100;
}

async function browseTree(page: Page, url: string, keyFile: string): Promise<void> {
  await page.goto(
    `${url}#/datastore/store1/snapshot/host/kernel/${FIRST_COPY_SEC}?archive=root.mpxar.didx`,
  );
  await page.locator('input[type="file"]').setInputFiles(keyFile);
  const first = await measured(async () => {
    await page.getByRole("button", { name: "Open", exact: true }).click();
    await page.getByRole("link", { name: "drivers", exact: true }).waitFor();
  });
  const folder = await measured(async () => {
    await page.getByRole("link", { name: "drivers", exact: true }).click();
    await page.getByRole("link", { name: "accessibility", exact: true }).waitFor();
  });
  await page.goBack();
  await page.getByRole("textbox", { name: "Search in this folder" }).fill("MAINT");
  const file = await measured(async () => {
    await page.getByRole("link", { name: "MAINTAINERS", exact: true }).click();
    await page.getByRole("dialog").getByText("List of maintainers").first().waitFor();
  });
  console.log(`encrypted tree: first listing ${first}, folder ${folder}, file ${file}`);
}

async function openContent(page: Page, url: string, count: number): Promise<void> {
  await page.goto(`${url}#/tasks`);
  await page.getByRole("heading", { level: 1 }).waitFor();
  const content = await measured(async () => {
    await page.goto(`${url}#/datastore/store1/content`);
    await page.getByRole("row", { name: /host\/copy000/ }).waitFor();
  });
  const group = await measured(async () => {
    await page.getByRole("row", { name: /host\/copy000/ }).click();
    await page.getByRole("row", { level: 2 }).first().waitFor();
  });
  const search = await measured(async () => {
    await page.getByRole("textbox", { name: /^Search/ }).fill("copy042");
    await page.getByRole("row", { name: /host\/copy042/ }).waitFor();
  });
  await page.getByRole("textbox", { name: /^Search/ }).fill("");
  // The group is still open: what comes after its hundred rows cannot be seen.
  await page
    .getByRole("row", { name: /host\/copy000/ })
    .first()
    .waitFor();
  const rows = await page.getByRole("row").count();
  const dashboard = await measured(async () => {
    await page.goto(`${url}#/`);
    await page.getByText("host/copy000").first().waitFor();
  });
  console.log(
    `${count} snapshots: content ${content}, a group opens in ${group}, search ${search}, ${rows} rows exist, dashboard ${dashboard}`,
  );
}

const [tree, countText = "10000"] = process.argv.slice(2);
if (tree === undefined) throw new Error("usage: tsx bench/web-browse.ts TREE [SNAPSHOTS]");
const home = mkdtempSync(join(tmpdir(), "amber-web-browse-"));
const server = await startServerProcess(home);
try {
  const amber = (...args: readonly string[]): void => {
    const run = runAmber(args, server.env);
    if (run.status !== 0) throw new Error(run.stderr);
  };
  const keyFile = join(home, "key");
  amber("key", "create", "--kdf", "none", keyFile);
  const named = ["--backup-time", String(FIRST_COPY_SEC), "--backup-id"];
  amber("backup", `root.pxar:${tree}`, ...named, "kernel", "--keyfile", keyFile);
  amber("backup", `root.pxar:${join(tree, "ipc")}`, ...named, "small");
  const [, , address = ""] = (server.env["PBS_REPOSITORY"] ?? "").split("@");
  const url = `https://${address.split(":").slice(0, 2).join(":")}/`;
  await using open = await openPage(url);
  await logIn(open.page, "admin", "test-password");
  await browseTree(open.page, url, keyFile);
  const copies = { count: Number(countText), perGroup: SNAPSHOTS_PER_GROUP };
  copySnapshots({ store: join(home, "store"), id: "small", ...copies });
  await openContent(open.page, url, Number(countText));
} finally {
  await (await sharedBrowser()).close();
  await server.stop();
  rmSync(home, { recursive: true, force: true });
}
