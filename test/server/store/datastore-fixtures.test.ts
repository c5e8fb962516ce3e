import { cp, lstat, readdir, readFile, readlink } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { join } from "node:path";

import { expect } from "chai";

import { CLIENT_LOG_NAME } from "../../../src/format/snapshot/archive-name.ts";
import { parseManifest } from "../../../src/format/manifest/manifest.ts";
import { notesOf, verifyStateOf } from "../../../src/format/manifest/manifest-summary.ts";
import { parseNamespace, rootNamespace } from "../../../src/format/snapshot/namespace.ts";
import {
  backupGroupText,
  parseBackupGroup,
  parseSnapshotId,
  snapshotIdText,
} from "../../../src/format/snapshot/snapshot-id.ts";
import { type Datastore } from "../../../src/server/store/datastore.ts";
import { LocalBackend } from "../../../src/server/store/local-backend.ts";
import { newVerifyMemory } from "../../../src/server/store/verify-memory.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { datastoreOn } from "../../support/make-backup.ts";
import { tempDir } from "../../support/temp-dir.ts";

interface ExpectedSnapshot {
  readonly ns: string;
  readonly snapshot: string;
  readonly owner: string;
  readonly files_on_disk: Readonly<Record<string, number>>;
  readonly manifest: unknown;
}

const fixtures = new URL("../../../fixtures/", import.meta.url);
const realStore = fileURLToPath(new URL("datastore-real/store", fixtures));
const miniStore = fileURLToPath(new URL("datastore-mini/store", fixtures));

async function openReadOnly(path: string): Promise<Datastore> {
  const clock = new FakeClock();
  return datastoreOn(await LocalBackend.open(path, { access: "read-only", clock }), clock);
}

/** Every entry of a tree with everything that a reader could change. */
async function treeOf(base: string): Promise<Map<string, string>> {
  const tree = new Map<string, string>();
  for (const name of (await readdir(base, { recursive: true })).sort()) {
    const path = join(base, name);
    const stat = await lstat(path);
    const content = stat.isFile()
      ? (await readFile(path)).toString("base64")
      : stat.isSymbolicLink()
        ? await readlink(path)
        : "";
    tree.set(name, [stat.mode.toString(8), stat.mtimeMs, stat.ino, content].join(" "));
  }
  return tree;
}

/** All snapshots of all namespaces as texts. */
async function namesOf(store: Datastore): Promise<string[]> {
  const names: string[] = [];
  for (const namespace of await store.listNamespaces(rootNamespace, { depthMax: 7 })) {
    for (const group of await store.listGroups(namespace)) {
      for (const snapshot of await store.listSnapshots(namespace, group)) {
        names.push(`${namespace}:${snapshotIdText(snapshot)}`);
      }
    }
  }
  return names;
}

describe("server/store/datastore, on datastores of the reference", () => {
  let expected: readonly ExpectedSnapshot[];
  let store: Datastore;

  before(async () => {
    const text = await readFile(new URL("datastore-real/expected.json", fixtures), "utf8");
    expected = JSON.parse(text) as ExpectedSnapshot[];
    store = await openReadOnly(realStore);
  });

  it("finds every namespace, each before its children", async () => {
    expect(await store.listNamespaces(rootNamespace, { depthMax: 7 })).to.deep.equal([
      "",
      "team",
      "team/sub",
    ]);
    expect(await store.listNamespaces(rootNamespace, { depthMax: 1 })).to.deep.equal(["", "team"]);
    expect(await store.listNamespaces(parseNamespace("team"), { depthMax: 0 })).to.deep.equal([
      "team",
    ]);
  });

  it("finds every snapshot and no other", async () => {
    const names = await namesOf(store);

    expect(names).to.have.members(expected.map(({ ns, snapshot }) => `${ns}:${snapshot}`));
  });

  it("lists groups by type and id, also one without snapshots", async () => {
    const groups = await store.listGroups(rootNamespace);

    expect(groups.map(backupGroupText).slice(0, 4)).to.deep.equal([
      "ct/101",
      "ct/777",
      "host/benchmark",
      "host/golden-encrypted",
    ]);
  });

  it("reads owners, files and manifests as the reference wrote them", async () => {
    for (const wanted of expected) {
      const namespace = parseNamespace(wanted.ns);
      const snapshot = parseSnapshotId(wanted.snapshot);

      const described = await store.describeSnapshot(namespace, snapshot);

      const visible = Object.keys(wanted.files_on_disk).filter((name) => name !== ".protected");
      expect(described.files.map((file) => file.name)).to.have.members(visible);
      expect(described.manifest).to.deep.equal(parseManifest(JSON.stringify(wanted.manifest)));
      expect(described.isProtected).to.equal(".protected" in wanted.files_on_disk);
      expect(await store.readOwner(namespace, snapshot)).to.equal(wanted.owner.trim());
      for (const { name, size } of described.files) {
        if (name.endsWith(".blob") && size !== undefined) {
          expect(size).to.equal(wanted.files_on_disk[name]);
        }
      }
    }
  });

  it("verifies every snapshot", async () => {
    const memory = newVerifyMemory();
    for (const { ns, snapshot } of expected) {
      const verdict = await store.verifySnapshot(
        parseNamespace(ns),
        parseSnapshotId(snapshot),
        memory,
      );

      expect(verdict.faults, snapshot).to.deep.equal([]);
    }
    let chunkCount = 0;
    for await (const chunk of store.blobs.list()) {
      expect(chunk.isBad).to.equal(false);
      chunkCount++;
    }
    expect(memory.good.count).to.be.within(1, chunkCount);
  });

  it("reads notes, group notes, verify states, the client's log, and the last collection", async () => {
    const first = parseSnapshotId("host/golden-plain/2024-06-05T14:24:36Z");
    const group = parseBackupGroup("host/golden-plain");
    const manifest = await store.readManifest(rootNamespace, first);
    await using log = await store.openFile(rootNamespace, first, CLIENT_LOG_NAME);

    expect(await store.readNotes(rootNamespace, first))
      .to.equal(notesOf(manifest))
      .and.not.equal("");
    expect(await store.readGroupNotes(rootNamespace, group)).to.not.equal("");
    expect(verifyStateOf(manifest)?.state).to.equal("ok");
    expect(log.size).to.be.greaterThan(12);
    expect(JSON.parse((await store.readGcStatus()) ?? "")).to.have.property("disk-chunks");
  });

  it("counts groups with snapshots and snapshots", async () => {
    expect(await store.countSnapshots()).to.deep.equal({
      ct: { groups: 2, snapshots: 2 },
      host: { groups: 14, snapshots: 17 },
      vm: { groups: 1, snapshots: 1 },
    });
  });

  it("verifies the small datastore, encrypted or not", async () => {
    const mini = await openReadOnly(miniStore);
    const names = await namesOf(mini);
    for (const name of names) {
      const snapshot = parseSnapshotId(name.slice(1));
      const verdict = await mini.verifySnapshot(rootNamespace, snapshot, newVerifyMemory());

      expect(verdict.faults, name).to.deep.equal([]);
    }
    expect(names).to.have.length(2);
  });

  it("changes nothing in a datastore by adopting, listing and verifying it", async () => {
    await using folder = await tempDir();
    const copy = `${folder.path}/store`;
    await cp(realStore, copy, { recursive: true, preserveTimestamps: true });
    const before = await treeOf(copy);

    const clock = new FakeClock();
    const backend = await LocalBackend.open(copy, { access: "read-write", clock });
    const adopted = datastoreOn(backend, clock, "filesystem");
    for (const name of await namesOf(adopted)) {
      const colon = name.indexOf(":");
      const namespace = parseNamespace(name.slice(0, colon));
      const snapshot = parseSnapshotId(name.slice(colon + 1));
      await adopted.describeSnapshot(namespace, snapshot);
      await adopted.verifySnapshot(namespace, snapshot, newVerifyMemory());
      await using reader = await adopted.openReader(namespace, snapshot);
      await reader.listFiles();
    }
    const staleCount = await adopted.removeStaleUploads();
    await adopted[Symbol.asyncDispose]();

    expect(staleCount).to.equal(0);
    expect(await treeOf(copy)).to.deep.equal(before);
  });
});
