import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { amberProgram } from "./amber-program.ts";
import { fixtures } from "./fixtures.ts";
import { runAgainst } from "./run-against.ts";
import { tempDir } from "./temp-dir.ts";
import { startTestServer, type TestServer } from "./test-server.ts";

/** User and group `backup` of Debian, whose genuine datastores are. */
const BACKUP = { uid: 34, gid: 34 };
const isRoot = process.getuid?.() === 0;

/** Everything about a file that a genuine server could notice. */
export interface Seen {
  readonly kind: "file" | "folder";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Of a file. */
  readonly content: string;
  readonly mtimeNs: bigint;
}

/** All files and folders below one, by path. */
export function seenBelow(base: string): Map<string, Seen> {
  const seen = new Map<string, Seen>();
  const look = (path: string): void => {
    const { mode, uid, gid, mtimeNs } = lstatSync(join(base, path), { bigint: true });
    const isFile = (mode & 0o170000n) === 0o100000n;
    const content = isFile
      ? createHash("sha256")
          .update(readFileSync(join(base, path)))
          .digest("hex")
      : "";
    const kind = isFile ? "file" : "folder";
    const facts = {
      kind,
      mode: Number(mode & 0o7777n),
      uid: Number(uid),
      gid: Number(gid),
    } as const;
    seen.set(path, { ...facts, content, mtimeNs });
    if (isFile) return;
    for (const name of readdirSync(join(base, path))) look(path === "" ? name : `${path}/${name}`);
  };
  look("");
  return seen;
}

/** Paths that are not there any more, or different. */
export function changed(before: Map<string, Seen>, after: Map<string, Seen>): string[] {
  return [...before].flatMap(([path, was]) => {
    const now = after.get(path);
    if (!now) return [`${path}: gone`];
    // The time of a folder is that of the last name made or removed in it.
    const keys = [
      "kind",
      "mode",
      "uid",
      "gid",
      "content",
      ...(was.kind === "file" ? ["mtimeNs"] : []),
    ];
    return keys
      .filter((key) => was[key as keyof Seen] !== now[key as keyof Seen])
      .map((key) => `${path}: ${key}`);
  });
}

/** What is there only afterwards. */
export function added(before: Map<string, Seen>, after: Map<string, Seen>): Map<string, Seen> {
  return new Map([...after].filter(([path]) => !before.has(path)));
}

/** What a genuine server has in a datastore, and with which modes (spec datastore.md §1, §1.2). */
const layout: readonly (readonly [path: RegExp, kind: Seen["kind"], mode: number])[] = [
  [/^\.lock$/, "file", 0o644],
  [/^\.gc-status$/, "file", 0o644],
  [/^\.chunks\/[0-9a-f]{4}$/, "folder", 0o750],
  [/^\.chunks\/([0-9a-f]{4})\/\1[0-9a-f]{60}$/, "file", 0o644],
  [/^(ns\/\w+\/)*(ns|ns\/\w+|host|vm|ct)$/, "folder", 0o755],
  [/^(ns\/\w+\/)*(host|vm|ct)\/[\w.-]+$/, "folder", 0o755],
  [/^(ns\/\w+\/)*(host|vm|ct)\/[\w.-]+\/owner$/, "file", 0o644],
  [/^(ns\/\w+\/)*(host|vm|ct)\/[\w.-]+\/[\dT:-]+Z$/, "folder", 0o755],
  [/^(ns\/\w+\/)*(host|vm|ct)\/[\w.-]+\/[\dT:-]+Z\/[\w.-]+\.([df]idx|blob)$/, "file", 0o644],
];

/** What a genuine server would not have made, or not so. */
export function outOfPlace(seen: Map<string, Seen>): string[] {
  return [...seen].flatMap(([path, { kind, mode, uid, gid }]) => {
    const rule = layout.find(([pattern, wanted]) => wanted === kind && pattern.test(path));
    if (!rule) return [`${path}: no genuine server has it`];
    const isOwned = !isRoot || (uid === BACKUP.uid && gid === BACKUP.gid);
    return mode === rule[2] && isOwned ? [] : [`${path}: ${mode.toString(8)} ${uid}:${gid}`];
  });
}

/** An adopted copy of a datastore that a genuine server made. */
export class AdoptedDatastore implements AsyncDisposable {
  readonly store: string;
  readonly before: Map<string, Seen>;
  readonly server: TestServer;
  readonly home: string;
  readonly #folder: Awaited<ReturnType<typeof tempDir>>;

  private constructor(
    folder: Awaited<ReturnType<typeof tempDir>>,
    parts: { store: string; before: Map<string, Seen>; server: TestServer },
  ) {
    this.#folder = folder;
    this.home = folder.path;
    this.store = parts.store;
    this.before = parts.before;
    this.server = parts.server;
  }

  static async of(vector: string): Promise<AdoptedDatastore> {
    const folder = await tempDir();
    const store = join(folder.path, "store");
    spawnSync("cp", ["-a", join(fixtures, vector), store]);
    if (isRoot) spawnSync("chown", ["-R", `${BACKUP.uid}:${BACKUP.gid}`, store]);
    spawnSync("chmod", ["-R", "u=rwX,go=rX", store]);
    spawnSync("sh", ["-c", 'chmod 0750 "$0/.chunks" "$0"/.chunks/*', store]);
    writeFileSync(join(folder.path, "notes.txt"), "to be backed up");
    const before = seenBelow(store);
    const server = await startTestServer({ storePath: store });
    return new AdoptedDatastore(folder, { store, before, server });
  }

  /** Runs the program as the administrator. */
  async amber(...args: string[]): Promise<string> {
    const { server, home } = this;
    const account = server.tokenId;
    const path = amberProgram;
    const run = await runAgainst(server, { path, home, account }, args, server.tokenSecret);
    expect(run.status, `${args.join(" ")}: ${run.output}`).to.equal(0);
    return run.output;
  }

  /** Snapshots in all namespaces. */
  get snapshots(): { readonly namespace: string; readonly snapshot: string }[] {
    return [...this.before.keys()].flatMap((path) => {
      const found = /^((?:ns\/\w+\/)*)((?:host|vm|ct)\/[\w.-]+\/[\dT:-]+Z)$/.exec(path);
      if (!found) return [];
      const [, namespace = "", snapshot = ""] = found;
      return [{ namespace: namespace.replace(/ns\//g, "").slice(0, -1), snapshot }];
    });
  }

  /** What there is after the server has ended. */
  async giveBack(): Promise<Map<string, Seen>> {
    await this.server.close();
    return seenBelow(this.store);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    await this.#folder[Symbol.asyncDispose]();
  }
}
