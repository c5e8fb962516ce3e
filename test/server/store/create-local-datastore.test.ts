import { lstat, mkdir, readdir, writeFile } from "node:fs/promises";

import { expect } from "chai";

import { createLocalDatastore } from "../../../src/server/store/create-local-datastore.ts";
import { LocalBackend } from "../../../src/server/store/local-backend.ts";
import { StoreError } from "../../../src/server/store/store-error.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { datastoreOn, makeBackup, snapshotAt } from "../../support/make-backup.ts";
import { prng } from "../../support/prng.ts";
import { rejection } from "../../support/rejection.ts";
import { tempDir } from "../../support/temp-dir.ts";

const onDemand = { chunkFolders: "on-demand" } as const;

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await rejection(promise);
  expect(error).to.be.instanceOf(StoreError);
  return (error as StoreError).code;
}

describe("server/store/create-local-datastore", () => {
  it("lays out what can be used at once, with the modes of the reference", async () => {
    await using folder = await tempDir();
    const base = `${folder.path}/new/store`;

    const { foldersComplete } = await createLocalDatastore(base, onDemand);
    await foldersComplete;
    const clock = new FakeClock();
    await using store = datastoreOn(
      await LocalBackend.open(base, { access: "read-write", clock }),
      clock,
    );
    await makeBackup(store, snapshotAt(0), prng(1, 100));

    const modes = [`.chunks`, ".lock"].map(
      async (name) => (await lstat(`${base}/${name}`)).mode & 0o777,
    );
    expect(await Promise.all(modes)).to.deep.equal([0o750, 0o644]);
    expect(await readdir(`${base}/.chunks`)).to.have.length(3);
  });

  it("refuses a folder in use, but not one with hidden files or lost+found", async () => {
    await using folder = await tempDir();
    await mkdir(`${folder.path}/a`);
    await writeFile(`${folder.path}/a/file`, "");
    await mkdir(`${folder.path}/b/lost+found`, { recursive: true });
    await writeFile(`${folder.path}/b/.hidden`, "");

    expect(await codeOf(createLocalDatastore(`${folder.path}/a`, onDemand))).to.equal(
      "STORE_NOT_EMPTY",
    );
    await createLocalDatastore(`${folder.path}/b`, onDemand);
    expect(await codeOf(createLocalDatastore(`${folder.path}/b`, onDemand))).to.equal(
      "STORE_ALREADY_EXISTS",
    );
    expect(await codeOf(createLocalDatastore(`${folder.path}/b/host/x`, onDemand))).to.equal(
      "STORE_NOT_EMPTY",
    );
  });
});
