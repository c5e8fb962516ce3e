import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { expect } from "chai";

import { quotedPath } from "../../src/cli/quoted-path.ts";
import {
  type MountProcess,
  runAmber,
  type ServerProcess,
  startMountProcess,
  startServerProcess,
  whyNoMount,
} from "../support/amber-program.ts";
import { skipBecause } from "../support/skip-because.ts";

const fixture = resolve(import.meta.dirname, "../../fixtures/datastore-real");

/** One file of a restored split archive, as `expected.json` describes it. */
interface ExpectedEntry {
  readonly path: string;
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  readonly mtime_ns: number;
  readonly size?: number;
  readonly sha256?: string;
}

/** What the real client restored. */
interface ExpectedContent {
  readonly size?: number;
  readonly sha256?: string;
  readonly restored_tree?: readonly ExpectedEntry[];
}

/** One snapshot of `expected.json`. */
interface ExpectedSnapshot {
  readonly ns: string;
  readonly snapshot: string;
  readonly manifest: {
    readonly files: readonly { readonly filename: string; readonly "crypt-mode": string }[];
  };
  readonly content: Readonly<Record<string, ExpectedContent>>;
  readonly catalog_dump_lines?: readonly string[];
}

const expected = JSON.parse(
  readFileSync(join(fixture, "expected.json"), "utf8"),
) as readonly ExpectedSnapshot[];
const isKeyed = ({ manifest }: ExpectedSnapshot): boolean =>
  manifest.files.some((file) => file["crypt-mode"] !== "none");
// The known key: opens the encrypted snapshots and checks the signatures of all keyed ones.
const keyOptions = ["--keyfile", resolve(fixture, "../crypt/known-key-none.json")];
const sha256 = (path: string): string =>
  createHash("sha256").update(readFileSync(path)).digest("hex");
const namespacePath = (ns: string): string =>
  ns === "" ? "" : `ns/${ns.split("/").join("/ns/")}/`;

/** Type letter, path and, for files, size and time of everything below a mounted archive, as `catalog dump` prints it. */
function listing(root: string, name: string): string[] {
  const lines = [`d "./${name}"`];
  const firstNames = new Set<number>();
  const visit = (folder: Buffer, shown: Buffer): void => {
    for (const entry of readdirSync(folder, { encoding: "buffer" }).sort((a, b) =>
      Buffer.compare(a, b),
    )) {
      const path = Buffer.concat([folder, Buffer.from("/"), entry]);
      const bytes = Buffer.concat([shown, Buffer.from("/"), entry]);
      const stat = lstatSync(path);
      const label = quotedPath(bytes);
      if (stat.isDirectory()) {
        lines.push(`d ${label}`);
        visit(path, bytes);
      } else if (stat.isFile() && stat.nlink > 1 && firstNames.has(stat.ino))
        lines.push(`h ${label}`);
      else if (stat.isFile()) {
        if (stat.nlink > 1) firstNames.add(stat.ino);
        lines.push(
          `f ${label} ${stat.size} ${new Date(Math.floor(stat.mtimeMs / 1000) * 1000).toISOString().replace(".000", "")}`,
        );
      } else if (stat.isSymbolicLink()) lines.push(`l ${label}`);
      else if (stat.isFIFO()) lines.push(`p ${label}`);
      else if (stat.isSocket()) lines.push(`s ${label}`);
      else lines.push(`${stat.isBlockDevice() ? "b" : "c"} ${label}`);
    }
  };
  visit(Buffer.from(root), Buffer.from(`./${name}`));
  return lines;
}

describe("interop/datastore-real", function () {
  this.timeout(60_000);
  const home = mkdtempSync(join(tmpdir(), "amber-real-"));
  const store = join(home, "store");
  cpSync(join(fixture, "store"), store, { recursive: true, preserveTimestamps: true });

  after(() => {
    rmSync(home, { recursive: true, force: true });
  });

  describe("opened by the mount, without a server", () => {
    let mount: MountProcess;

    before(async function () {
      const reason = whyNoMount();
      if (reason !== undefined) {
        skipBecause(this, reason);
      }
      mount = await startMountProcess(["--datastore", store, ...keyOptions], join(home, "mnt"));
    });

    after(async () => {
      await mount.stop();
    });

    it("shows every snapshot of every namespace, encrypted ones too", () => {
      const missing = expected.filter(
        ({ ns, snapshot }) => !existsSync(join(mount.point, namespacePath(ns), snapshot)),
      );

      expect(missing.map(({ snapshot }) => snapshot)).to.deep.equal([]);
    });

    for (const { ns, snapshot, content, catalog_dump_lines: dump } of expected) {
      for (const [name, wanted] of Object.entries(content)) {
        const shown = name.replace(/\.mpxar$/, ".pxar");
        it(`gives ${ns === "" ? "" : `${ns}:`}${snapshot} ${name} back as the real client did`, () => {
          const path = join(mount.point, namespacePath(ns), snapshot, shown);
          if (wanted.restored_tree) {
            for (const entry of wanted.restored_tree) {
              const stat = lstatSync(join(path, entry.path));
              expect(`0o${stat.mode.toString(8)}`, entry.path).to.equal(entry.mode);
              expect([stat.uid, stat.gid]).to.deep.equal([entry.uid, entry.gid]);
              if (entry.sha256 !== undefined)
                expect(sha256(join(path, entry.path)), entry.path).to.equal(entry.sha256);
            }
          } else if (name.endsWith(".pxar")) {
            const wantedLines = (dump ?? [])
              .map((line) => line.trimEnd())
              .filter((line) => line.includes(`"./${name}.didx`));
            expect(listing(path, `${name}.didx`).sort()).to.deep.equal([...wantedLines].sort());
          } else {
            expect(lstatSync(path).size).to.equal(wanted.size);
            expect(sha256(path)).to.equal(wanted.sha256);
          }
        });
      }
    }
  });

  describe("adopted by the server", () => {
    let server: ServerProcess;

    before(async () => {
      server = await startServerProcess(home, store);
    });

    after(async () => {
      await server.stop();
    });

    for (const entry of expected) {
      const { ns, snapshot, content, catalog_dump_lines: dump } = entry;
      const options = isKeyed(entry) ? [...keyOptions, "--require-signature"] : [];
      for (const [name, wanted] of Object.entries(content).filter(
        ([, wanted]) => wanted.sha256 !== undefined,
      )) {
        it(`restores ${ns === "" ? "" : `${ns}:`}${snapshot} ${name} byte for byte`, () => {
          const run = runAmber(
            ["restore", snapshot, name, "-", "--ns", ns, ...options],
            server.env,
          );

          expect(run.status, run.stderr).to.equal(0);
          expect(createHash("sha256").update(run.stdoutBytes).digest("hex")).to.equal(
            wanted.sha256,
          );
        });
      }
      if (!isKeyed(entry)) continue;
      it(`lists the names in ${snapshot} as the real client does`, () => {
        const run = runAmber(["catalog", "dump", snapshot, "--ns", ns, ...options], server.env);

        expect(run.status, run.stderr).to.equal(0);
        const lines = run.stdout.split("\n").filter((line) => line !== "");
        const wanted = (dump ?? []).map((line) => line.trimEnd());
        if (dump) expect(lines.map((line) => line.trimEnd())).to.deep.equal(wanted);
      });
    }

    it("archives the tree of an encrypted snapshot as the official client did, under the same names", function () {
      if (process.getuid?.() !== 0) skipBecause(this, "needs root");
      const official = "host/v4metaenc/2024-06-05T14:24:36Z";
      const tree = join(home, "tree");
      const prelude = join(home, "prelude");
      const succeed = (...args: readonly string[]): string => {
        const run = runAmber(args, server.env);
        expect(run.status, run.stderr).to.equal(0);
        return run.stdout;
      };
      const csums = (snapshot: string): (readonly [string, string])[] => {
        const manifest = JSON.parse(succeed("restore", snapshot, "index.json", "-")) as {
          files: { filename: string; csum: string }[];
        };
        return manifest.files.map(({ filename, csum }) => [filename, csum] as const);
      };
      succeed("restore", official, "mixed.pxar", tree, ...keyOptions, "--prelude-target", prelude);
      const { "exclude-patterns": patterns } = JSON.parse(readFileSync(prelude, "utf8")) as {
        "exclude-patterns": string;
      };

      succeed(
        ...["backup", `mixed.pxar:${tree}`, "--backup-id", "again", ...keyOptions],
        ...["--change-detection-mode", "data"],
        ...patterns
          .split("\n")
          .filter((pattern) => pattern !== "")
          .flatMap((pattern) => ["--exclude", pattern]),
      );

      expect(csums("host/again")).to.deep.equal(csums(official));
    });
  });
});
