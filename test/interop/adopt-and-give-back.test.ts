import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { decodeBlob } from "../../src/format/chunk/data-blob.ts";
import { createNativeProvider } from "../../src/format/crypto/native-provider.ts";
import {
  added,
  AdoptedDatastore,
  changed,
  outOfPlace,
  type Seen,
  seenBelow,
} from "../support/adopted-datastore.ts";
import { rawCall } from "../support/raw-client.ts";
import { fixtures } from "../support/fixtures.ts";

const KEY = join(fixtures, "crypt/known-key-none.json");

for (const vector of ["datastore-mini/store", "datastore-real/store"]) {
  describe(`interop/adopt-and-give-back: ${vector}`, function () {
    this.timeout(240_000);

    it("changes nothing while everything in it is listed, read and restored", async () => {
      await using adopted = await AdoptedDatastore.of(vector);
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
      await using adopted = await AdoptedDatastore.of(vector);
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
      await using adopted = await AdoptedDatastore.of(vector);
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
