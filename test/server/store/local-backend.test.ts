import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";

import { expect } from "chai";

import { parseDigest } from "../../../src/format/chunk/digest.ts";
import { LocalBackend } from "../../../src/server/store/local-backend.ts";
import { StoreError } from "../../../src/server/store/store-error.ts";
import { itIsAStoreBackend } from "../../contract/store-backend.contract.ts";
import { skipBecause } from "../../support/skip-because.ts";
import { emptyDatastore } from "../../support/empty-datastore.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { rejection } from "../../support/rejection.ts";
import { tempDir } from "../../support/temp-dir.ts";

const clock = new FakeClock();
const writable = { access: "read-write", clock } as const;
const digest = parseDigest("ab".repeat(32));

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await rejection(promise);
  expect(error).to.be.instanceOf(StoreError);
  return (error as StoreError).code;
}

describe("server/store/local-backend", () => {
  describe("as a store backend", () => {
    const folders: AsyncDisposable[] = [];
    itIsAStoreBackend(async () => {
      const folder = await emptyDatastore();
      folders.push(folder);
      const ownClock = new FakeClock();
      const backend = await LocalBackend.open(folder.path, { ...writable, clock: ownClock });
      return { backend, clock: ownClock };
    });
    after(async () => {
      for (const folder of folders) await folder[Symbol.asyncDispose]();
    });
  });

  it("refuses a folder without chunk folders, such as an empty mount point", async () => {
    await using folder = await tempDir();

    expect(await codeOf(LocalBackend.open(folder.path, writable))).to.equal(
      "STORE_NOT_A_DATASTORE",
    );
    expect(await codeOf(LocalBackend.open(`${folder.path}/no`, writable))).to.equal(
      "STORE_NOT_A_DATASTORE",
    );
  });

  it("refuses a datastore that another server has open", async () => {
    await using folder = await emptyDatastore();
    await using first = await LocalBackend.open(folder.path, writable);

    expect(await codeOf(LocalBackend.open(folder.path, writable))).to.equal("STORE_IN_USE");
    expect(first.isReadOnly).to.equal(false);
  });

  it("lets readers in beside a server", async () => {
    await using folder = await emptyDatastore();
    await using first = await LocalBackend.open(folder.path, writable);
    await first.writeChunk(digest, new Uint8Array(20), "none");

    await using reader = await LocalBackend.open(folder.path, { access: "read-only", clock });

    expect((await reader.readChunk(digest))?.length).to.equal(20);
  });

  it("writes nothing when opened for reading only", async () => {
    await using folder = await emptyDatastore();
    await rm(`${folder.path}/.lock`);

    await using reader = await LocalBackend.open(folder.path, { access: "read-only", clock });

    expect(await codeOf(reader.writeChunk(digest, new Uint8Array(1), "none"))).to.equal(
      "STORE_READ_ONLY",
    );
    expect(await codeOf(reader.createFolder("host", "none"))).to.equal("STORE_READ_ONLY");
    expect(await codeOf(reader.removeFile(".lock"))).to.equal("STORE_READ_ONLY");
    expect(await readdir(folder.path)).to.deep.equal([".chunks"]);
  });

  it("notices that its folder was replaced, and writes nothing there", async () => {
    await using folder = await emptyDatastore();
    await using backend = await LocalBackend.open(folder.path, writable);
    await rename(`${folder.path}/.chunks`, `${folder.path}/gone`);

    expect(await codeOf(backend.writeChunk(digest, new Uint8Array(1), "none"))).to.equal(
      "STORE_NOT_A_DATASTORE",
    );
    await mkdir(`${folder.path}/.chunks`);
    expect(await codeOf(backend.assertPresent())).to.equal("STORE_NOT_A_DATASTORE");
    expect(await codeOf(backend.writeChunk(digest, new Uint8Array(1), "none"))).to.equal(
      "STORE_NOT_A_DATASTORE",
    );
  });

  it("gives files the mode of the reference, whatever the umask", async () => {
    await using folder = await emptyDatastore();
    await using backend = await LocalBackend.open(folder.path, writable);
    const umask = process.umask(0o077);
    try {
      await backend.writeChunk(digest, new Uint8Array(1), "none");
      const staged = await backend.stageFile("a.didx");
      await staged.publish(0, "none");
    } finally {
      process.umask(umask);
    }

    const chunk = await stat(`${folder.path}/.chunks/abab/${digest}`);
    const index = await stat(`${folder.path}/a.didx`);
    expect(chunk.mode & 0o777).to.equal(0o644);
    expect(index.mode & 0o777).to.equal(0o644);
  });

  it("ignores left-overs and strangers among the chunks", async () => {
    await using folder = await emptyDatastore();
    await using backend = await LocalBackend.open(folder.path, writable);
    await backend.writeChunk(digest, new Uint8Array(1), "none");
    for (const name of [`${digest}.tmp_x1y2z3`, `${digest}.using`, "README", `${digest}.10.bad`]) {
      await writeFile(`${folder.path}/.chunks/abab/${name}`, "");
    }

    const names: string[] = [];
    for await (const entry of backend.listChunks()) names.push(entry.name);

    expect(names).to.deep.equal([digest]);
  });

  it("takes a folder in a chunk's place for a failure, not for absence", async () => {
    await using folder = await emptyDatastore();
    await using backend = await LocalBackend.open(folder.path, writable);
    await mkdir(`${folder.path}/.chunks/abab/${digest}`, { recursive: true });

    expect(await codeOf(backend.statChunk(digest))).to.equal("STORE_UNREADABLE");
  });

  it("respects the record locks of other processes", async function () {
    try {
      execFileSync("python3", ["-c", "import fcntl"]);
    } catch {
      skipBecause(this, "needs python3, to play the other process");
    }
    await using folder = await emptyDatastore();
    await using backend = await LocalBackend.open(folder.path, writable);
    const program = `
import fcntl, sys
f = open(sys.argv[1], "r+")
fcntl.lockf(f, fcntl.LOCK_SH)
print("locked", flush=True)
sys.stdin.readline()
`;
    const other = spawn("python3", ["-c", program, `${folder.path}/.lock`]);
    await once(other.stdout, "data");

    const whileHeld = [await backend.setLock("shared"), await backend.setLock("exclusive")];
    other.stdin.end("\n");
    await once(other, "exit");
    const afterwards = await backend.setLock("exclusive");

    expect(whileHeld).to.deep.equal([true, false]);
    expect(afterwards).to.equal(true);
  });
});
