import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { decodeBlob } from "../../src/format/chunk/data-blob.ts";
import { createNativeProvider } from "../../src/format/crypto/native-provider.ts";
import { amberProgram } from "../support/amber-program.ts";
import { rawCall } from "../support/raw-client.ts";
import { fixtures } from "../support/recording.ts";
import { runAgainst } from "../support/run-against.ts";
import { tempDir } from "../support/temp-dir.ts";
import { startTestServer, type TestServer } from "../support/test-server.ts";

/** User and group `backup` of Debian, whose genuine datastores are. */
const BACKUP = { uid: 34, gid: 34 };
const isRoot = process.getuid?.() === 0;

/** Everything about a file that a genuine server could notice. */
interface Seen {
  readonly kind: "file" | "folder";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Of a file. */
  readonly content: string;
  readonly mtimeNs: bigint;
}

/** All files and folders below one, by path. */
function seenBelow(base: string): Map<string, Seen> {
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
function changed(before: Map<string, Seen>, after: Map<string, Seen>): string[] {
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

function added(before: Map<string, Seen>, after: Map<string, Seen>): Map<string, Seen> {
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

function outOfPlace(seen: Map<string, Seen>): string[] {
  return [...seen].flatMap(([path, { kind, mode, uid, gid }]) => {
    const rule = layout.find(([pattern, wanted]) => wanted === kind && pattern.test(path));
    if (!rule) return [`${path}: no genuine server has it`];
    const isOwned = !isRoot || (uid === BACKUP.uid && gid === BACKUP.gid);
    return mode === rule[2] && isOwned ? [] : [`${path}: ${mode.toString(8)} ${uid}:${gid}`];
  });
}

/** An adopted copy of a datastore that a genuine server made. */
class Adopted implements AsyncDisposable {
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

  static async of(vector: string): Promise<Adopted> {
    const folder = await tempDir();
    const store = join(folder.path, "store");
    spawnSync("cp", ["-a", join(fixtures, vector), store]);
    if (isRoot) spawnSync("chown", ["-R", `${BACKUP.uid}:${BACKUP.gid}`, store]);
    spawnSync("chmod", ["-R", "u=rwX,go=rX", store]);
    spawnSync("sh", ["-c", 'chmod 0750 "$0/.chunks" "$0"/.chunks/*', store]);
    writeFileSync(join(folder.path, "notes.txt"), "to be backed up");
    const before = seenBelow(store);
    const server = await startTestServer({ storePath: store });
    return new Adopted(folder, { store, before, server });
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

const KEY = join(fixtures, "crypt/known-key-none.json");

for (const vector of ["datastore-mini/store", "datastore-real/store"]) {
  describe(`interop/adopt-and-give-back: ${vector}`, function () {
    this.timeout(240_000);

    it("changes nothing while everything in it is listed, read and restored", async () => {
      await using adopted = await Adopted.of(vector);
      const { snapshots } = adopted;

      for (const { namespace, snapshot } of snapshots.slice(0, 4)) {
        const place = ["--ns", namespace, "--keyfile", KEY];
        const listed = await adopted.amber(
          "snapshot",
          "files",
          snapshot,
          "--ns",
          namespace,
          "--output-format",
          "json",
        );
        const files = JSON.parse(listed) as { filename: string }[];
        for (const { filename } of files.filter((file) =>
          /(img\.fidx|conf\.blob|index\.json\.blob)$/.test(file.filename),
        )) {
          await adopted.amber("restore", snapshot, filename, "-", ...place);
        }
      }
      await adopted.amber("list");
      await adopted.amber("namespace", "list");
      await adopted.amber("status");
      const after = await adopted.giveBack();

      expect(snapshots.length).to.be.greaterThan(1);
      expect(changed(adopted.before, after)).to.deep.equal([]);
      expect([...added(adopted.before, after).keys()]).to.deep.equal([]);
    });

    it("writes nothing but the states of verification into it when it verifies", async () => {
      await using adopted = await Adopted.of(vector);
      const states = manifests(adopted.store, adopted.before);

      await adopted.amber("verify", "--ignore-verified", "false");
      const after = await adopted.giveBack();

      const different = changed(adopted.before, after).filter(
        (text) => !/index\.json\.blob: (content|mtimeNs)$/.test(text),
      );
      expect(different).to.deep.equal([]);
      expect([...added(adopted.before, after).keys()]).to.deep.equal([]);
      expect(manifests(adopted.store, after)).to.deep.equal(states);
    });

    it("leaves what was there as it was after backups, removals and a collection", async () => {
      await using adopted = await Adopted.of(vector);
      const { server } = adopted;
      const source = `notes.conf:${join(adopted.home, "notes.txt")}`;
      const tree = `tree.pxar:${join(fixtures, "pxar")}`;
      const group =
        [...adopted.before.keys()].find((path) => /^(host|ct)\/[\w-]+$/.test(path)) ?? "";
      const [type = "", id = ""] = group.split("/");
      const owner = readFileSync(join(adopted.store, group, "owner"), "utf8").trim();
      await rawCall(server.port, "POST /api2/json/access/users", {
        headers: { authorization: server.authorization, "content-type": "application/json" },
        body: JSON.stringify({ userid: owner }),
      });
      await adopted.amber("change-owner", group, server.tokenId);
      await adopted.amber("namespace", "create", "fresh");
      const what = ["--backup-type", type, "--backup-id", id];
      await adopted.amber("backup", source, tree, ...what, "--backup-time", "1767225600");
      await adopted.amber(
        "backup",
        source,
        tree,
        "--ns",
        "fresh",
        "--backup-id",
        "own",
        "--keyfile",
        KEY,
      );
      const during = seenBelow(adopted.store);

      await adopted.amber("snapshot", "forget", `${group}/2026-01-01T00:00:00Z`);
      await adopted.amber("namespace", "delete", "fresh", "--delete-groups");
      await adopted.amber("change-owner", group, owner);
      await adopted.amber("garbage-collect");
      const after = await adopted.giveBack();

      expect(outOfPlace(added(adopted.before, during))).to.deep.equal([]);
      // The owner was given back by writing the same again; every collection writes its status.
      const expected = /owner: mtimeNs$|^\.gc-status: (content|mtimeNs)$/;
      const different = changed(adopted.before, after).filter((text) => !expected.test(text));
      expect(different).to.deep.equal([]);
      const left = added(adopted.before, after);
      expect(outOfPlace(left)).to.deep.equal([]);
      expect([...left.keys()].filter((path) => !path.startsWith("."))).to.deep.equal([]);
    });
  });
}

/** All manifests without what verification writes into them. */
function manifests(store: string, seen: Map<string, Seen>): unknown[] {
  const provider = createNativeProvider();
  return [...seen.keys()]
    .filter((path) => path.endsWith("index.json.blob"))
    .sort()
    .map((path) => {
      const raw = readFileSync(join(store, path));
      const text = decodeBlob(provider, raw, { sizeMax: 16 * 1024 * 1024, what: path });
      const manifest = JSON.parse(Buffer.from(text).toString()) as {
        unprotected: Record<string, unknown>;
      };
      const unprotected = Object.entries(manifest.unprotected);
      const kept = unprotected.filter(([name]) => name !== "verify_state");
      return { ...manifest, unprotected: Object.fromEntries(kept) };
    });
}
