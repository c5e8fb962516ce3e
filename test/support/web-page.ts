import { existsSync } from "node:fs";
import { resolve } from "node:path";

import { type Browser, type BrowserContext, chromium, type Page, request } from "playwright-core";

import { systemClock } from "../../src/format/clock.ts";
import { skipBecause } from "./skip-because.ts";
import { makeWebWorld, type WebWorld } from "./web-world.ts";

/** A page that is logged in, and everything it complained about. */
export interface OpenPage extends AsyncDisposable {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Errors and warnings of the console, failed scripts, and requests that were not answered well. */
  readonly complaints: readonly string[];
}

/** How a page is looked at. */
export interface PageLook {
  readonly width?: number;
  readonly height?: number;
  readonly colours?: "light" | "dark";
}

const browserPaths = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

let browser: Promise<Browser> | undefined;
let world: Promise<WebWorld> | undefined;

/** Skips a group of tests where there is no browser or no built page. */
export function needBrowser(context: Mocha.Context): void {
  if (!browserPaths.some((path) => existsSync(path))) {
    skipBecause(context, "no Chromium: scripts/test-setup.sh installs it on Debian");
  }
  if (!existsSync(resolve(import.meta.dirname, "../../dist/web/index.html"))) {
    throw new Error("dist/web is missing: run npm run build");
  }
}

/** The browser, one for all tests. */
export async function sharedBrowser(): Promise<Browser> {
  browser ??= chromium.launch({
    executablePath: browserPaths.find((path) => existsSync(path)) ?? "chromium",
    args: ["--no-sandbox", "--disable-gpu"],
  });
  return await browser;
}

/** The server with its backups, one for all tests; they must not remove what others look at. */
export async function sharedWorld(): Promise<WebWorld> {
  world ??= makeWebWorld(systemClock.nowSec());
  return await world;
}

/** Opens the page of a server, not logged in. */
export async function openPage(url: string, look: PageLook = {}): Promise<OpenPage> {
  const context = await (
    await sharedBrowser()
  ).newContext({
    ignoreHTTPSErrors: true,
    viewport: { width: look.width ?? 1440, height: look.height ?? 900 },
    colorScheme: look.colours ?? "light",
    reducedMotion: "reduce",
    timezoneId: "UTC",
    locale: "en-GB",
    permissions: ["clipboard-read", "clipboard-write"],
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("requestfailed", (request) => {
    const reason = request.failure()?.errorText ?? "";
    if (!reason.includes("ERR_ABORTED")) complaints.push(`${request.url()}: ${reason}`);
  });
  await page.goto(url);
  return {
    page,
    context,
    complaints,
    [Symbol.asyncDispose]: async () => {
      await context.close();
    },
  };
}

/** Opens the page of the shared server as its administrator, at an address behind `#`. */
export async function openPageAt(hash: string, look: PageLook = {}): Promise<OpenPage> {
  const { url } = await sharedWorld();
  const open = await openPage(`${url}${hash}`, look);
  await logIn(open.page, "admin", "test-password");
  return open;
}

/** Fills in the login and waits until the frame is there. */
export async function logIn(page: Page, user: string, password: string): Promise<void> {
  await page.getByLabel("User").fill(user);
  await page.getByRole("textbox", { name: "Password" }).fill(password);
  await page.getByRole("combobox", { name: "Realm" }).click();
  await page.getByRole("option", { name: "(pbs)" }).click();
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("banner").waitFor();
}

/** Logs out by the menu. */
export async function logOut(page: Page): Promise<void> {
  await page.getByRole("button", { name: /Account of/ }).click();
  await page.getByRole("menuitem", { name: "Log out" }).click();
  await page.getByRole("textbox", { name: "Password" }).waitFor();
}

/** Makes a user of the shared server, as its administrator. */
export async function makeUser(userid: string, password: string): Promise<void> {
  await askAsAdmin("POST", "access/users", { userid, password });
}

/** Gives a role to a user of the shared server, as its administrator. */
export async function grantRole(userid: string, path: string, role: string): Promise<void> {
  await askAsAdmin("PUT", "access/acl", { "auth-id": userid, path, role });
}

/** Asks the API of the shared server for a change. */
async function askAsAdmin(
  method: "POST" | "PUT",
  path: string,
  data: Readonly<Record<string, string>>,
): Promise<void> {
  const { url } = await sharedWorld();
  await using api = await request.newContext({
    baseURL: `${url}api2/json/`,
    ignoreHTTPSErrors: true,
  });
  const credentials = { username: "admin@pbs", password: "test-password" };
  const login = await api.post("access/ticket", { data: credentials });
  const reply = (await login.json()) as {
    readonly data: { readonly ticket: string; readonly CSRFPreventionToken: string };
  };
  const headers = {
    cookie: `PBSAuthCookie=${encodeURIComponent(reply.data.ticket)}`,
    CSRFPreventionToken: reply.data.CSRFPreventionToken,
  };
  const answer = await api.fetch(path, { method, data, headers });
  if (!answer.ok()) throw new Error(`${method} ${path}: ${await answer.text()}`);
}
