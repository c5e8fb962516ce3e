import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { expect } from "chai";

import { decodeChunkWith, decoded } from "../../src/chunks/decoded.ts";
import { parseDigest } from "../../src/format/chunk/digest.ts";
import { cryptKeyOf } from "../../src/format/crypto/crypt-key.ts";
import { createNativeProvider } from "../../src/format/crypto/native-provider.ts";
import { parseDynamicIndex } from "../../src/format/index/dynamic-index.ts";
import { CHUNK_BYTES_MAX } from "../../src/format/limits.ts";
import { parseTimeText } from "../../src/format/snapshot/time-text.ts";
import { FolderDatastoreView } from "../../src/fs/folder-datastore-view.ts";
import { type SnapshotKey } from "../../src/fs/fs-need.ts";
import { DrivenFileSystem } from "../support/driven-file-system.ts";
import { rejection } from "../support/rejection.ts";

const root = new URL("../../fixtures/datastore-real/", import.meta.url);

interface Restored {
  path: string;
  mode: string;
  uid: number;
  gid: number;
  mtime_ns: number;
  size?: number;
  sha256?: string;
}

interface Expected {
  ns: string;
  snapshot: string;
  manifest: { files: { filename: string; "crypt-mode": string }[] };
  content: Record<
    string,
    { size: number; sha256: string } | { split_archive: true; restored_tree: Restored[] }
  >;
}

const snapshots = JSON.parse(readFileSync(new URL("expected.json", root), "utf8")) as Expected[];
const provider = createNativeProvider();
const knownKey = cryptKeyOf(
  provider,
  Uint8Array.from({ length: 32 }, (_, i) => i),
);

function view(key: typeof knownKey | undefined): FolderDatastoreView {
  return new FolderDatastoreView({
    folder: fileURLToPath(new URL("store", root)),
    provider,
    key,
    chunksOf: (blobs, expected) =>
      decoded(blobs, decodeChunkWith(provider, { sizeMax: CHUNK_BYTES_MAX, key }), { expected }),
  });
}

function keyOf({ ns, snapshot }: Expected): SnapshotKey {
  const [type = "", id = "", time = ""] = snapshot.split("/");
  return { namespace: ns, type, id, timeSec: parseTimeText(time) };
}

function isEncrypted({ manifest }: Expected): boolean {
  return manifest.files.some((file) => file["crypt-mode"] === "encrypt");
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

describe("fs/folder-datastore-view", () => {
  it("lists every namespace, group and finished snapshot of a real datastore", async () => {
    const mount = new DrivenFileSystem(view(undefined), {});

    const found = [...(await mount.list("host/golden-plain"))];

    expect(found).to.deep.equal(["2024-06-05T14:24:36Z", "2024-06-06T14:24:36Z", "latest"]);
    expect(await mount.list("ns")).to.deep.equal(["team"]);
    expect(await mount.list("ns/team/ns")).to.deep.equal(["sub"]);
    for (const { ns, snapshot } of snapshots) {
      const prefix =
        ns === ""
          ? ""
          : `${ns
              .split("/")
              .map((part) => `ns/${part}`)
              .join("/")}/`;
      const { kind } = await mount.stat(prefix + snapshot);
      expect(kind).to.equal("directory");
    }
  });

  for (const expected of snapshots) {
    it(`shows the content of ${expected.ns}:${expected.snapshot} as the official client restores it`, async () => {
      const source = view(isEncrypted(expected) ? knownKey : undefined);
      const snapshot = keyOf(expected);
      const mount = new DrivenFileSystem(source, { root: { kind: "snapshot", snapshot } });

      for (const [name, content] of Object.entries(expected.content)) {
        if ("split_archive" in content) {
          const archive = name.replace(/\.mpxar$/, ".pxar");
          const found = await mount.walk(archive);
          for (const entry of content.restored_tree) {
            const attributes = found.get(entry.path)!;
            expect(attributes).to.include({
              mode: Number(entry.mode),
              uid: entry.uid,
              gid: entry.gid,
            });
            if (entry.sha256 === undefined) continue;
            const bytes = await mount.read(`${archive}/${entry.path}`, 0, entry.size);
            expect(sha256(bytes)).to.equal(entry.sha256);
          }
          expect([...found.keys()]).to.have.members(
            content.restored_tree.map(({ path }) => path).filter((path) => path !== ""),
          );
        } else if (name.endsWith(".pxar")) {
          const opened = await source.openSnapshot(snapshot);
          const index = parseDynamicIndex(await opened.readIndex(`${name}.didx`));
          const hash = createHash("sha256");
          for (let i = 0; i < index.count; i++) {
            hash.update(await opened.chunks.readChunk(index.digestAt(i)));
          }
          expect(hash.digest("hex")).to.equal(content.sha256);
          expect((await mount.walk(name)).size).to.be.greaterThan(0);
        } else {
          expect((await mount.stat(name)).size).to.equal(content.size);
          expect(sha256(await mount.read(name, 0, content.size))).to.equal(content.sha256);
        }
      }
    });
  }

  it("keeps an encrypted archive closed without the key and shows the rest", async () => {
    const expected = snapshots.find(({ snapshot }) => snapshot.includes("golden-encrypted"))!;
    const mount = new DrivenFileSystem(view(undefined), {
      root: { kind: "snapshot", snapshot: keyOf(expected) },
    });

    const { mode } = await mount.stat("links.pxar");
    const image = await rejection(mount.read("disk.img"));
    const tree = await rejection(mount.list("links.pxar"));

    expect(mode).to.equal(0o40000);
    expect(image).to.have.property("code", "EACCES");
    expect(tree).to.have.property("code", "EACCES");
    expect((await mount.read("index.json")).toString()).to.include("golden-encrypted");
  });

  it("says that a chunk is missing when it is", async () => {
    const { chunks } = await view(undefined).openSnapshot(keyOf(snapshots[3]!));

    const error = await rejection(chunks.readChunk(parseDigest("0".repeat(64))));

    expect(error).to.have.property("code", "CHUNK_MISSING");
  });

  it("does not leave the folder, whatever words it is asked for", async () => {
    const source = view(undefined);

    expect(await rejection(source.listGroups("../.."))).to.have.property("code", "FORMAT_INVALID");
    expect(
      await rejection(
        source.openSnapshot({ namespace: "", type: "host", id: "../host", timeSec: 1 }),
      ),
    ).to.have.property("code", "FORMAT_INVALID");
  });
});
