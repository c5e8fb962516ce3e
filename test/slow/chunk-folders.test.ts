import { lstat, mkdir, readdir } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

import { expect } from "chai";

import {
  completeChunkFolders,
  createLocalDatastore,
} from "../../src/server/store/create-local-datastore.ts";
import { LocalBackend } from "../../src/server/store/local-backend.ts";
import { startServerProcess } from "../support/amber-program.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { datastoreOn, makeBackup, snapshotAt } from "../support/make-backup.ts";
import { prng } from "../support/prng.ts";
import { tempDir } from "../support/temp-dir.ts";

describe("server/store/create-local-datastore, with all chunk folders", function () {
  this.timeout(120_000);

  it("makes all chunk folders, and can be used before they are there", async () => {
    await using folder = await tempDir();
    const base = `${folder.path}/new/store`;

    const { foldersComplete } = await createLocalDatastore(base, {
      chunkFolders: "in-background",
    });
    const clock = new FakeClock();
    {
      const backend = await LocalBackend.open(base, { access: "read-write", clock });
      await using store = datastoreOn(backend, clock);
      await makeBackup(store, snapshotAt(0), prng(1, 100));
    }
    await foldersComplete;
    await completeChunkFolders(base);

    const names = (await readdir(`${base}/.chunks`)).sort();
    expect(names).to.have.length(65_536);
    expect([names[0], names[0xabcd], names[0xffff]]).to.deep.equal(["0000", "abcd", "ffff"]);
    const modes = [`.chunks`, `.chunks/0000`, `.chunks/abcd`, ".lock"].map(
      async (name) => (await lstat(`${base}/${name}`)).mode & 0o777,
    );
    expect(await Promise.all(modes)).to.deep.equal([0o750, 0o750, 0o750, 0o644]);
  });

  it("makes those that are missing when a server that was killed meanwhile starts again", async () => {
    await using folder = await tempDir();
    const base = `${folder.path}/store`;
    await createLocalDatastore(base, { chunkFolders: "on-demand" });
    await mkdir(`${base}/.chunks/0000`);

    const server = await startServerProcess(folder.path, base, [
      ...["--chunk-folders", "in-background"],
    ]);
    try {
      // As long as a slow disk needs: the time limit of the test ends it.
      while ((await readdir(`${base}/.chunks`)).length < 65_536) await sleep(100);
    } finally {
      await server.stop();
    }
  });
});
